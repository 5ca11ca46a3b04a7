//! How many files this process may have open.

use std::io;

use rustix::{
    io::Errno,
    process::{Resource, getrlimit},
};

/// The number of descriptors that a process has open besides the files it works on: the standard streams, a terminal,
/// signals, a key file, and what it inherited.
const OTHERS: u64 = 16;

/// The descriptors left for files.
pub(crate) fn free() -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(limit.saturating_sub(OTHERS)).unwrap_or(usize::MAX)
}

/// Whether something failed because this process, or the system, has no more descriptors.
#[cfg_attr(not(any(feature = "serve", feature = "mount")), allow(dead_code, reason = "others do with few"))]
pub(crate) fn are_lacking(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}
