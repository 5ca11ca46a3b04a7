//! How many files this process may have open.

use rustix::process::{Resource, getrlimit};

/// What a process has open besides the files it works on: the standard streams, a terminal, signals, a key file, and what
/// it inherited.
const OTHERS: u64 = 16;

/// The descriptors left for files.
pub(crate) fn free() -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(limit.saturating_sub(OTHERS)).unwrap_or(usize::MAX)
}
