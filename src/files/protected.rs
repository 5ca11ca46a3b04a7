//! Files that no output may overwrite: the inputs, the secret, and the outputs of the same process.

use std::{
    collections::HashSet,
    fs::{self, Metadata},
    io,
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    file_identity::FileIdentity,
    folders::{folder_of, nearest_existing},
};

/// What must not be overwritten.
#[derive(Default)]
pub(crate) struct Protected {
    /// What is read.
    read: HashSet<FileIdentity>,
    /// The places that outputs go to, by their resolved folder and name.
    places: Mutex<HashSet<PathBuf>>,
    outputs: Outputs,
}

/// The files that this process has written. Two names may be the same file if the file system ignores case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outputs(Arc<Mutex<HashSet<FileIdentity>>>);

impl Outputs {
    /// Adds an output.
    pub fn add(&self, metadata: &Metadata) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(FileIdentity::of(metadata));
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Whether what is at `path` is an output of this process.
    pub fn contain(&self, path: &Path) -> bool {
        let outputs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        fs::metadata(path).is_ok_and(|metadata| outputs.contains(&FileIdentity::of(&metadata)))
    }
}

impl Protected {
    /// Adds something that is read. Reading and writing the same terminal or /dev/null is harmless: only stored files
    /// and block devices count.
    pub fn add(&mut self, metadata: &Metadata) {
        if metadata.is_file() || metadata.file_type().is_block_device() {
            self.read.insert(FileIdentity::of(metadata));
        }
    }

    /// Whether the file with this `metadata` is read.
    pub fn is_read(&self, metadata: &Metadata) -> bool {
        self.read.contains(&FileIdentity::of(metadata))
    }

    /// Assigns `path`, in which links are resolved, to one output; returns whether it was still free. Its folder need
    /// not exist yet.
    pub fn assign(&self, path: &Path) -> io::Result<bool> {
        let existing = nearest_existing(folder_of(path));
        let place = fs::canonicalize(existing)?.join(path.strip_prefix(existing).unwrap_or(path));
        Ok(self.places.lock().unwrap_or_else(PoisonError::into_inner).insert(place))
    }

    /// The outputs written so far.
    pub fn outputs(&self) -> &Outputs {
        &self.outputs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_assigned_once_by_whatever_path() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("store")).unwrap();
        let protected = Protected::default();
        assert!(protected.assign(&folder.path().join("film")).unwrap());
        assert!(!protected.assign(&folder.path().join("store/../film")).unwrap());
        assert!(protected.assign(&folder.path().join("store/film")).unwrap());
        assert!(protected.assign(&folder.path().join("new/folder/film")).unwrap());
        assert!(!protected.assign(&folder.path().join("store/../new/folder/film")).unwrap());
    }

    #[test]
    fn an_output_is_known_by_whatever_name() {
        let folder = tempfile::tempdir().unwrap();
        let [film, other] = ["film", "other"].map(|name| folder.path().join(name));
        fs::write(&film, b"frames").unwrap();
        fs::write(&other, b"frames").unwrap();
        let outputs = Outputs::default();
        outputs.add(&film.metadata().unwrap());
        fs::hard_link(&film, folder.path().join("Film")).unwrap();
        assert!(outputs.contain(&folder.path().join("Film")) && !outputs.contain(&other));
    }
}
