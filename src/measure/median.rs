//! How long a piece of work takes, as a median.

use std::time::{Duration, Instant};

/// The median of as many rounds of `work` as fit in `budget`, at least one.
pub(crate) fn median_time<E>(budget: Duration, mut work: impl FnMut() -> Result<(), E>) -> Result<Duration, E> {
    let start = Instant::now();
    let mut rounds = Vec::new();
    while rounds.is_empty() || start.elapsed() < budget {
        let round = Instant::now();
        work()?;
        rounds.push(round.elapsed());
    }
    rounds.sort_unstable();
    Ok(rounds[rounds.len() / 2])
}
