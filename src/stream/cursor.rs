//! Reading and seeking in a stream with `std::io`.

use std::{
    io::{self, ErrorKind, Read, Seek, SeekFrom},
    sync::Arc,
};

use super::{ReadAt, SealedFile, StreamError};

/// A reader of a [`SealedFile`], with a position of its own. A refused frame is an error of kind
/// [`ErrorKind::InvalidData`] wrapping a [`StreamError`], but only for the reads that need that frame: after seeking
/// elsewhere, reading works. `Ok(0)` for a buffer that is not empty means that the end of a whole stream was reached;
/// the end of an unfinished one is an error.
pub struct Cursor<R> {
    file: Arc<SealedFile<R>>,
    position: u64,
}

impl<R: ReadAt> Cursor<R> {
    pub(super) fn new(file: Arc<SealedFile<R>>) -> Self {
        Self { file, position: 0 }
    }

    /// The stream that this reads.
    pub fn file(&self) -> &Arc<SealedFile<R>> {
        &self.file
    }
}

// Not derived, since that would require `R: Clone`.
impl<R> Clone for Cursor<R> {
    fn clone(&self) -> Self {
        Self { file: Arc::clone(&self.file), position: self.position }
    }
}

impl<R: ReadAt> Read for Cursor<R> {
    fn read(&mut self, area: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(area, self.position).map_err(StreamError::into_read_error)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl<R: ReadAt> Seek for Cursor<R> {
    /// Seeks. Seeking from the end of an unfinished stream is an error of kind [`ErrorKind::Unsupported`].
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(_) if !self.file.is_whole() => {
                return Err(io::Error::new(ErrorKind::Unsupported, "the end of an unfinished stream is not known"));
            }
            SeekFrom::End(by) => self.file.len().checked_add_signed(by),
        };
        let out_of_range =
            || io::Error::new(ErrorKind::InvalidInput, "invalid seek to a negative or overflowing position");
        self.position = position.ok_or_else(out_of_range)?;
        Ok(self.position)
    }
}
