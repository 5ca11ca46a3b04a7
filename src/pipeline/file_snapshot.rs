//! Whether a file changed while it was read.

use std::{fs::File, time::SystemTime};

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
        let (size, modified) = state(file)?;
        Ok(Self { file, size, modified })
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
        let (size, modified) = state(self.file)?;
        // Files that the kernel makes up, as under /proc, have no size, and a modification time that means nothing.
        if size != self.size || (modified != self.modified && self.size > 0) {
            return Err(PipelineError::InputChanged);
        }
        Ok(())
    }
}

fn state(file: &File) -> Result<(u64, SystemTime), PipelineError> {
    let metadata = file.metadata().map_err(PipelineError::Read)?;
    Ok((metadata.len(), metadata.modified().map_err(PipelineError::Read)?))
}
