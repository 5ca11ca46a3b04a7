//! How long scrypt takes: measured, or estimated from a small run.

use std::{sync::OnceLock, time::Duration};

use super::median::median_time;
use crate::keys::{KdfError, Passphrase, ScryptCost};

const SMALL_LOG_N: u8 = 14;

/// The median of as many runs at `cost` as fit in `budget`, at least one.
#[expect(clippy::expect_used, reason = "a constant")]
pub(crate) fn measured(cost: ScryptCost, budget: Duration) -> Result<Duration, KdfError> {
    let passphrase = Passphrase::new("any will do").expect("it is not empty, and short");
    median_time(budget, || cost.derive(&passphrase, &[0; 32]).map(drop))
}

/// About how long one run at `cost` takes, estimated from a small run. That run happens once per process, and takes
/// some 16 MiB and tens of milliseconds. `None` if the system refuses the memory.
pub(crate) fn estimated(cost: ScryptCost) -> Option<Duration> {
    static SMALL: OnceLock<Option<Duration>> = OnceLock::new();
    let small = ScryptCost::new(SMALL_LOG_N, 8, 1).ok()?;
    let time = (*SMALL.get_or_init(|| measured(small, Duration::ZERO).ok()))?;
    Some(time.mul_f64(cost.work() as f64 / small.work() as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimated_times_grow_with_the_work() {
        let time = |log_n, p| estimated(ScryptCost::new(log_n, 8, p).unwrap()).unwrap();
        let one = time(SMALL_LOG_N, 1);
        assert!(one > Duration::ZERO);
        assert_eq!((time(20, 1), time(14, 4)), (one * 64, one * 4));
    }
}
