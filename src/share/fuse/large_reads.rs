//! Reads of large frames, which wait for memory. Only some threads may wait for it, so that the others can answer
//! everyone else.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

/// How many threads may do such reads.
const MOST: usize = 4;

type Read = Box<dyn FnOnce() + Send>;

/// The reads that are waiting.
#[derive(Default)]
pub(super) struct LargeReads(Mutex<State>);

#[derive(Default)]
struct State {
    /// How many threads are doing such reads.
    reading: usize,
    waiting: VecDeque<Read>,
}

impl LargeReads {
    /// Does `read`, and then all reads that other threads have left, or leaves it to the threads that are already at
    /// work.
    pub fn run(&self, read: impl FnOnce() + Send + 'static) {
        let mut state = self.lock();
        if state.reading >= MOST {
            return state.waiting.push_back(Box::new(read));
        }
        state.reading += 1;
        drop(state);
        let _leaves = LeaveOnPanic(self);
        read();
        loop {
            let mut state = self.lock();
            let Some(next) = state.waiting.pop_front() else {
                state.reading -= 1;
                return;
            };
            drop(state);
            next();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread whose read panics does not count any more.
struct LeaveOnPanic<'a>(&'a LargeReads);

impl Drop for LeaveOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.lock().reading -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::{Arc, Barrier, mpsc::channel},
    };

    use super::*;

    #[test]
    fn some_threads_read_and_later_callers_do_not_wait() {
        let (reads, gate) = (LargeReads::default(), Arc::new(Barrier::new(MOST + 1)));
        let (done, all) = channel();
        let read = |gate: Option<Arc<Barrier>>| {
            let done = done.clone();
            move || {
                gate.map(|gate| gate.wait());
                done.send(()).unwrap();
            }
        };
        thread::scope(|scope| {
            for _ in 0..MOST {
                let (reads, read) = (&reads, read(Some(Arc::clone(&gate))));
                scope.spawn(move || reads.run(read));
            }
            while reads.lock().reading < MOST {}
            for _ in 0..3 {
                reads.run(read(None));
            }
            assert_eq!((reads.lock().waiting.len(), all.try_recv().is_err()), (3, true));
            gate.wait();
        });
        assert_eq!(all.try_iter().count(), MOST + 3);
        let state = reads.lock();
        assert_eq!((state.reading, state.waiting.len()), (0, 0));
    }

    #[test]
    fn reads_that_panic_keep_nobody_waiting() {
        let reads = LargeReads::default();
        for _ in 0..=MOST {
            assert!(catch_unwind(AssertUnwindSafe(|| reads.run(|| panic!("as it should")))).is_err());
        }
        assert_eq!(reads.lock().reading, 0);
    }
}
