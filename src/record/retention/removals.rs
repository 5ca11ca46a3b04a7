//! Which segments a recorder says it has removed, for those who find them missing.

use std::{collections::HashMap, fs::File, io, ops::RangeInclusive, os::unix::fs::OpenOptionsExt, path::Path};

use rustix::fs::OFlags;

use super::{
    ledger::{LEDGER_NAME, read},
    ledger_entries::{Id, LedgerEntries},
    number_ranges::NumberRanges,
};

/// Which segments the ledger of a folder says were removed. It is not authenticated: whoever can remove a segment can
/// also write that it was removed.
#[derive(Debug, Default)]
pub(crate) struct Removals(HashMap<Id, NumberRanges>);

impl Removals {
    /// What the ledger in `folder` says; nothing if there is none that can be read.
    pub fn noted_in(folder: &Path) -> Self {
        Self(entries(&folder.join(LEDGER_NAME)).map(|entries| entries.removed).unwrap_or_default())
    }

    /// Whether it says that all these segments of `recording` were removed.
    pub fn cover(&self, recording: &Id, numbers: &RangeInclusive<u64>) -> bool {
        self.0.get(recording).is_some_and(|removed| removed.cover(numbers))
    }
}

fn entries(path: &Path) -> io::Result<LedgerEntries> {
    // Opening a pipe would block, and a link leads elsewhere.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let (bytes, _) = read(&File::options().read(true).custom_flags(flags).open(path)?)?;
    Ok(LedgerEntries::parse(&bytes).0)
}
