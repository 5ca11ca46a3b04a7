//! Tagging outgoing frames: the index, offset, time and flags of each.

use super::{Clock, StreamError};
use crate::{
    container::{Features, FrameSize, FrameTag, TagFlags},
    stage::{Clear, Frame, FrameBuffer},
};

/// Makes the frames of one stream in order. In a live stream they may be shorter than full; each offset is the sum of
/// the lengths before it.
#[derive(Clone)]
pub(crate) struct FrameMaker {
    frame_size: FrameSize,
    clock: Clock,
    live: bool,
    index: u64,
    offset: u64,
    /// When the first byte of the next frame arrived.
    time: i64,
}

/// How a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With its input.
    Finished,
    /// By an interruption, before its input ended.
    Interrupted,
    /// As a segment of a recording that continues in another one.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "recordings come with the command"))]
    Continued,
}

impl Ending {
    fn flags(self) -> TagFlags {
        match self {
            Self::Finished => TagFlags::FINAL,
            Self::Interrupted => TagFlags::FINAL.union(TagFlags::INTERRUPTED),
            Self::Continued => TagFlags::FINAL.union(TagFlags::CONTINUED),
        }
    }
}

impl FrameMaker {
    /// Makes frames of at most `frame_size` payload bytes, from frame 0 on, with times from `clock`.
    pub fn new(frame_size: FrameSize, clock: Clock) -> Self {
        Self { frame_size, clock, live: false, index: 0, offset: 0, time: 0 }
    }

    /// Makes the frames of a live stream.
    pub fn set_live(&mut self) {
        self.live = true;
    }

    /// Whether the final frame must be empty: its time is that of the end, so it cannot say when a payload arrived.
    pub fn ends_empty(&self) -> bool {
        self.live && self.clock.features() == Features::TIMED
    }

    /// A maker for the same stream from frame `index` on, whose next frame has the arrival time `time`. All frames
    /// before `index` are full.
    pub fn starting_at(&self, index: u64, time: i64) -> Self {
        let offset = index.saturating_mul(self.frame_size.payload() as u64);
        Self { index, offset, time, ..self.clone() }
    }

    /// The length of the plaintext so far.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "recordings come with the command"))]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The source of the times.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Notes that the first byte of the next frame has just arrived.
    pub fn arrived(&mut self) {
        self.time = self.clock.now();
    }

    /// The next frame, not the last, with the first `length` payload bytes of `buffer`: a full payload, unless the
    /// stream is live.
    ///
    /// # Errors
    ///
    /// [`StreamError::TooLong`].
    pub fn next(&mut self, buffer: FrameBuffer, length: usize) -> Result<Frame<Clear>, StreamError> {
        self.make(buffer, length, TagFlags::NONE)
    }

    /// The final frame, with the first `length` payload bytes of `buffer`, fewer than fit. Its time is the end: now.
    /// After [`FrameMaker::ends_empty`], `length` is 0.
    ///
    /// # Errors
    ///
    /// [`StreamError::TooLong`].
    pub fn last(&mut self, buffer: FrameBuffer, length: usize, ending: Ending) -> Result<Frame<Clear>, StreamError> {
        self.time = self.clock.now();
        self.make(buffer, length, ending.flags())
    }

    /// The next frame, with a `time` that another stream gave it; the final one if it has an `ending`.
    ///
    /// # Errors
    ///
    /// [`StreamError::TooLong`].
    pub fn copied(
        &mut self,
        buffer: FrameBuffer,
        length: usize,
        time: i64,
        ending: Option<Ending>,
    ) -> Result<Frame<Clear>, StreamError> {
        self.time = time;
        self.make(buffer, length, ending.map_or(TagFlags::NONE, Ending::flags))
    }

    /// The index of the next frame.
    pub fn next_index(&self) -> u64 {
        self.index
    }

