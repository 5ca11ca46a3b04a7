//! Turns: hands of frames pass one after another, whichever worker finishes first.

use super::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Whose turn it is. Hands are due in the order of their numbers; at most `workers` hands are out at once.
pub(super) struct Turns {
    due: Mutex<Due>,
    waiting: Vec<Condvar>,
}

struct Due {
    hand: u64,
    ended: bool,
}

/// The right to act in order. If it is dropped without [`Turn::pass`], as in a panic, all turns end.
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    hand: u64,
    passed: bool,
}

impl Turns {
    pub(super) fn new(workers: usize) -> Self {
        let waiting = (0..workers.max(1)).map(|_| Condvar::new()).collect();
        Self { due: Mutex::new(Due { hand: 0, ended: false }), waiting }
    }

    /// Waits until `hand` is due; `None` if the turns ended before.
    pub(super) fn wait(&self, hand: u64) -> Option<Turn<'_>> {
        let mut due = self.lock();
        while due.hand != hand && !due.ended {
            due = self.condvar(hand).wait(due).unwrap_or_else(PoisonError::into_inner);
        }
        (!due.ended).then(|| Turn { turns: self, hand, passed: false })
    }

    /// Releases every waiting worker, permanently.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.waiting.iter().for_each(Condvar::notify_all);
    }

    fn lock(&self) -> MutexGuard<'_, Due> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // The hands that are out are consecutive, and no more than there are workers, so each has a condition of its own.
    fn condvar(&self, hand: u64) -> &Condvar {
        &self.waiting[(hand % self.waiting.len() as u64) as usize]
    }
}

impl Turn<'_> {
    pub(super) fn pass(mut self) {
        self.turns.lock().hand = self.hand + 1;
        self.passed = true;
        self.turns.condvar(self.hand + 1).notify_one();
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.passed {
            self.turns.end();
        }
    }
}
