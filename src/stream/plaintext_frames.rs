//! The frames of a plaintext, read in order.

use std::time::Duration;

use super::{Arrived, Clock, Ending, FrameFiller, FrameMaker, Input, StreamError, Wait};
use crate::{
    container::FrameSize,
    stage::{Clear, Frame, FrameBuffer},
};

/// The frames of a plaintext, from an input that is read in order.
pub(crate) struct PlaintextFrames<I> {
    filler: FrameFiller<I>,
    maker: FrameMaker,
    input_ended: bool,
    ended: bool,
}

impl<I: Input> PlaintextFrames<I> {
    pub fn new(input: I, frame_size: FrameSize, clock: Clock) -> Self {
        let (filler, maker) = (FrameFiller::new(input), FrameMaker::new(frame_size, clock));
        Self { filler, maker, input_ended: false, ended: false }
    }

    /// Makes the frames of a live stream: a frame ends once `max_delay` has passed since its first byte arrived.
    pub fn set_live(&mut self, max_delay: Duration) {
        self.filler.set_max_delay(max_delay);
        self.maker.set_live();
    }

    /// Whether the last frame was the final one.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// The next frame, in a buffer of `empty`; `None` if it has not all arrived and `wait` says not to wait for it.
    ///
    /// # Errors
    ///
    /// [`StreamError`]; nothing more can be read then.
    pub fn next(&mut self, empty: &mut Vec<FrameBuffer>, wait: Wait) -> Result<Option<Frame<Clear>>, StreamError> {
        let Self { filler, maker, input_ended, ended } = self;
        let arrived = if *input_ended {
            // The end is not read twice: a terminal would continue after it.
            empty.pop().map(|buffer| Arrived { buffer, filled: 0, ended: true })
        } else {
            filler.next(empty, FrameBuffer::payload_area, wait, || maker.arrived())?
        };
        let Some(Arrived { buffer, filled, ended: ended_with_it }) = arrived else { return Ok(None) };
        *input_ended = ended_with_it;
        *ended = ended_with_it && (filled == 0 || !maker.ends_empty());
        let frame = if *ended { maker.last(buffer, filled, Ending::Finished) } else { maker.next(buffer, filled) };
        frame.map(Some)
    }
}
