//! The frames of a stream in order, authenticated, on one thread.

use super::{Continuity, FrameReader, Input, OpenedStream, Resumed, StreamError, Wait};
use crate::stage::{Frame, FrameBuffer, Verified};

/// Gives one frame of a stream after the other, each authenticated, up to the final one. In memory for one frame: whoever
/// takes one gives its buffer back.
pub struct VerifiedFrames<I> {
    stream: OpenedStream,
    frames: FrameReader<Resumed<I>>,
    continuity: Continuity,
    empty: Vec<FrameBuffer>,
}

impl<I: Input> VerifiedFrames<I> {
    /// The frames of `stream`, which `input` holds from the first on.
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

    /// The next frame. After the final one there is none to ask for.
    ///
    /// # Errors
    ///
    /// [`StreamError`]; the stream cannot be read on then.
    pub fn next_frame(&mut self) -> Result<Frame<Verified>, StreamError> {
        let index = self.frames.next_index();
        let refused = |fault| StreamError::Frame { index, fault };
        if self.empty.is_empty() {
            self.empty.push(FrameBuffer::new(self.stream.header().prefix.frame_size));
        }
        // An input that is waited for gives a frame or an error.
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
