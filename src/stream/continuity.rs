//! The checks that depend on order: whether each frame continues the one before.

use crate::{
    container::{Features, FrameSize, FrameTag},
    stage::FrameFault,
};

/// Checks the tags of one stream in order: in a live stream each offset is the sum of the lengths before it, and in a
/// timed one times never decrease. The chain has already checked whatever a single frame shows.
pub struct Continuity {
    features: Features,
    /// If frames may be missing, the most that one of them can have held.
    across_gaps: Option<FrameSize>,
    next_index: u64,
    offset: u64,
    time: i64,
}

impl Continuity {
    /// Checks a stream with `features` from its first frame on, without gaps.
    pub fn new(features: Features) -> Self {
        Self { features, across_gaps: None, next_index: 0, offset: 0, time: 0 }
    }

    /// Checks a stream with `features`, in frames of `frame_size`, from which damaged frames may be missing. How much a
    /// missing frame held is unknown, but it is no more than fits, and offsets and times still must not decrease.
    pub fn across_gaps(features: Features, frame_size: FrameSize) -> Self {
        Self { across_gaps: Some(frame_size), ..Self::new(features) }
    }

    /// Checks a stream with `features` from the frame with this `tag` on, which is known to be right.
    pub fn starting_with(features: Features, tag: &FrameTag) -> Self {
        Self { features, across_gaps: None, next_index: tag.index, offset: tag.offset, time: tag.time }
    }

    /// Whether a stream with `features` needs these checks at all.
    pub fn is_needed(features: Features) -> bool {
        features.contains(Features::LIVE) || features.contains(Features::TIMED)
    }

    /// Checks the next frame by its authenticated `tag`.
    ///
    /// # Errors
    ///
    /// [`FrameFault::Offset`], [`FrameFault::Time`], and [`FrameFault::Index`] for a frame out of order; the frame then
    /// counts as missing.
    pub fn check(&mut self, tag: &FrameTag) -> Result<(), FrameFault> {
        let missing =
            tag.index.checked_sub(self.next_index).filter(|&missing| missing == 0 || self.across_gaps.is_some());
        let missing = missing.ok_or(FrameFault::Index(tag.index))?;
        let payload = self.across_gaps.map_or(0, |frame_size| frame_size.payload() as u64);
        let gap = tag.offset.checked_sub(self.offset);
        let continues = gap.is_some_and(|gap| gap <= missing.saturating_mul(payload));
        if self.features.contains(Features::LIVE) && !continues {
            return Err(FrameFault::Offset(tag.offset));
        }
        if tag.time < self.time {
            return Err(FrameFault::Time(tag.time));
        }
        self.offset = tag.end().ok_or(FrameFault::Offset(tag.offset))?;
        self.time = tag.time;
        self.next_index = tag.index + 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(index: u64, offset: u64, length: u32, time: i64) -> FrameTag {
        FrameTag { index, offset, length, time, ..FrameTag::default() }
    }

    fn live_and_timed() -> Features {
        Features::LIVE.union(Features::TIMED)
    }

    #[test]
    fn a_live_offset_is_the_sum_of_the_lengths_before_it() {
        let mut continuity = Continuity::new(Features::LIVE);
        assert_eq!(continuity.check(&tag(0, 0, 5, 0)), Ok(()));
        assert_eq!(continuity.check(&tag(1, 4, 1, 0)), Err(FrameFault::Offset(4)));
        assert_eq!(continuity.check(&tag(1, 6, 1, 0)), Err(FrameFault::Offset(6)));
        assert_eq!(continuity.check(&tag(1, 5, 0, 0)), Ok(()));
        assert_eq!(continuity.check(&tag(2, 5, 9, 0)), Ok(()));
    }

    #[test]
    fn times_may_repeat_and_never_fall() {
        let mut continuity = Continuity::new(Features::TIMED);
        for (index, time) in [(0, 7), (1, 7), (2, 8)] {
            assert_eq!(continuity.check(&tag(index, 0, 0, time)), Ok(()));
        }
        assert_eq!(continuity.check(&tag(3, 0, 0, 7)), Err(FrameFault::Time(7)));
    }

    #[test]
    fn a_frame_out_of_order_is_refused_unless_it_comes_after_a_gap_that_is_allowed() {
        let mut strict = Continuity::new(live_and_timed());
        assert_eq!(strict.check(&tag(1, 0, 5, 1)), Err(FrameFault::Index(1)));
        let mut lenient = Continuity::across_gaps(live_and_timed(), FrameSize::MIN);
        assert_eq!(lenient.check(&tag(0, 0, 5, 1)), Ok(()));
        assert_eq!(lenient.check(&tag(2, 4, 5, 1)), Err(FrameFault::Offset(4)));
        assert_eq!(lenient.check(&tag(2, 50, 5, 3)), Ok(()));
        assert_eq!(lenient.check(&tag(3, 56, 5, 3)), Err(FrameFault::Offset(56)));
        assert_eq!(lenient.check(&tag(4, 57, 5, 2)), Err(FrameFault::Time(2)));
        assert_eq!(lenient.check(&tag(1, 57, 5, 3)), Err(FrameFault::Index(1)));
    }

    #[test]
    fn a_stream_is_checked_from_a_frame_in_its_middle_on() {
        let mut continuity = Continuity::starting_with(live_and_timed(), &tag(7, 100, 5, 20));
        assert_eq!(continuity.check(&tag(8, 105, 5, 20)), Err(FrameFault::Index(8)));
        assert_eq!(continuity.check(&tag(7, 100, 5, 20)), Ok(()));
        assert_eq!(continuity.check(&tag(8, 105, 5, 19)), Err(FrameFault::Time(19)));
        assert_eq!(continuity.check(&tag(8, 105, 5, 20)), Ok(()));
    }

    #[test]
    fn an_end_beyond_64_bits_is_refused() {
        let mut continuity = Continuity::across_gaps(Features::LIVE, FrameSize::MIN);
        assert_eq!(continuity.check(&tag(9, u64::MAX, 1, 0)), Err(FrameFault::Offset(u64::MAX)));
        assert_eq!(continuity.check(&tag(u64::MAX - 1, u64::MAX, 1, 0)), Err(FrameFault::Offset(u64::MAX)));
    }

    #[test]
    fn a_gap_is_no_longer_than_the_frames_that_are_missing_can_hold() {
        let lenient = || {
            let mut continuity = Continuity::across_gaps(Features::LIVE, FrameSize::MIN);
            assert_eq!(continuity.check(&tag(0, 0, 5, 0)), Ok(()));
            continuity
        };
        for (index, offset) in [(2, 5 + 4096), (3, 5 + 2 * 4096), (3, 5)] {
            assert_eq!(lenient().check(&tag(index, offset, 5, 0)), Ok(()), "{index}, {offset}");
        }
        for (index, offset) in [(1, 6), (2, 6 + 4096), (3, 6 + 2 * 4096), (3, 1 << 62), (3, 4)] {
            assert_eq!(
                lenient().check(&tag(index, offset, 5, 0)),
                Err(FrameFault::Offset(offset)),
                "{index}, {offset}"
            );
        }
    }
}
