//! The frames of a stream in order, authenticated, on one thread.

use super::{Continuity, FrameReader, Input, OpenedStream, Resumed, StreamError, Wait};
use crate::stage::{Frame, FrameBuffer, Verified};

/// Gives the frames of a stream one after another, each authenticated, up to the final one. It allocates no new buffer
/// as long as each frame is given back before the next is taken.
pub struct VerifiedFrames<I> {
    stream: OpenedStream,
    frames: FrameReader<Resumed<I>>,
    continuity: Continuity,
    empty: Vec<FrameBuffer>,
}

impl<I: Input> VerifiedFrames<I> {
    /// The frames of `stream`; `input` starts with the first of them.
    pub fn new(stream: OpenedStream, input: Resumed<I>) -> Self {
        let prefix = stream.header().prefix;
        let frames = FrameReader::new(input, prefix.frame_size);
        let empty = vec![FrameBuffer::new(prefix.frame_size)];
        Self { stream, frames, continuity: Continuity::new(prefix.features), empty }
    }

    /// The stream.
    pub fn stream(&self) -> &OpenedStream {
        &self.stream
    }

    /// The next frame. Must not be called after the final one.
    ///
    /// # Errors
    ///
    /// [`StreamError`]; nothing more can be read then.
    pub fn next_frame(&mut self) -> Result<Frame<Verified>, StreamError> {
        let index = self.frames.next_index();
        let refused = |fault| StreamError::Frame { index, fault };
        if self.empty.is_empty() {
            self.empty.push(FrameBuffer::new(self.stream.header().prefix.frame_size));
        }
        // While waiting, an input gives a frame or an error.
        let frame = self.frames.next(&mut self.empty, Wait::ForInput)?.ok_or(StreamError::Stopped)?;
        let frame = self.stream.chain().open(frame).map_err(refused)?;
        self.continuity.check(frame.tag()).map_err(refused)?;
        Ok(frame)
    }

    /// Takes the buffer of a frame back, for the next one.
    pub fn give_back(&mut self, frame: Frame<Verified>) {
        self.empty.push(frame.into_buffer());
    }
}
