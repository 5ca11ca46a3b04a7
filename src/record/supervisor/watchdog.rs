//! Whether a producer is still writing, and has been for long enough.

use std::time::{Duration, Instant};

use super::plan::Supervision;

/// A producer is stable once it has written for this long without a long pause.
const STABLE: Duration = Duration::from_secs(60);
/// The longest pause that does not interrupt this, if no limit for a stall is set.
const PAUSE: Duration = Duration::from_secs(30);

/// What is known of a producer's output since its start. The bytes are watched, not the process: ffmpeg can hang for
/// hours without ending.
#[derive(Debug)]
pub(super) struct Watchdog {
    started: Instant,
    stall: Option<Duration>,
    grace: Duration,
    /// When the bytes that came without a long pause began, and when the last of them came.
    flow: Option<(Instant, Instant)>,
    was_stable: bool,
}

impl Watchdog {
    /// The watchdog of a producer that was started at `now`.
    pub fn new(plan: &Supervision, now: Instant) -> Self {
        Self { started: now, stall: plan.stall, grace: plan.grace, flow: None, was_stable: false }
    }

    /// Bytes came at `now`.
    pub fn bytes_came(&mut self, now: Instant) {
        let pause = self.stall.unwrap_or(PAUSE);
        let since = match self.flow {
            Some((since, last)) if now.saturating_duration_since(last) <= pause => since,
            _ => now,
        };
        self.flow = Some((since, now));
        self.was_stable |= now.saturating_duration_since(since) >= STABLE;
    }

    /// When it has stalled, if nothing comes before then.
    pub fn stalls_at(&self) -> Option<Instant> {
        let stall = self.stall?;
        let quiet_since = self.flow.map_or(self.started, |(_, last)| last);
        Some(quiet_since.checked_add(stall)?.max(self.started.checked_add(self.grace)?))
    }

    /// Whether bytes have come for a minute without a long pause.
    pub fn was_stable(&self) -> bool {
        self.was_stable
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::supervisor::plan::Restarts;

    const PLAN: Supervision = Supervision {
        restarts: Restarts::Always,
        stall: Some(Duration::from_secs(30)),
        grace: Duration::from_secs(90),
        max_memory: None,
    };

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn after_a_start_there_is_a_grace_and_after_that_silence_is_a_stall() {
        let start = Instant::now();
        let mut watchdog = Watchdog::new(&PLAN, start);
        assert_eq!(watchdog.stalls_at(), Some(after(start, 90)));
        // The first bytes do not end the grace period: a camera may send a greeting and then take its time.
        watchdog.bytes_came(after(start, 2));
        assert_eq!(watchdog.stalls_at(), Some(after(start, 90)));
        watchdog.bytes_came(after(start, 80));
        assert_eq!(watchdog.stalls_at(), Some(after(start, 110)));
        let mut patient = Watchdog::new(&Supervision { stall: None, ..PLAN }, start);
        patient.bytes_came(start);
        assert_eq!(patient.stalls_at(), None);
        let eager = Watchdog::new(&Supervision { grace: Duration::ZERO, ..PLAN }, start);
        assert_eq!(eager.stalls_at(), Some(after(start, 30)));
    }

    #[test]
    fn a_producer_is_stable_once_it_has_written_for_a_minute_without_a_long_pause() {
        let start = Instant::now();
        let mut watchdog = Watchdog::new(&PLAN, start);
        for seconds in [0, 20, 40, 59] {
            watchdog.bytes_came(after(start, seconds));
        }
        assert!(!watchdog.was_stable());
        // More than half a minute of silence: the minute starts again.
        watchdog.bytes_came(after(start, 90));
        watchdog.bytes_came(after(start, 120));
        watchdog.bytes_came(after(start, 149));
        assert!(!watchdog.was_stable());
        watchdog.bytes_came(after(start, 150));
        assert!(watchdog.was_stable());
        // Once it is stable, a stall does not change that.
        watchdog.bytes_came(after(start, 500));
        assert!(watchdog.was_stable());
    }
}
