//! An encrypting `std::io::Write`, on one thread.

use std::io::{self, Write};

use super::{Clock, PipelineError};
use crate::{
    container::{FrameSize, FrameTag, Header, TagFlags},
    keys::StageKeys,
    stage::{Chain, Frame, FrameBuffer, Stage},
};

/// Encrypts what is written to it. Only [`Writer::finish`] writes the final frame: a writer that is dropped without it
/// leaves a stream that every reader refuses as cut short.
pub struct Writer<W> {
    inner: W,
    chain: Chain,
    clock: Clock,
    frame_size: FrameSize,
    // None only after a failed write, from which there is no way on: an index is encrypted once.
    buffer: Option<FrameBuffer>,
    filled: usize,
    time: i64,
    index: u64,
}

impl<W: Write> Writer<W> {
    /// A new stream in `inner`: writes `header` under `keys`, which [`StageKeys::derive`] gives for the header's
    /// prefix. The `private` stages' features and those that `clock` implies (timed, or not) belong into the prefix.
    /// A file key and IV must never be used twice.
    ///
    /// # Errors
    ///
    /// What `inner` says; [`io::ErrorKind::InvalidInput`] if the records do not fit into the header.
    pub fn new(
        mut inner: W,
        header: &Header,
        keys: &StageKeys,
        private: Vec<Box<dyn Stage>>,
        clock: Clock,
    ) -> io::Result<Self> {
        let copies = keys.seal_header(header).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        inner.write_all(&copies)?;
        let frame_size = header.prefix.frame_size;
        let buffer = Some(FrameBuffer::new(frame_size));
        let chain = Chain::new(keys, &header.prefix, private);
        Ok(Self { inner, chain, clock, frame_size, buffer, filled: 0, time: 0, index: 0 })
    }

    /// Writes the final frame, and gives `inner` back, flushed.
    ///
    /// # Errors
    ///
    /// What `inner` says.
    pub fn finish(mut self) -> io::Result<W> {
        self.time = self.clock.now();
        self.seal(TagFlags::FINAL)?;
        self.inner.flush()?;
        Ok(self.inner)
    }

    fn seal(&mut self, flags: TagFlags) -> io::Result<()> {
        if self.index >= self.frame_size.max_frames() {
            return Err(io::Error::other(PipelineError::TooLong));
        }
        let buffer = self.buffer.take().ok_or_else(|| io::Error::other(PipelineError::FailedBefore))?;
        let offset = self.index * self.frame_size.payload() as u64;
        let tag = FrameTag { index: self.index, time: self.time, offset, length: self.filled as u32, flags };
        let frame = self.chain.seal(Frame::clear(buffer, tag));
        self.inner.write_all(frame.wire())?;
        (self.index, self.filled) = (self.index + 1, 0);
        self.buffer = Some(frame.into_buffer());
        Ok(())
    }
}

impl<W: Write> Write for Writer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(buffer) = &mut self.buffer else { return Err(io::Error::other(PipelineError::FailedBefore)) };
        if self.filled == 0 && !bytes.is_empty() {
            self.time = self.clock.now();
        }
        let room = buffer.payload_area().get_mut(self.filled..).unwrap_or_default();
        let count = room.len().min(bytes.len());
        let (Some(room), Some(taken)) = (room.get_mut(..count), bytes.get(..count)) else { return Ok(0) };
        room.copy_from_slice(taken);
        self.filled += count;
        if self.filled == self.frame_size.payload() {
            self.seal(TagFlags::NONE)?;
        }
        Ok(count)
    }

    /// Flushes `inner`. A frame that is not full stays until it is, or until [`Writer::finish`].
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
