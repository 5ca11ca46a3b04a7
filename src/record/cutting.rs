//! When a segment is long enough.

use std::time::Duration;

use crate::container::{FRAME_OVERHEAD, Layout};

/// When a recording goes on in another segment; never, if neither limit is set.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cutting {
    /// After this long.
    pub time: Option<Duration>,
    /// Before the file is longer than this, in bytes.
    pub size: Option<u64>,
}

impl Cutting {
    /// The least [`Cutting::size`] for segments of this layout: one of two frames and the final one.
    pub fn least_size(layout: Layout) -> u64 {
        layout.frame_position(2) + FRAME_OVERHEAD as u64
    }

    /// Whether a segment that has been recorded to for `elapsed` is long enough.
    pub fn is_due_by_time(&self, elapsed: Duration) -> bool {
        self.time.is_some_and(|time| elapsed >= time)
    }

    /// Whether a segment of `frames` frames is long enough: it has room for one more, which takes the rest of a packet,
    /// but not for two.
    pub fn is_due_by_size(&self, layout: Layout, frames: u64) -> bool {
        let length = layout.frame_position(frames.saturating_add(2)).saturating_add(FRAME_OVERHEAD as u64);
        frames > 0 && self.size.is_some_and(|size| length > size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_of_the_least_size_has_one_frame_and_room_for_another() {
        let layout = Layout::default();
        let cutting = Cutting { size: Some(Cutting::least_size(layout)), time: None };
        assert_eq!([0, 1, 2].map(|frames| cutting.is_due_by_size(layout, frames)), [false, true, true]);
        let one_more =
            Cutting { size: Some(Cutting::least_size(layout) + layout.frame_size.wire() as u64), time: None };
        assert_eq!([0, 1, 2].map(|frames| one_more.is_due_by_size(layout, frames)), [false, false, true]);
    }

    #[test]
    fn without_limits_a_segment_goes_on() {
        let cutting = Cutting::default();
        assert!(!cutting.is_due_by_time(Duration::MAX) && !cutting.is_due_by_size(Layout::default(), u64::MAX));
    }
}
