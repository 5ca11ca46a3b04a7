//! A stream in a file, its frames read at their positions.

use std::io::ErrorKind;

use super::{ReadAt, StreamError, received};
use crate::{
    container::{Extent, FRAME_OVERHEAD, Layout, StreamCut},
    stage::{Chain, Frame, FrameBuffer, FrameFault, Received, Verified},
};

/// A stream in a file or in anything else that can be read at a position, from `start` to its end. The number of frames
/// follows from the length, which is not to be trusted until the final frame is authenticated.
#[derive(Clone, Copy)]
pub struct StreamFile<R> {
    source: R,
    start: u64,
    length: u64,
    layout: Layout,
}

impl<R: ReadAt> StreamFile<R> {
    /// The stream in `source`, of `size` bytes, that starts at `start` and has this layout.
    pub fn new(source: R, size: u64, start: u64, layout: Layout) -> Self {
        Self { source, start, length: size.saturating_sub(start), layout }
    }

    /// The source that contains the stream.
    pub fn source(&self) -> &R {
        &self.source
    }

    /// Where the stream's frames are.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Whether the file's length allows a whole stream. Nothing is authenticated.
    ///
    /// # Errors
    ///
    /// [`StreamError::EndBeforeFinalFrame`] or [`StreamError::CutFrame`] if the length shows that the end is missing;
    /// [`StreamError::TooLong`].
    pub fn check_length(&self) -> Result<(), StreamError> {
        self.extent().map(drop)
    }

    /// The final frame, authenticated: no length is trusted before that, and truncation is noticed at once. An offset
    /// that is more than the frames before it can hold is refused, so that a forged one cannot ask for space that is
    /// not needed.
    ///
    /// # Errors
    ///
    /// [`StreamError`] of that frame, or of reading it; [`StreamError::Unwritten`], [`StreamError::TooLong`].
    pub fn verify_final_frame(&self, chain: &Chain) -> Result<Frame<Verified>, StreamError> {
        let index = self.extent()?.last_index;
        let frame = self.verify(index, chain).map_err(|error| match error {
            StreamError::Frame { index, fault: FrameFault::Mac } if self.is_blank(index) => {
                StreamError::Unwritten { index }
            }
            error => error,
        })?;
        let offset = frame.tag().offset;
        if offset > index.saturating_mul(self.layout.frame_size.payload() as u64) {
            return Err(StreamError::Frame { index, fault: FrameFault::Offset(offset) });
        }
        Ok(frame)
    }

    /// The first frame, authenticated.
    ///
    /// # Errors
    ///
    /// [`StreamError`] of that frame, or of reading it.
    pub fn verify_first_frame(&self, chain: &Chain) -> Result<Frame<Verified>, StreamError> {
        self.verify(0, chain)
    }

    /// The index of the last frame; if the stream is truncated, that of the first incomplete one.
    pub fn last_index(&self) -> u64 {
        match self.layout.extent(self.length) {
            Ok(Extent { last_index, .. }) => last_index,
            Err(StreamCut { index, .. }) => index,
        }
    }

    /// The number of frames; if the stream is truncated, the last one counts only if enough of it is left for a tag and
    /// a MAC.
    pub fn frames(&self) -> u64 {
        let last = self.last_index();
        let frames = last.saturating_add(u64::from(self.wire_length(last) >= FRAME_OVERHEAD));
        frames.min(self.layout.frame_size.max_frames())
    }

    /// The frame at `index`, as it is in the file, not authenticated.
    ///
    /// # Errors
    ///
    /// [`StreamError::ReadFrame`]; [`StreamError::EndBeforeFinalFrame`] or [`StreamError::CutFrame`] if the file has no
    /// whole frame there; [`StreamError::TooLong`].
    pub fn read(&self, mut buffer: FrameBuffer, index: u64) -> Result<Frame<Received>, StreamError> {
        if index >= self.layout.frame_size.max_frames() {
            return Err(StreamError::TooLong);
        }
        let area = buffer.wire_area().get_mut(..self.wire_length(index)).unwrap_or_default();
        let position = self.start.saturating_add(self.layout.frame_position(index));
        let filled = read_full(&self.source, area, position).map_err(|error| error.in_frame(index))?;
        received(buffer, index, filled)
    }

    /// The number of bytes of the frame at `index`, according to the stream's length.
    pub fn wire_length(&self, index: u64) -> usize {
        let wire = self.layout.frame_size.wire();
        let left = self.length.saturating_sub(self.layout.frame_position(index));
        usize::try_from(left).map_or(wire, |left| left.min(wire))
    }

    /// Whether the file is now longer than it was.
    ///
    /// # Errors
    ///
    /// [`StreamError::Read`].
    pub fn has_grown(&self) -> Result<bool, StreamError> {
        let size = self.source.size().map_err(StreamError::Read)?;
        Ok(size.saturating_sub(self.start) > self.length)
    }

    fn extent(&self) -> Result<Extent, StreamError> {
        let extent = self.layout.extent(self.length).map_err(|StreamCut { index, at_boundary }| {
            if at_boundary { StreamError::EndBeforeFinalFrame { index } } else { StreamError::CutFrame { index } }
        })?;
        if extent.last_index < self.layout.frame_size.max_frames() { Ok(extent) } else { Err(StreamError::TooLong) }
    }

    fn is_blank(&self, index: u64) -> bool {
        let mut buffer = FrameBuffer::new(self.layout.frame_size);
        let area = buffer.wire_area().get_mut(..self.wire_length(index)).unwrap_or_default();
        let position = self.start.saturating_add(self.layout.frame_position(index));
        let filled = read_full(&self.source, area, position);
        filled.is_ok_and(|filled| filled == area.len()) && area.iter().all(|&byte| byte == 0)
    }

    fn verify(&self, index: u64, chain: &Chain) -> Result<Frame<Verified>, StreamError> {
        let frame = self.read(FrameBuffer::new(self.layout.frame_size), index)?;
        chain.open(frame).map_err(|fault| StreamError::Frame { index, fault })
    }
}

/// Fills `area` as far as the source goes, and returns the number of bytes filled.
fn read_full(source: &impl ReadAt, area: &mut [u8], position: u64) -> Result<usize, StreamError> {
    let mut filled = 0;
    while let Some(room) = area.get_mut(filled..).filter(|room| !room.is_empty()) {
        match source.read_at(room, position.saturating_add(filled as u64)) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(StreamError::Read(error)),
        }
    }
    Ok(filled)
}
