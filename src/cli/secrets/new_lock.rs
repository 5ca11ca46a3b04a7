//! The lock of a run that makes streams: its secret is read, and scrypt run, once, when the first stream needs it.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{
    cli::{
        messages::{failure::Failure, lock_failure::lock_failure},
        secrets::{lock_source::LockSource, question::Question},
    },
    container::{Features, Layout},
    keys::{Lock, NewStream, ScryptCost},
};

/// Locks new streams, for any thread.
pub(in crate::cli) struct NewLock {
    source: LockSource,
    cost: ScryptCost,
    question: Question,
    lock: Mutex<Option<Arc<Lock>>>,
}

impl NewLock {
    /// Streams that open with what `source` gives, on the terminal as the answer to `question`; with a passphrase, at
    /// `cost`.
    pub fn new(source: LockSource, cost: ScryptCost, question: Question) -> Self {
        Self { source, cost, question, lock: Mutex::default() }
    }

    /// A fresh stream, with room in its header for more slots.
    pub fn new_stream(&self, layout: Layout, features: Features) -> Result<NewStream, Failure> {
        // The mutex is released before a plugin runs.
        self.lock()?
            .new_roomy_stream(layout, features)
            .map_err(|error| self.source.prompt_failure().unwrap_or_else(|| lock_failure(&error)))
    }

    /// The lock, made by the first thread that asks, while the others wait.
    fn lock(&self) -> Result<Arc<Lock>, Failure> {
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        match &*lock {
            Some(lock) => Ok(Arc::clone(lock)),
            None => Ok(Arc::clone(lock.insert(Arc::new(self.make().map_err(Failure::for_all)?)))),
        }
    }

    /// Makes the lock. The secrets are wiped on the way out: the lock does not need them any more.
    fn make(&self) -> Result<Lock, Failure> {
        self.source.lock(&self.source.read(&self.question)?, self.cost)
    }
}
