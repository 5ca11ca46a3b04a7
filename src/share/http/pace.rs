//! How quickly a file can be read: whether waiting for it could hold up others.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use crate::{mutex::lock, share::tree::NodeId};

/// The longest that it takes to read and decrypt part of a file that is in memory, or on a fast disk.
pub(super) const QUICK: Duration = Duration::from_millis(2);
/// How many times in a row a file must have been quick before it is relied on.
const OFTEN: u32 = 64;
/// How long a file that was slow is not relied on.
const REMEMBERED: Duration = Duration::from_secs(10);

/// The pace of every file that has been asked for.
#[derive(Default)]
pub(super) struct Paces(Mutex<HashMap<NodeId, Arc<Pace>>>);

/// The pace of one file, for all its readers.
#[derive(Default)]
pub(super) struct Pace(Mutex<Reads>);

#[derive(Default)]
struct Reads {
    /// How many reads were quick since the last slow one.
    quick: u32,
    last_slow: Option<Instant>,
}

impl Paces {
    pub fn of(&self, id: NodeId) -> Arc<Pace> {
        Arc::clone(lock(&self.0).entry(id).or_default())
    }
}

impl Pace {
    /// Notes that something was read by `now`, and whether that was quick.
    pub fn note(&self, was_quick: bool, now: Instant) {
        let mut reads = lock(&self.0);
        if was_quick {
            reads.quick = reads.quick.saturating_add(1);
        } else {
            *reads = Reads { quick: 0, last_slow: Some(now) };
        }
    }

    /// Whether the file has been quick so often, and for so long, that at the time `now` a thread that others need may
    /// wait for it.
    pub fn is_reliable(&self, now: Instant) -> bool {
        let reads = lock(&self.0);
        let since_slow = reads.last_slow.map(|slow| now.saturating_duration_since(slow));
        reads.quick >= OFTEN && since_slow.is_none_or(|since| since >= REMEMBERED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_relied_on_after_many_quick_reads_and_not_for_some_time_after_a_slow_one() {
        let (pace, start) = (Paces::default().of(1), Instant::now());
        let often = |times: u32| (0..times).for_each(|_| pace.note(true, start));
        often(OFTEN - 1);
        assert!(!pace.is_reliable(start));
        often(1);
        assert!(pace.is_reliable(start));
        let slow = start + Duration::from_secs(1);
        pace.note(false, slow);
        assert!(!pace.is_reliable(slow + REMEMBERED));
        often(OFTEN);
        assert!(!pace.is_reliable(slow + REMEMBERED / 2));
        assert!(pace.is_reliable(slow + REMEMBERED));
    }

    #[test]
    fn all_readers_of_a_file_share_its_pace() {
        let (paces, now) = (Paces::default(), Instant::now());
        (0..OFTEN).for_each(|_| paces.of(7).note(true, now));
        assert!(paces.of(7).is_reliable(now) && !paces.of(8).is_reliable(now));
    }
}
