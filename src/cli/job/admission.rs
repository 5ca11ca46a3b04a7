//! Several small files at once, a large one by itself.

use std::{
    num::NonZero,
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use crate::{container::FrameSize, pipeline::Workers};

/// Up to this, naming and syncing a file take longer than what is in it.
const SMALL_BYTES: u64 = 4 << 20;

/// The most that the buffers of all files in hand may take together.
const MOST_BUFFER_BYTES: usize = 64 << 20;

/// Who may go at the same time.
pub(in crate::cli) struct Admission {
    threads: NonZero<usize>,
    gate: RwLock<()>,
}

/// A file's right to go.
pub(in crate::cli) enum Going<'a> {
    /// Beside others, with one worker.
    Beside(#[expect(dead_code, reason = "held for its drop")] RwLockReadGuard<'a, ()>),
    /// By itself, with all workers.
    Alone(#[expect(dead_code, reason = "held for its drop")] RwLockWriteGuard<'a, ()>),
}

impl Admission {
    pub fn new(threads: NonZero<usize>) -> Self {
        Self { threads, gate: RwLock::default() }
    }

    /// The most files that go at once.
    pub fn most(&self) -> NonZero<usize> {
        self.threads
    }

    /// Waits until a file of `size` bytes, if that is known, in frames of `frame_size`, may go.
    pub fn wait(&self, size: Option<u64>, frame_size: FrameSize) -> Going<'_> {
        let buffers = self.threads.get() * Workers::bytes_each(frame_size);
        if size.is_some_and(|size| size <= SMALL_BYTES) && buffers <= MOST_BUFFER_BYTES {
            Going::Beside(self.gate.read().unwrap_or_else(PoisonError::into_inner))
        } else {
            Going::Alone(self.gate.write().unwrap_or_else(PoisonError::into_inner))
        }
    }
}

impl Going<'_> {
    /// The workers that such a file gets of `all`.
    pub fn workers(&self, all: NonZero<usize>) -> NonZero<usize> {
        match self {
            Self::Beside(_) => NonZero::<usize>::MIN,
            Self::Alone(_) => all,
        }
    }
}