    fn make(&mut self, buffer: FrameBuffer, length: usize, flags: TagFlags) -> Result<Frame<Clear>, StreamError> {
        if self.index >= self.frame_size.max_frames() {
            return Err(StreamError::TooLong);
        }
        let tag = FrameTag { index: self.index, time: self.time, offset: self.offset, length: length as u32, flags };
        self.index += 1;
        self.offset += length as u64;
        Ok(Frame::clear(buffer, tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: FrameSize = FrameSize::MIN;

    fn tag_of(frame: Result<Frame<Clear>, StreamError>) -> FrameTag {
        *frame.unwrap().parts_mut().tag()
    }

    fn buffer() -> FrameBuffer {
        FrameBuffer::new(SIZE)
    }

    #[test]
    fn offsets_run_on_from_length_to_length() {
        let mut maker = FrameMaker::new(SIZE, Clock::None);
        for (index, (offset, length)) in [(0, 4096), (4096, 5), (4101, 0), (4101, 7)].into_iter().enumerate() {
            let tag = tag_of(maker.next(buffer(), length));
            assert_eq!((tag.index, tag.offset, tag.length as usize), (index as u64, offset, length));
            assert_eq!((tag.time, tag.flags), (0, TagFlags::NONE));
        }
        assert_eq!(tag_of(maker.last(buffer(), 3, Ending::Finished)).offset, 4108);
    }

    #[test]
    fn a_frame_has_the_time_at_which_its_first_byte_arrived_and_the_final_one_that_of_the_end() {
        let last = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(i64::MAX - 9));
        let mut maker = FrameMaker::new(SIZE, Clock::System(std::sync::Arc::clone(&last)));
        let set = |time| last.store(time, std::sync::atomic::Ordering::Relaxed);
        maker.arrived();
        set(i64::MAX - 5);
        assert_eq!(tag_of(maker.next(buffer(), 4096)).time, i64::MAX - 9);
        maker.arrived();
        set(i64::MAX - 1);
        assert_eq!(tag_of(maker.last(buffer(), 1, Ending::Finished)).time, i64::MAX - 1);
    }

    #[test]
    fn only_a_live_stream_with_times_must_end_empty() {
        for (clock, live, ends_empty) in [
            (Clock::None, false, false),
            (Clock::Fixed(5), false, false),
            (Clock::None, true, false),
            (Clock::Fixed(5), true, true),
            (Clock::system(), true, true),
        ] {
            let mut maker = FrameMaker::new(SIZE, clock);
            if live {
                maker.set_live();
            }
            assert_eq!(maker.ends_empty(), ends_empty);
        }
    }

    #[test]
    fn an_end_is_marked_as_what_it_is() {
        let flags = |ending| tag_of(FrameMaker::new(SIZE, Clock::None).last(buffer(), 1, ending)).flags;
        let (finished, interrupted) = (flags(Ending::Finished), flags(Ending::Interrupted));
        assert!(finished.is_final() && !finished.is_interrupted() && !finished.is_continued());
        assert!(interrupted.is_final() && interrupted.is_interrupted() && !interrupted.is_continued());
        let continued = flags(Ending::Continued);
        assert!(continued.is_final() && !continued.is_interrupted() && continued.is_continued());
    }

    #[test]
    fn frames_from_the_middle_on_are_those_of_the_whole() {
        let mut maker = FrameMaker::new(SIZE, Clock::Fixed(7));
        let mut from_two = maker.starting_at(2, 7);
        maker.arrived();
        for _ in 0..2 {
            maker.next(buffer(), 4096).unwrap();
        }
        assert_eq!(tag_of(maker.next(buffer(), 4096)), tag_of(from_two.next(buffer(), 4096)));
    }

    #[test]
    fn a_stream_ends_before_its_counter_would_repeat() {
        let most = SIZE.max_frames();
        let mut maker = FrameMaker::new(SIZE, Clock::None).starting_at(most - 1, 0);
        assert_eq!(tag_of(maker.next(buffer(), 4096)).index, most - 1);
        assert!(matches!(maker.next(buffer(), 4096), Err(StreamError::TooLong)));
        assert!(matches!(maker.last(buffer(), 0, Ending::Finished), Err(StreamError::TooLong)));
    }
}
