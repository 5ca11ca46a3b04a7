//! Why a header does not open.

use thiserror::Error;

use super::{KdfError, SlotKind};
use crate::container::{HeaderError, MAX_PASSPHRASE_SLOTS};

/// Why a header does not open.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UnlockError {
    /// The header is malformed.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// More than eight passphrase slots.
    #[error("the header has {0} passphrase slots, more than the {MAX_PASSPHRASE_SLOTS} allowed")]
    TooManySlots(usize),
    /// scrypt would cost too much.
    #[error(transparent)]
    Kdf(#[from] KdfError),
    /// No slot is of the credential's kind.
    #[error("the stream has no key slot for a {wanted}")]
    NoSuchSlot {
        /// What the credential is.
        wanted: SlotKind,
        /// The kinds of the slots that there are, each once.
        present: Vec<SlotKind>,
    },
    /// There are slots of the credential's kind, and none of them unwrapped with it.
    #[error("wrong {0}")]
    WrongSecret(SlotKind),
    /// A slot unwrapped, but the header MAC does not verify.
    #[error("the header was altered")]
    Altered,
    /// The given slot is not one of this header's.
    #[error(transparent)]
    ForeignSlot(#[from] ForeignSlot),
}

/// A [`KeySlot`](super::KeySlot) was used with a header that does not contain it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the key slot is not in this header")]
pub struct ForeignSlot;
