//! Why a header does not open.

use thiserror::Error;

#[cfg(feature = "age")]
use super::IdentityError;
use super::{KdfError, SlotKind};
use crate::container::{HeaderError, MAX_PASSPHRASE_SLOTS, MAX_RECIPIENT_SLOTS, RecipientSlotError};

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
    /// More than 32 recipient slots.
    #[error("the header has {0} recipient slots, more than the {MAX_RECIPIENT_SLOTS} allowed")]
    TooManyRecipientSlots(usize),
    /// A recipient slot is malformed.
    #[error(transparent)]
    RecipientSlot(#[from] RecipientSlotError),
    /// scrypt would cost too much.
    #[error(transparent)]
    Kdf(#[from] KdfError),
    /// No slot is of the credential's kind.
    #[error("the stream has no key slot for {} {}", article(*.wanted), .wanted.secret())]
    NoSuchSlot {
        /// What the credential is.
        wanted: SlotKind,
        /// The kinds of slots in the header, each once.
        present: Vec<SlotKind>,
    },
    /// There are slots of the credential's kind, but it unwraps none of them.
    #[error("{}", wrong(*.0))]
    WrongSecret(SlotKind),
    /// No slot opened, and one of the identities could not be used.
    #[cfg(feature = "age")]
    #[error(transparent)]
    Identity(IdentityError),
    /// A slot unwrapped, but the header MAC does not verify.
    #[error("the header was altered")]
    Altered,
    /// The given slot is not one of this header's.
    #[error(transparent)]
    ForeignSlot(#[from] ForeignSlot),
}

fn article(kind: SlotKind) -> &'static str {
    if kind == SlotKind::Recipient { "an" } else { "a" }
}

fn wrong(kind: SlotKind) -> String {
    match kind {
        SlotKind::Passphrase | SlotKind::KeyFile => format!("wrong {kind}"),
        SlotKind::Recipient => "none of the identities opens it".to_owned(),
    }
}

/// A [`KeySlot`](super::KeySlot) was used with a header that does not contain it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the key slot is not in this header")]
pub struct ForeignSlot;
