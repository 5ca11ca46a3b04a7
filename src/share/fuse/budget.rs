//! A bound on what is decrypted ahead, however many files are open.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};

/// Bytes that all files together may have decrypted ahead.
const MOST: usize = 16 << 20;
/// A file that has not been read for this long makes room for another.
const IDLE: Duration = Duration::from_secs(1);

/// How much each file may have decrypted ahead.
pub(super) struct Budget<T>(Mutex<VecDeque<Grant<T>>>);

/// A file's share. The one used last is at the end.
struct Grant<T> {
    file: Weak<T>,
    bytes: usize,
    used: Instant,
}

impl<T> Default for Budget<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Budget<T> {
    /// Whether `file`, which is read at the time `now`, may have `bytes`, and which files must drop theirs for that.
    pub fn grant(&self, file: &Arc<T>, bytes: usize, now: Instant) -> (bool, Vec<Arc<T>>) {
        let mut grants = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_own = |grant: &Grant<T>| std::ptr::eq(grant.file.as_ptr(), Arc::as_ptr(file));
        let last = grants.back_mut().filter(|last| is_own(last) && last.bytes >= bytes);
        if let Some(last) = last {
            last.used = now;
            return (true, Vec::new());
        }
        grants.retain(|grant| !is_own(grant) && grant.file.strong_count() > 0);
        let mut used = grants.iter().map(|grant| grant.bytes).sum::<usize>() + bytes;
        let mut forgetting = Vec::new();
        while used > MOST {
            let is_idle = |grant: &Grant<T>| now.saturating_duration_since(grant.used) >= IDLE;
            let Some(idle) = (if grants.front().is_some_and(is_idle) { grants.pop_front() } else { None }) else {
                // It may still have some from before.
                forgetting.push(Arc::clone(file));
                return (false, forgetting);
            };
            used -= idle.bytes;
            forgetting.extend(idle.file.upgrade());
        }
        grants.push_back(Grant { file: Arc::downgrade(file), bytes, used: now });
        (true, forgetting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_read_keep_theirs_and_idle_ones_make_room() {
        const EACH: usize = MOST / 4;
        let (budget, files) = (Budget::default(), [0, 1, 2, 3, 4, 5].map(Arc::new));
        let start = Instant::now();
        let grant = |file: usize, seconds: u64| {
            let (granted, forgetting) = budget.grant(&files[file], EACH, start + Duration::from_secs(seconds));
            (granted, forgetting.iter().map(|file| **file).collect::<Vec<_>>())
        };
        for file in [0, 1, 2, 3, 0, 0] {
            assert_eq!(grant(file, 0), (true, vec![]));
        }
        assert_eq!(grant(4, 0), (false, vec![4]), "all others are being read");
        assert_eq!(grant(0, 1), (true, vec![]));
        assert_eq!(grant(4, 1), (true, vec![1]), "the one that was read least recently");
        let [zero, _, two, ..] = files;
        drop((zero, two));
        let (granted, forgetting) = budget.grant(&Arc::new(9), 2 * EACH, start + Duration::from_secs(1));
        assert_eq!((granted, forgetting.len()), (true, 0), "what was closed has nothing");
    }
}
