//! The frames of a stream, read in order.

use super::{Arrived, FrameFiller, Input, StreamError, Wait};
use crate::{
    container::FrameSize,
    stage::{Frame, FrameBuffer, Received},
};

/// The frames of a stream, from an input that is read in order from the end of the header on.
pub(crate) struct FrameReader<I> {
    filler: FrameFiller<I>,
    frame_size: FrameSize,
    index: u64,
    ended: bool,
}

impl<I: Input> FrameReader<I> {
    pub fn new(input: I, frame_size: FrameSize) -> Self {
        Self { filler: FrameFiller::new(input), frame_size, index: 0, ended: false }
    }

    /// The index of the next frame.
    pub fn next_index(&self) -> u64 {
        self.index
    }

    /// Whether the input ended with the last frame.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// The next frame, in a buffer of `empty`; `None` if it has not all arrived and `wait` says not to wait for it.
    ///
    /// # Errors
    ///
    /// [`StreamError`]; nothing more can be read then.
    pub fn next(&mut self, empty: &mut Vec<FrameBuffer>, wait: Wait) -> Result<Option<Frame<Received>>, StreamError> {
        let index = self.index;
        if index >= self.frame_size.max_frames() {
            return Err(StreamError::TooLong);
        }
        let arrived = self.filler.next(empty, FrameBuffer::wire_area, wait, || {});
        let Some(Arrived { buffer, filled, ended }) = arrived.map_err(|error| error.in_frame(index))? else {
            return Ok(None);
        };
        let frame = received(buffer, index, filled)?;
        (self.index, self.ended) = (index + 1, ended);
        Ok(Some(frame))
    }
}

/// The frame `index` of a stream, of which the first `filled` bytes of `buffer` have arrived and no more will.
///
/// # Errors
///
/// [`StreamError::EndBeforeFinalFrame`] and [`StreamError::CutFrame`] if these are too few for a frame.
pub(crate) fn received(buffer: FrameBuffer, index: u64, filled: usize) -> Result<Frame<Received>, StreamError> {
    if filled == 0 {
        return Err(StreamError::EndBeforeFinalFrame { index });
    }
    Frame::received(buffer, index, filled).ok_or(StreamError::CutFrame { index })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::ReaderInput;

    const SIZE: FrameSize = FrameSize::MIN;

    #[test]
    fn without_a_buffer_nothing_is_read() {
        let mut reader = FrameReader::new(ReaderInput([7; 100].as_slice()), SIZE);
        assert!(reader.next(&mut Vec::new(), Wait::ForInput).unwrap().is_none());
        let frame = reader.next(&mut vec![FrameBuffer::new(SIZE)], Wait::ForInput).unwrap().unwrap();
        assert_eq!((frame.wire_length(), reader.has_ended(), reader.next_index()), (100, true, 1));
    }

    #[test]
    fn more_frames_than_one_counter_allows_are_refused_before_they_are_read() {
        let mut reader = FrameReader::new(ReaderInput([7; 100].as_slice()), SIZE);
        reader.index = SIZE.max_frames();
        let mut empty = vec![FrameBuffer::new(SIZE)];
        assert!(matches!(reader.next(&mut empty, Wait::ForInput), Err(StreamError::TooLong)));
        assert_eq!(empty.len(), 1);
    }
}
