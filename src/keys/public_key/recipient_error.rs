//! Why something is not a recipient, or why a slot for one was not made.

use thiserror::Error;

use crate::container::RecipientSlotError;

/// Why a text is not accepted as a recipient. The text is never repeated: it may be a secret.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecipientError {
    /// No known kind of recipient.
    #[error("not a recipient")]
    Form,
    /// A private key.
    #[error("this is a secret key, not a recipient")]
    SecretKey,
    /// An ssh key of a kind that age does not encrypt to.
    #[error("ssh keys of type {0} cannot be encrypted to")]
    SshType(String),
    /// An RSA key of less than 2048 bits.
    #[error("an RSA key of less than 2048 bits is too weak")]
    RsaTooSmall,
    /// An RSA key of more than 4096 bits.
    #[error("an RSA key of more than 4096 bits is not supported")]
    RsaTooLarge,
    /// The program that handles such recipients was not found.
    #[error("{program} is not in PATH")]
    MissingPlugin {
        /// The plugin's program.
        program: String,
    },
}

/// Why a slot for a recipient was not made.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum RecipientFailure {
    /// The plugin refused, or died.
    #[error("the plugin of a recipient failed: {0}")]
    Plugin(String),
    /// The recipient cannot be encrypted to, or its plugin was not started or died.
    #[error("cannot encrypt to a recipient: {0}")]
    Other(String),
    /// Readers would refuse what was made.
    #[error(transparent)]
    Slot(#[from] RecipientSlotError),
    /// What was made is longer than readers allow.
    #[error("the key slot of a recipient would have {0} bytes, more than is allowed")]
    TooLong(usize),
}
