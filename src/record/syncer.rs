//! Syncing while frames go on being written: in a thread of its own, one file at a time.

use std::{
    io, mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use super::store::{SegmentFile, sync};
use crate::stream::Wake;

/// Syncs a file, and reports the result when asked.
pub(super) struct Syncer<F> {
    /// `None` if there is no thread: a file is then synced at once.
    shared: Option<Arc<Shared<F>>>,
    is_under_way: bool,
    /// The result of a sync without a thread.
    done: Option<io::Result<()>>,
}

struct Shared<F> {
    state: Mutex<State<F>>,
    has_changed: Condvar,
    /// Set when a sync has ended.
    wake: Arc<Wake>,
}

enum State<F> {
    Idle,
    Wanted(Arc<F>),
    UnderWay,
    Ended(io::Result<()>),
    /// The syncer was dropped.
    Left,
}

impl<F> Shared<F> {
    fn state(&self) -> MutexGuard<'_, State<F>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State<F>>) -> MutexGuard<'a, State<F>> {
        self.has_changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: SegmentFile + Send + Sync + 'static> Syncer<F> {
    /// A syncer that sets `wake` when a sync has ended. Without a wake, or if the system has no thread to spare, files
    /// are synced at once, so there is nothing to wait for.
    pub fn new(wake: Option<Arc<Wake>>) -> Self {
        Self { shared: wake.and_then(Self::start), is_under_way: false, done: None }
    }

    fn start(wake: Arc<Wake>) -> Option<Arc<Shared<F>>> {
        let shared = Arc::new(Shared { state: Mutex::new(State::Idle), has_changed: Condvar::new(), wake });
        let of_thread = Arc::clone(&shared);
        thread::Builder::new().name("sync".to_owned()).spawn(move || of_thread.sync_what_is_wanted()).ok()?;
        Some(shared)
    }

    /// Begins to sync `file`. No other sync may be under way.
    pub fn begin(&mut self, file: Arc<F>) {
        debug_assert!(!self.is_under_way, "one after the other");
        self.is_under_way = true;
        match &self.shared {
            None => self.done = Some(sync(&*file)),
            Some(shared) => {
                *shared.state() = State::Wanted(file);
                shared.has_changed.notify_all();
            }
        }
    }

    /// Whether a sync was begun whose result has not been taken yet.
    pub fn is_under_way(&self) -> bool {
        self.is_under_way
    }

    /// The result of the sync that was under way, if it has ended.
    pub fn take(&mut self) -> Option<io::Result<()>> {
        if !self.is_under_way {
            return None;
        }
        let outcome = match &self.shared {
            None => self.done.take(),
            Some(shared) => {
                let mut state = shared.state();
                if !matches!(*state, State::Ended(_)) {
                    return None;
                }
                shared.wake.clear();
                match mem::replace(&mut *state, State::Idle) {
                    State::Ended(outcome) => Some(outcome),
                    _ => None,
                }
            }
        };
        self.is_under_way = false;
        outcome
    }

    /// Waits for the sync that is under way, if there is one, and returns its result.
    pub fn wait(&mut self) -> Option<io::Result<()>> {
        if let Some(shared) = self.shared.as_ref().filter(|_| self.is_under_way) {
            let mut state = shared.state();
            while !matches!(*state, State::Ended(_)) {
                state = shared.wait(state);
            }
        }
        self.take()
    }
}

impl<F> Drop for Syncer<F> {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            *shared.state() = State::Left;
            shared.has_changed.notify_all();
        }
    }
}

impl<F: SegmentFile> Shared<F> {
    fn sync_what_is_wanted(&self) {
        let mut state = self.state();
        loop {
            match mem::replace(&mut *state, State::UnderWay) {
                State::Wanted(file) => {
                    drop(state);
                    let outcome = sync(&*file);
                    drop(file);
                    state = self.state();
                    if matches!(*state, State::Left) {
                        return;
                    }
                    *state = State::Ended(outcome);
                    self.wake.set();
                    self.has_changed.notify_all();
                }
                State::Left => return,
                other => {
                    *state = other;
                    state = self.wait(state);
                }
            }
        }
    }
}
