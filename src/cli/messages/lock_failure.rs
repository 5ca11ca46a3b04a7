//! How the failure to make a lock, or one of its slots, is reported.

#[cfg(feature = "age")]
use super::secret_failure;
use super::{
    failure::{Exit, Failure},
    stream_failure,
};
use crate::keys::LockError;

/// The failure to make a lock, or one of its slots.
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
