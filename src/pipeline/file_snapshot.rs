//! Whether a file changed while it was read.

use std::{
    fs::{File, Metadata},
    time::SystemTime,
};

use super::PipelineError;

/// A regular file's size and modification time at one moment.
pub struct FileSnapshot<'a> {
    file: &'a File,
    size: u64,
    modified: SystemTime,
}

impl<'a> FileSnapshot<'a> {
    /// What `file` is now.
    ///
    /// # Errors
    ///
    /// [`PipelineError::Read`] if the system does not say.
    pub fn take(file: &'a File) -> Result<Self, PipelineError> {
        Self::of(file, &file.metadata().map_err(PipelineError::Read)?)
    }

    /// What `file` was when it had this `metadata`.
    ///
    /// # Errors
    ///
    /// [`PipelineError::Read`] if the system does not say.
    pub fn of(file: &'a File, metadata: &Metadata) -> Result<Self, PipelineError> {
        let modified = metadata.modified().map_err(PipelineError::Read)?;
        Ok(Self { file, size: metadata.len(), modified })
    }

    /// The file's size then, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether the file is still what it was.
    ///
    /// # Errors
    ///
    /// [`PipelineError::InputChanged`] if not; [`PipelineError::Read`] if the system does not say.
    pub fn confirm(&self) -> Result<(), PipelineError> {
        let now = Self::take(self.file)?;
        // Files that the kernel makes up, as under /proc, have no size, and a modification time that means nothing.
        if now.size != self.size || (now.modified != self.modified && self.size > 0) {
            return Err(PipelineError::InputChanged);
        }
        Ok(())
    }
}
