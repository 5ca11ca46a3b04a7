//! How long to wait before a producer is started again.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// Delays that double, from a second to a minute. Each is extended by up to a quarter, at random, so that cameras that
/// lost the same network do not all come back at the same moment.
#[derive(Debug)]
pub(super) struct BackOff {
    next: Duration,
}

impl BackOff {
    pub fn new() -> Self {
        Self { next: FIRST }
    }

    /// The next delay; `random` is any number.
    pub fn delay(&mut self, random: u16) -> Duration {
        let delay = self.next;
        self.next = delay.saturating_mul(2).min(LONGEST);
        delay + delay.mul_f64(f64::from(random) / f64::from(u16::MAX) / 4.0)
    }

    /// The producer was stable: the next delay is the shortest again.
    pub fn reset(&mut self) {
        *self = Self::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_to_a_minute_and_begin_anew_after_a_reset() {
        let mut back_off = BackOff::new();
        let seconds: Vec<_> = (0..8).map(|_| back_off.delay(0).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60]);
        back_off.reset();
        assert_eq!(back_off.delay(0), FIRST);
    }

    #[test]
    fn up_to_a_quarter_is_added_at_random() {
        for (random, milliseconds) in [(0, 1000), (u16::MAX / 2, 1125), (u16::MAX, 1250)] {
            let delay = BackOff::new().delay(random);
            assert!(delay.as_millis().abs_diff(milliseconds) <= 1, "{delay:?}");
        }
    }
}
