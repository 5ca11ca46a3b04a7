//! A stream in a file that may still grow, frame by frame.

use crate::{
    container::{FRAME_OVERHEAD, FrameTag, MAC_LENGTH},
    stage::{Frame, FrameBuffer, FrameFault, Verified},
    stream::{Continuity, OpenedStream, ReadAt, StreamError, StreamFile},
};

/// How often a complete frame is read again before it counts as damaged: on a network file system its bytes may appear
/// one after another.
const MOST_TRIES: u32 = 5;

/// The frames of a stream, as far as they have been written.
pub(crate) struct GrowingStream<R> {
    source: R,
    stream: OpenedStream,
    continuity: Option<Continuity>,
    next_index: u64,
    buffer: Option<FrameBuffer>,
    last: Option<(FrameTag, [u8; MAC_LENGTH])>,
    tries: u32,
}

impl<R: ReadAt> GrowingStream<R> {
    /// The frames of `stream`, which starts at the first byte of `source`, from frame `first` on.
    pub fn new(source: R, stream: OpenedStream, first: u64) -> Self {
        Self { source, stream, continuity: None, next_index: first, buffer: None, last: None, tries: 0 }
    }

    pub fn source(&self) -> &R {
        &self.source
    }

    pub fn stream(&self) -> &OpenedStream {
        &self.stream
    }

    /// The tag and the MAC of the last frame that was given.
    pub fn last(&self) -> Option<&(FrameTag, [u8; MAC_LENGTH])> {
        self.last.as_ref()
    }

    /// The next frame, verified; `None` if it is not there yet. Must not be called after the final frame.
    ///
    /// # Errors
    ///
    /// [`StreamError`]: the frame is there, but damaged.
    pub fn next_frame(&mut self) -> Result<Option<Frame<Verified>>, StreamError> {
        let (index, header) = (self.next_index, self.stream.header());
        let refused = |fault| StreamError::Frame { index, fault };
        let size = self.source.size().map_err(|error| StreamError::ReadFrame { index, error })?;
        let file = StreamFile::new(&self.source, size, 0, header.layout());
        let there = file.wire_length(index);
        if there < FRAME_OVERHEAD {
            return Ok(None);
        }
        let buffer = self.buffer.take().unwrap_or_else(|| FrameBuffer::new(header.prefix.frame_size));
        let frame = match file.read(buffer, index) {
            // The file has become shorter.
            Err(StreamError::EndBeforeFinalFrame { .. } | StreamError::CutFrame { .. }) => return Ok(None),
            frame => frame?,
        };
        let is_full = frame.wire_length() == header.prefix.frame_size.wire();
        let frame = match self.stream.chain().open(frame) {
            Ok(frame) => frame,
            // The frame is only partly written.
            Err(FrameFault::Mac) if !is_full => return Ok(None),
            Err(FrameFault::Mac) if self.tries < MOST_TRIES => {
                self.tries += 1;
                return Ok(None);
            }
            Err(fault) => return Err(refused(fault)),
        };
        let tag = *frame.tag();
        let features = header.prefix.features;
        let first = || if index == 0 { Continuity::new(features) } else { Continuity::starting_with(features, &tag) };
        self.continuity.get_or_insert_with(first).check(&tag).map_err(refused)?;
        self.last = Some((tag, frame.mac()));
        (self.next_index, self.tries) = (index + 1, 0);
        Ok(Some(frame))
    }

    /// How long the plaintext is, up to the last frame that was given.
    pub fn length(&self) -> u64 {
        self.last.as_ref().and_then(|(tag, _)| tag.end()).unwrap_or(0)
    }

    /// The source, and the stream.
    pub fn into_parts(self) -> (R, OpenedStream) {
        (self.source, self.stream)
    }

    /// Takes back the buffer of a frame, to reuse it for the next one.
    pub fn give_back(&mut self, frame: Frame<Verified>) {
        self.buffer = Some(frame.into_buffer());
    }
}
