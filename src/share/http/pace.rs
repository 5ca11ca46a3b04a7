//! How quickly a file can be read: whether waiting for it could hold up others.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::share::tree::NodeId;

/// How long it takes at most to read and decrypt some of a file that is in memory, or on a fast disk.
pub(super) const QUICK: Duration = Duration::from_millis(2);
/// How often in a row a file must have been quick before it is relied on.
const OFTEN: u32 = 64;
/// How long a file is not relied on that was slow.
const REMEMBERED: Duration = Duration::from_secs(10);

/// The pace of every file that was asked for.
#[derive(Default)]
pub(super) struct Paces(Mutex<HashMap<NodeId, Arc<Pace>>>);

/// The pace of one file, whoever reads it.
pub(super) struct Pace {
    began: Instant,
    /// Reads since the last slow one.
    quick: AtomicU32,
    /// When the last slow read was, in milliseconds since `began`, and one more; 0 if there was none.
    slow: AtomicU64,
}

impl Paces {
    pub fn of(&self, id: NodeId) -> Arc<Pace> {
        Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(id).or_default())
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self { began: Instant::now(), quick: AtomicU32::new(0), slow: AtomicU64::new(0) }
    }
}

impl Pace {
    /// Notes that some was read, and whether that was quick.
    pub fn note(&self, was_quick: bool) {
        self.note_at(was_quick, self.began.elapsed());
    }

    /// Whether the file has been quick for so long, and so often, that a thread may wait for it that others need.
    pub fn is_reliable(&self) -> bool {
        self.is_reliable_at(self.began.elapsed())
    }

    fn note_at(&self, was_quick: bool, now: Duration) {
        if !was_quick {
            self.slow.store(milliseconds(now) + 1, Ordering::Relaxed);
            self.quick.store(0, Ordering::Relaxed);
        } else if self.quick.load(Ordering::Relaxed) < OFTEN {
            self.quick.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn is_reliable_at(&self, now: Duration) -> bool {
        let since_slow =
            self.slow.load(Ordering::Relaxed).checked_sub(1).map(|slow| milliseconds(now).saturating_sub(slow));
        self.quick.load(Ordering::Relaxed) >= OFTEN && since_slow.is_none_or(|since| since >= milliseconds(REMEMBERED))
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_relied_on_after_many_quick_reads_and_for_long_not_after_a_slow_one() {
        let pace = Paces::default().of(1);
        let often = |times: u32| (0..times).for_each(|_| pace.note_at(true, Duration::ZERO));
        often(OFTEN - 1);
        assert!(!pace.is_reliable_at(Duration::ZERO));
        often(1);
        assert!(pace.is_reliable_at(Duration::ZERO));
        let slow = Duration::from_secs(1);
        pace.note_at(false, slow);
        assert!(!pace.is_reliable_at(slow + REMEMBERED));
        often(OFTEN);
        assert!(!pace.is_reliable_at(slow + REMEMBERED / 2));
        assert!(pace.is_reliable_at(slow + REMEMBERED));
    }

    #[test]
    fn all_who_read_a_file_know_its_pace() {
        let paces = Paces::default();
        (0..OFTEN).for_each(|_| paces.of(7).note(true));
        assert!(paces.of(7).is_reliable() && !paces.of(8).is_reliable());
    }
}
