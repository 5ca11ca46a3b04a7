//! Files that no output may go over: the inputs, the secret, and the outputs of the same run.

use std::{
    collections::HashSet,
    fs::{self, Metadata},
    io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use super::whole_file::folder_of;

/// What is not to be written over in one run.
#[derive(Default)]
pub(in crate::cli) struct Precious {
    /// Device and inode of what is read.
    read: HashSet<(u64, u64)>,
    /// The places that the run writes to, by their resolved folder and name.
    written: Mutex<HashSet<PathBuf>>,
}

impl Precious {
    /// Adds something that is read. Two ends on one terminal or on /dev/null are no harm: only stored files and block
    /// devices count.
    pub fn add(&mut self, metadata: &Metadata) {
        if metadata.is_file() || metadata.file_type().is_block_device() {
            self.read.insert((metadata.dev(), metadata.ino()));
        }
    }

    /// Whether the run reads what has this `metadata`.
    pub fn is_read(&self, metadata: &Metadata) -> bool {
        self.read.contains(&(metadata.dev(), metadata.ino()))
    }

    /// Claims `path`, whose links are resolved, for one output; whether nobody else has.
    pub fn claim(&self, path: &Path) -> io::Result<bool> {
        let place = fs::canonicalize(folder_of(path))?.join(path.file_name().unwrap_or_default());
        Ok(self.written.lock().unwrap_or_else(PoisonError::into_inner).insert(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_claimed_once_by_whatever_path() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("store")).unwrap();
        let precious = Precious::default();
        assert!(precious.claim(&folder.path().join("film")).unwrap());
        assert!(!precious.claim(&folder.path().join("store/../film")).unwrap());
        assert!(precious.claim(&folder.path().join("store/film")).unwrap());
    }
}
