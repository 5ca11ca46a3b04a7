//! How long scrypt takes, and which cost takes about a second.

use std::time::Duration;

use crate::{
    keys::{KdfError, KdfLimits, ScryptCost},
    measure::scrypt_time,
};

const R: u32 = 8;
const P: u32 = 1;
/// The values of log2 N that `reelseal encrypt` offers.
const OFFERED: std::ops::RangeInclusive<u8> = 14..=30;
const SHOWN: [u8; 3] = [14, 16, 18];
const BUDGET: Duration = Duration::from_millis(300);
/// A cost that would take longer is not run but estimated from the previous one: time is proportional to N.
const MOST_SECONDS: f64 = 1.5;

pub(crate) struct ScryptTimes(Vec<ScryptTime>);

#[derive(Clone, Copy)]
pub(crate) struct ScryptTime {
    pub log_n: u8,
    pub seconds: f64,
    /// Whether the time was measured; otherwise it is estimated.
    pub measured: bool,
}

impl ScryptTimes {
    pub fn measure() -> Result<Self, KdfError> {
        let mut times: Vec<ScryptTime> = Vec::new();
        for log_n in SHOWN {
            let reckoned = times.last().map(|before| before.reckon(log_n));
            times.push(match reckoned {
                Some(time) if time.seconds > MOST_SECONDS => time,
                _ => measure(log_n)?,
            });
        }
        Ok(Self(times))
    }

    pub fn iter(&self) -> impl Iterator<Item = &ScryptTime> {
        self.0.iter()
    }

    /// Among the costs that users can choose and that readers accept by default, the one whose time is closest to a
    /// second.
    pub fn log_n_for_a_second(&self) -> u8 {
        let Some(longest) = self.0.last() else { return ScryptCost::default().parameters().0 };
        let distance = |log_n: u8| longest.reckon(log_n).seconds.log2().abs();
        let usable = OFFERED.filter(|&log_n| {
            ScryptCost::new(log_n, R, P).is_ok_and(|cost| KdfLimits::default().check_memory(cost).is_ok())
        });
        usable.min_by(|&one, &other| distance(one).total_cmp(&distance(other))).unwrap_or(*OFFERED.start())
    }
}

impl ScryptTime {
    fn reckon(&self, log_n: u8) -> Self {
        let doublings = f64::from(log_n) - f64::from(self.log_n);
        Self { log_n, seconds: self.seconds * doublings.exp2(), measured: false }
    }

    /// Bytes that a run takes.
    pub fn memory(&self) -> u64 {
        ScryptCost::new(self.log_n, R, P).map_or(0, ScryptCost::memory)
    }
}

fn measure(log_n: u8) -> Result<ScryptTime, KdfError> {
    let time = scrypt_time::measured(ScryptCost::new(log_n, R, P)?, BUDGET)?;
    Ok(ScryptTime { log_n, seconds: time.as_secs_f64(), measured: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_for_a_second_is_the_closest_that_readers_accept_by_default() {
        for (seconds, expected) in [(1.0, 18), (0.75, 18), (0.65, 19), (1.6, 17), (0.01, 19), (1000.0, 14)] {
            let times = ScryptTimes(vec![ScryptTime { log_n: 18, seconds, measured: true }]);
            assert_eq!(times.log_n_for_a_second(), expected, "{seconds} s at 2^18");
        }
    }
}
