//! Reading a stream with `std::io`, and seeking in it.

use std::{
    io::{self, ErrorKind, Read, Seek, SeekFrom},
    sync::Arc,
};

use super::{ReadAt, SealedFile, StreamError};

/// A reader of a [`SealedFile`] with a position of its own. A refused frame is an error of kind
/// [`ErrorKind::InvalidData`] around a [`StreamError`], for the reads that need that frame: seeking elsewhere, one can read
/// on. `Ok(0)` for an area that is not empty says that the end of a whole stream was reached; the end of an unfinished one
/// is an error.
pub struct Cursor<R> {
    file: Arc<SealedFile<R>>,
    position: u64,
}

impl<R: ReadAt> Cursor<R> {
    pub(super) fn new(file: Arc<SealedFile<R>>) -> Self {
        Self { file, position: 0 }
    }

    /// The stream that is read.
    pub fn file(&self) -> &Arc<SealedFile<R>> {
        &self.file
    }
}

// Not derived: what is read need not be cloned for it.
impl<R> Clone for Cursor<R> {
    fn clone(&self) -> Self {
        Self { file: Arc::clone(&self.file), position: self.position }
    }
}

impl<R: ReadAt> Read for Cursor<R> {
    fn read(&mut self, area: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(area, self.position).map_err(|error| match error {
            StreamError::Read(error) | StreamError::ReadFrame { error, .. } => error,
            error => io::Error::new(ErrorKind::InvalidData, error),
        })?;
        self.position += read as u64;
        Ok(read)
    }
}

impl<R: ReadAt> Seek for Cursor<R> {
    /// Seeks. There is nothing to seek from at the end of an unfinished stream, which is an error of kind
    /// [`ErrorKind::Unsupported`].
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(_) if !self.file.is_whole() => {
                return Err(io::Error::new(ErrorKind::Unsupported, "the end of an unfinished stream is not known"));
            }
            SeekFrom::End(by) => self.file.len().checked_add_signed(by),
        };
        let before_the_start = || io::Error::new(ErrorKind::InvalidInput, "a position before the first byte");
        self.position = position.ok_or_else(before_the_start)?;
        Ok(self.position)
    }
}
