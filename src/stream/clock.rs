//! Where the times of a timed stream come from.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use crate::container::Features;

/// The source of the times in a timed stream. A clone continues from the same last time.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// No clock: every time is 0.
    #[default]
    None,
    /// The wall clock. Times never decrease: if the clock was set back, the last time is repeated.
    System(
        /// The last time given, in Unix microseconds.
        Arc<AtomicI64>,
    ),
    /// Always the same Unix microseconds, which must be above 0: readers refuse anything else.
    Fixed(i64),
}

impl Clock {
    /// The wall clock.
    pub fn system() -> Self {
        Self::System(Arc::new(AtomicI64::new(1)))
    }

    /// The wall clock for streams with [`Features::TIMED`], and none for others.
    pub fn of(features: Features) -> Self {
        if features.contains(Features::TIMED) { Self::system() } else { Self::None }
    }

    /// The features of a stream with times from this clock: [`Features::TIMED`], or none without a clock.
    pub fn features(&self) -> Features {
        match self {
            Self::None => Features::NONE,
            Self::System(_) | Self::Fixed(_) => Features::TIMED,
        }
    }

    /// The time now, in Unix microseconds; 0 without times.
    pub(crate) fn now(&self) -> i64 {
        match self {
            Self::None => 0,
            Self::System(last) => {
                let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                let wall = i64::try_from(wall.as_micros()).unwrap_or(i64::MAX);
                wall.max(last.fetch_max(wall, Ordering::Relaxed))
            }
            Self::Fixed(time) => *time,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_the_wall_clocks_and_never_falls_when_the_clock_is_set_back() {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as i64;
        let first = Clock::system().now();
        assert!((wall..wall + 60_000_000).contains(&first));
        let ahead = i64::MAX - 1;
        let set_back = Clock::System(Arc::new(AtomicI64::new(ahead)));
        assert_eq!((set_back.now(), set_back.clone().now()), (ahead, ahead));
    }

    #[test]
    fn a_clone_goes_on_from_the_same_last_time() {
        let (clock, ahead) = (Clock::system(), i64::MAX - 1);
        let Clock::System(last) = clock.clone() else { unreachable!() };
        last.store(ahead, Ordering::Relaxed);
        assert_eq!(clock.now(), ahead);
    }
}
