//! What time it is, and whether the wall clock was set.

use std::time::{Duration, Instant, UNIX_EPOCH};

/// A difference between the clocks that is too large to be drift.
const STEP: Duration = Duration::from_secs(2);

/// Where a recorder gets its times from.
pub(crate) trait Time {
    /// A clock that never goes back: durations are differences of its times.
    fn now(&self) -> Instant;

    /// The wall clock, in Unix microseconds.
    fn wall(&self) -> i64;
}

/// The clocks of the system.
pub(crate) struct SystemTime;

impl Time for SystemTime {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wall(&self) -> i64 {
        let wall = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(wall.as_micros()).unwrap_or(i64::MAX)
    }
}

/// Both clocks at one moment.
pub(super) struct Clocks {
    now: Instant,
    wall: i64,
}

impl Clocks {
    pub fn read(time: &impl Time) -> Self {
        Self { now: time.now(), wall: time.wall() }
    }

    /// Reads them again; returns whether the wall clock was set in the meantime, or the machine slept.
    pub fn have_parted(&mut self, time: &impl Time) -> bool {
        let before = std::mem::replace(self, Self::read(time));
        let passed = self.now.saturating_duration_since(before.now);
        let passed = i64::try_from(passed.as_micros()).unwrap_or(i64::MAX);
        let apart = self.wall.saturating_sub(before.wall.saturating_add(passed));
        Duration::from_micros(apart.unsigned_abs()) > STEP
    }
}
