//! The lock of a run that makes streams: its secret is read, and scrypt run, once, when the first stream asks for it.

use std::sync::{Arc, Mutex, PoisonError};

#[cfg(feature = "age")]
use crate::cli::messages::secret_failure;
use crate::{
    cli::{
        messages::{
            failure::{Exit, Failure},
            stream_failure,
        },
        secrets::{lock_source::LockSource, question::Question},
    },
    container::{Features, Layout},
    keys::{Lock, LockError, NewStream, ScryptCost, Secret},
};

/// Locks new streams, whoever asks.
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

    /// A fresh stream, in whose header there is room for more slots.
    pub fn new_stream(&self, layout: Layout, features: Features) -> Result<NewStream, Failure> {
        // The mutex is free again when a plugin runs.
        self.lock()?
            .new_roomy_stream(layout, features)
            .map_err(|error| self.source.prompt_failure().unwrap_or_else(|| lock_failure(&error)))
    }

    /// The lock, made by whoever asks first, while the others wait.
    fn lock(&self) -> Result<Arc<Lock>, Failure> {
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        match &*lock {
            Some(lock) => Ok(Arc::clone(lock)),
            None => Ok(Arc::clone(lock.insert(Arc::new(self.make().map_err(Failure::for_all)?)))),
        }
    }

    /// The secrets are wiped on the way out: the lock does not need them any more.
    fn make(&self) -> Result<Lock, Failure> {
        self.source.lock(&self.source.read(&self.question)?, self.cost)
    }
}

/// A lock that opens with `secret`; a passphrase at `cost`.
pub(in crate::cli) fn new_lock(secret: &Secret, cost: ScryptCost) -> Result<Lock, Failure> {
    Lock::with_secret(secret, cost).map_err(|error| lock_failure(&error))
}

/// A lock, or a slot of it, that was not made.
pub(in crate::cli) fn lock_failure(error: &LockError) -> Failure {
    match error {
        LockError::Kdf(error) => stream_failure::kdf("passphrase", error),
        LockError::Randomness(_) => Failure::new(Exit::InputOutput, error.to_string()),
        LockError::TooManyPassphrases => Failure::usage(error.to_string()),
        LockError::TooManyRecipients => {
            Failure::usage(error.to_string()).with_hint("give fewer, or give one key to several people")
        }
        #[cfg(feature = "age")]
        LockError::Recipient(error) => secret_failure::failed_recipient(error),
        #[cfg(feature = "age")]
        LockError::Identities => Failure::usage(error.to_string()),
    }
}
