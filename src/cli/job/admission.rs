//! Which files are worked on at the same time: several small ones, or a large one alone.

use std::{
    num::NonZero,
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use crate::{container::FrameSize, pipeline::Workers};

/// Up to this, naming and syncing a file take longer than what is in it.
const SMALL_BYTES: u64 = 4 << 20;

/// The most that the buffers of all files in hand may take together.
const MOST_BUFFER_BYTES: usize = 64 << 20;

/// Admits files to be worked on.
pub(in crate::cli) struct Admission {
    threads: NonZero<usize>,
    gate: RwLock<()>,
}

/// A file that is admitted, until this is dropped.
pub(in crate::cli) enum Admitted<'a> {
    /// Beside others, with one worker.
    Beside(#[expect(dead_code, reason = "held for its drop")] RwLockReadGuard<'a, ()>),
    /// By itself, with all workers.
    Alone(#[expect(dead_code, reason = "held for its drop")] RwLockWriteGuard<'a, ()>),
}

impl Admission {
    pub fn new(threads: NonZero<usize>) -> Self {
        Self { threads, gate: RwLock::default() }
    }

    /// Waits until a file of `size` bytes, if that is known, in frames of `frame_size`, may be worked on.
    pub fn admit(&self, size: Option<u64>, frame_size: FrameSize) -> Admitted<'_> {
        let buffers = self.threads.get() * Workers::bytes_each(frame_size);
        if size.is_some_and(|size| size <= SMALL_BYTES) && buffers <= MOST_BUFFER_BYTES {
            Admitted::Beside(self.gate.read().unwrap_or_else(PoisonError::into_inner))
        } else {
            Admitted::Alone(self.gate.write().unwrap_or_else(PoisonError::into_inner))
        }
    }
}

impl Admitted<'_> {
    /// The workers that such a file gets of `all`.
    pub fn workers(&self, all: NonZero<usize>) -> NonZero<usize> {
        match self {
            Self::Beside(_) => NonZero::<usize>::MIN,
            Self::Alone(_) => all,
        }
    }
}
