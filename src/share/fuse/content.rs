//! Reading pieces of an open stream.

use std::sync::Arc;

use rustix::io::Errno;

use super::buffers::{Buffer, Buffers};
use crate::share::tree::{Piece, SharedStream};

/// From this size on, a read is one of many in order, or takes whole frames, so the rest of a frame is not kept.
pub(super) const LARGE: usize = 64 << 10;

/// A stream, with the way in which it is read.
pub(super) struct Content {
    pub stream: Arc<SharedStream>,
    /// Whether all reads fill the system's cache.
    pub is_cached: bool,
    buffers: Arc<Buffers>,
}

/// Bytes that were asked for.
pub(super) enum Answer {
    /// They are in one frame.
    Piece(Piece),
    Copied(Buffer),
}

impl Content {
    /// Reads `stream`; answers that need a copy are put into `buffers`.
    pub fn new(stream: Arc<SharedStream>, is_cached: bool, buffers: Arc<Buffers>) -> Self {
        Self { stream, is_cached, buffers }
    }

    /// Reads `size` bytes from the byte `offset` on, or fewer at the end. `for_cache` says that the answer fills the
    /// system's cache, which takes a short answer for the end of the file.
    ///
    /// # Errors
    ///
    /// The error of the first byte if that cannot be read; if the answer is to be cached, of any byte.
    pub fn read(&self, offset: u64, size: usize, for_cache: bool) -> Result<Answer, Errno> {
        let may_be_short = !for_cache && !self.is_cached;
        if size < LARGE {
            return self.read_small(offset, size, may_be_short).map(Answer::Copied);
        }
        match self.piece(offset, size)? {
            None => Ok(Answer::Copied(self.buffers.take(0))),
            Some(piece) if piece.as_ref().len() == size => Ok(Answer::Piece(piece)),
            Some(piece) => self.gather(piece, offset, size, may_be_short).map(Answer::Copied),
        }
    }

    /// Reads less than [`LARGE`]: the rest of the frame is kept for the next read.
    fn read_small(&self, offset: u64, size: usize, may_be_short: bool) -> Result<Buffer, Errno> {
        let mut buffer = self.buffers.take(size);
        let (area, mut read) = (buffer.room(size), 0);
        while let Some(room) = area.get_mut(read..).filter(|room| !room.is_empty()) {
            match self.stream.read_at(room, offset.saturating_add(read as u64)) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(_) if read > 0 && may_be_short => break,
                Err(failure) => return Err(failure.errno()),
            }
        }
        buffer.fill(read);
        Ok(buffer)
    }

    fn piece(&self, offset: u64, size: usize) -> Result<Option<Piece>, Errno> {
        self.stream.piece_at(offset, size as u64).map_err(|failure| failure.errno())
    }

    /// Collects `size` bytes: those of `first`, which is at `offset`, and what comes after it.
    fn gather(&self, first: Piece, offset: u64, size: usize, may_be_short: bool) -> Result<Buffer, Errno> {
        let mut buffer = self.buffers.take(size);
        let (area, mut read, mut next) = (buffer.room(size), 0, Some(first));
        while let Some(piece) = next.take() {
            let bytes = piece.as_ref();
            if let Some(room) = area.get_mut(read..read + bytes.len()) {
                room.copy_from_slice(bytes);
                read += bytes.len();
            }
            drop(piece);
            if read == size {
                break;
            }
            next = match self.piece(offset.saturating_add(read as u64), size - read) {
                Ok(piece) => piece,
                Err(_) if may_be_short => None,
                Err(error) => return Err(error),
            };
        }
        buffer.fill(read);
        Ok(buffer)
    }
}

impl AsRef<[u8]> for Answer {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Piece(piece) => piece.as_ref(),
            Self::Copied(buffer) => buffer.as_ref(),
        }
    }
}
