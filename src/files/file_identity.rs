//! Whether two names or descriptors are the same file.

use std::{fs::Metadata, os::unix::fs::MetadataExt};

/// What identifies a file on this machine while it exists, whatever its name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FileIdentity {
    device: u64,
    inode: u64,
}

impl FileIdentity {
    /// That of the file with this `metadata`.
    pub fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}
