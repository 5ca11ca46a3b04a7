//! Which files are processed at the same time: several small ones, or a large one alone. At any moment, most of the
//! small ones are waiting for the disk.

use std::{
    num::NonZero,
    sync::{
        PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{delivery::Delivery, semaphore::Semaphore};
use crate::{cli::plan::Threads, container::FrameSize, files::descriptors, pipeline::Workers};

/// Up to this size, naming and syncing a file take longer than processing its content.
const SMALL_BYTES: u64 = 4 << 20;

/// The most memory that the buffers of all current files may take together.
const MOST_BUFFER_BYTES: usize = 64 << 20;

/// Enough to keep a disk busy: a file system syncs several waiting files in one go. More gained little.
const FILES_IN_HAND: usize = 16;

/// Descriptors that a file keeps open: its input, its output, the output's folder, and one to spare.
const DESCRIPTORS_OF_A_FILE: usize = 4;

/// Decides when a file may be processed.
pub(in crate::cli) struct Admission {
    threads: Threads,
    gate: RwLock<()>,
    /// One permit for each thread that may work on frames.
    at_work: Semaphore,
    /// Whether an output waits for a disk.
    disk_waits: AtomicBool,
}

/// A file that is admitted, until this is dropped.
pub(in crate::cli) enum Admitted<'a> {
    /// Alongside others, with one worker.
    Beside(#[expect(dead_code, reason = "held for its drop")] RwLockReadGuard<'a, ()>, &'a Semaphore),
    /// Alone, with all workers.
    Alone(#[expect(dead_code, reason = "held for its drop")] RwLockWriteGuard<'a, ()>),
}

impl Admission {
    pub fn new(threads: Threads) -> Self {
        Self {
            threads,
            gate: RwLock::default(),
            at_work: Semaphore::new(threads.most()),
            disk_waits: AtomicBool::new(false),
        }
    }

    /// Notes whether `delivery` goes to an output that waits for a disk.
    pub fn note_output(&self, delivery: &Delivery<'_>) {
        if delivery.waits_for_disk() {
            self.disk_waits.store(true, Ordering::Relaxed);
        }
    }

    /// The most files to process at once: one per thread, and more once there is a disk to wait for; but only one if
    /// one thread was asked for, so that they go in order.
    pub fn most_files(&self) -> NonZero<usize> {
        let threads = self.threads.most().get();
        let waits = self.disk_waits.load(Ordering::Relaxed) && !self.threads.go_in_order();
        let most = if waits { threads.max(FILES_IN_HAND) } else { threads };
        NonZero::new(most.min(descriptors::free() / DESCRIPTORS_OF_A_FILE)).unwrap_or(NonZero::<usize>::MIN)
    }

    /// Waits until a file of `size` bytes, if that is known, in frames of `frame_size`, may be processed.
    pub fn admit(&self, size: Option<u64>, frame_size: FrameSize) -> Admitted<'_> {
        let buffers = self.threads.most().get() * Workers::bytes_each(frame_size);
        if size.is_some_and(|size| size <= SMALL_BYTES) && buffers <= MOST_BUFFER_BYTES {
            Admitted::Beside(self.gate.read().unwrap_or_else(PoisonError::into_inner), &self.at_work)
        } else {
            Admitted::Alone(self.gate.write().unwrap_or_else(PoisonError::into_inner))
        }
    }
}

impl Admitted<'_> {
    /// How many of `all` workers such a file gets.
    pub fn workers(&self, all: NonZero<usize>) -> NonZero<usize> {
        match self {
            Self::Beside(..) => NonZero::<usize>::MIN,
            Self::Alone(_) => all,
        }
    }

    /// Does `work` on frames, once fewer files than there are threads are doing so.
    pub fn at_work<T>(&self, work: impl FnOnce() -> T) -> T {
        let _permit = match self {
            Self::Beside(_, at_work) => Some(at_work.acquire()),
            Self::Alone(_) => None,
        };
        work()
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::atomic::AtomicUsize, thread};

    use super::*;

    #[test]
    fn as_many_files_are_at_work_as_there_are_threads_or_a_large_one_alone() {
        let (admission, at_work) = (Admission::new(Threads::exactly(NonZero::new(2).unwrap())), AtomicUsize::new(0));
        let one = |size: u64| {
            let admitted = admission.admit(Some(size), FrameSize::MIN);
            let others = if size > SMALL_BYTES { 0 } else { 1 };
            admitted.at_work(|| {
                assert!(at_work.fetch_add(1, Ordering::SeqCst) <= others);
                thread::yield_now();
                at_work.fetch_sub(1, Ordering::SeqCst);
            });
        };
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..500).for_each(|at| one(if at % 50 == 0 { SMALL_BYTES + 1 } else { at })));
            }
        });
    }
}
