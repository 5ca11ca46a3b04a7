//! Whether a file changed while it was read.

use std::{
    fs::{File, Metadata},
    time::SystemTime,
};

use crate::stream::StreamError;

/// A regular file's size and modification time at one moment.
pub struct FileSnapshot<'a> {
    file: &'a File,
    size: u64,
    modified: SystemTime,
}

impl<'a> FileSnapshot<'a> {
    /// The state of `file` now.
    ///
    /// # Errors
    ///
    /// [`StreamError::Read`] if the system does not give the file's metadata.
    pub fn take(file: &'a File) -> Result<Self, StreamError> {
        Self::of(file, &file.metadata().map_err(StreamError::Read)?)
    }

    /// The state of `file` when it had this `metadata`.
    ///
    /// # Errors
    ///
    /// [`StreamError::Read`] if the system does not give modification times.
    pub fn of(file: &'a File, metadata: &Metadata) -> Result<Self, StreamError> {
        let modified = metadata.modified().map_err(StreamError::Read)?;
        Ok(Self { file, size: metadata.len(), modified })
    }

    /// The file's size at that moment, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Fails unless the file is unchanged.
    ///
    /// # Errors
    ///
    /// [`StreamError::InputChanged`] if it has changed; [`StreamError::Read`] if the system does not give its metadata.
    pub fn confirm(&self) -> Result<(), StreamError> {
        let now = Self::take(self.file)?;
        // Files that the kernel generates, as in /proc, have no size, and their modification time means nothing.
        if now.size != self.size || (now.modified != self.modified && self.size > 0) {
            return Err(StreamError::InputChanged);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::FileExt, time::UNIX_EPOCH};

    use super::*;

    #[test]
    fn a_file_that_grew_shrank_or_was_rewritten_has_changed() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(b"frames", 0).unwrap();
        let modified = file.metadata().unwrap().modified().unwrap();
        let snapshot = FileSnapshot::take(&file).unwrap();
        assert!(snapshot.confirm().is_ok());
        file.set_modified(UNIX_EPOCH).unwrap();
        assert!(matches!(snapshot.confirm(), Err(StreamError::InputChanged)));
        for length in [5, 7] {
            file.set_len(length).unwrap();
            file.set_modified(modified).unwrap();
            assert!(matches!(snapshot.confirm(), Err(StreamError::InputChanged)), "{length}");
        }
    }

    #[test]
    fn the_modification_time_of_a_file_without_a_size_means_nothing() {
        let file = tempfile::tempfile().unwrap();
        let snapshot = FileSnapshot::take(&file).unwrap();
        file.set_modified(UNIX_EPOCH).unwrap();
        assert!(snapshot.confirm().is_ok());
    }
}
