//! The number of threads that work on frames.

use std::{num::NonZero, thread};

use crate::cli::arguments::CommonArguments;

/// The number of threads that work on frames.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Threads {
    asked: Option<NonZero<usize>>,
    cores: NonZero<usize>,
}

impl Threads {
    pub fn of(arguments: &CommonArguments) -> Self {
        let cores = thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        Self { asked: arguments.threads, cores }
    }

    /// As if this many threads had been asked for.
    #[cfg(test)]
    pub fn exactly(asked: NonZero<usize>) -> Self {
        Self { asked: Some(asked), cores: asked }
    }

    /// As many as were asked for, or else one for each core.
    pub fn most(self) -> NonZero<usize> {
        self.asked.unwrap_or(self.cores)
    }

    /// Whether files are processed one after another, because one thread was asked for.
    pub fn go_in_order(self) -> bool {
        self.asked == Some(NonZero::<usize>::MIN)
    }

    /// As many as were asked for, or else one fewer than there are cores: the processes at the other ends of the two
    /// pipes need cores too.
    pub fn between_pipes(self) -> NonZero<usize> {
        self.asked.or(NonZero::new(self.cores.get() - 1)).unwrap_or(NonZero::<usize>::MIN)
    }
}
