//! Where the times of a timed stream come from.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::container::Features;

/// What the times in a timed stream are taken from.
#[derive(Clone, Copy, Debug, Default)]
pub enum Clock {
    /// Times are not taken: every time is 0.
    #[default]
    None,
    /// The wall clock at the start plus the monotonic time since, so that times never fall.
    System(
        /// Unix microseconds at the start.
        i64,
        /// The start.
        Instant,
    ),
    /// Always the same Unix microseconds, which are to be above 0: readers refuse others.
    Fixed(i64),
}

impl Clock {
    /// The wall clock from now on.
    pub fn system() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::System(i64::try_from(since.as_micros()).unwrap_or(i64::MAX).max(1), Instant::now())
    }

    /// What a stream with times from this clock carries: [`Features::TIMED`], or none without times.
    pub fn features(&self) -> Features {
        match self {
            Self::None => Features::NONE,
            Self::System(..) | Self::Fixed(_) => Features::TIMED,
        }
    }

    pub(crate) fn now(&self) -> i64 {
        match self {
            Self::None => 0,
            Self::System(wall, start) => {
                wall.saturating_add(i64::try_from(start.elapsed().as_micros()).unwrap_or(i64::MAX))
            }
            Self::Fixed(time) => *time,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_never_falls_and_is_above_zero() {
        let clock = Clock::system();
        let first = clock.now();
        assert!(first > 0 && clock.now() >= first);
    }
}
