//! Why something is not a file of identities, or why an identity could not be used.

use std::fmt::Display;

use age::{DecryptError, plugin::ResolveError};
use thiserror::Error;

/// The most identities in one file: each is tried with each slot.
pub(super) const MAX_IDENTITIES: usize = 1000;

/// Why a file is not accepted as one of identities. Its content is never repeated.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdentityFileError {
    /// Not a known format.
    #[error("not an identity file or a private ssh key")]
    Form,
    /// A public key.
    #[error("this is a public key, which opens nothing")]
    PublicKey,
    /// It contains no identity.
    #[error("holds no identity")]
    Empty,
    /// More identities than are tried with each slot.
    #[error("holds more than {MAX_IDENTITIES} identities")]
    TooMany,
    /// A line of a list is not an identity.
    #[error("line {0} is not an identity")]
    Line(usize),
    /// A post-quantum identity of age 1.3.
    #[error("line {0} is a post-quantum identity, which needs age-plugin-pq")]
    PostQuantum(usize),
    /// An ssh key that was not understood.
    #[error("the private ssh key is damaged, or in an unknown format")]
    SshForm,
    /// An ssh key of a type that age does not decrypt with, or under a cipher that it does not know.
    #[error("{0} cannot be used")]
    SshKind(String),
    /// An age file that is not encrypted with a passphrase.
    #[error("encrypted, but not with a passphrase")]
    NotPassphrase,
}

/// Why an identity could not be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdentityFailure {
    /// Its passphrase was not given.
    #[error("no passphrase was given for it")]
    NoPassphrase,
    /// The passphrase is wrong, or the file is damaged.
    #[error("wrong passphrase")]
    WrongPassphrase,
    /// Its passphrase costs more scrypt work than is allowed.
    #[error("its passphrase needs scrypt with N = 2^{0}, which is more than is allowed")]
    Work(u8),
    /// What was decrypted is not a file of identities.
    #[error(transparent)]
    File(#[from] IdentityFileError),
    /// The plugin was not found.
    #[error("{program} is not in PATH")]
    MissingPlugin {
        /// The plugin's program.
        program: String,
    },
    /// The plugin refused, or died.
    #[error("its plugin failed: {0}")]
    Plugin(String),
}

/// An identity that could not be used, and so may be the one that opens the stream.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{name}: {failure}")]
pub struct IdentityError {
    /// What the identity is called, as it was given.
    pub name: String,
    /// Why it could not be used.
    pub failure: IdentityFailure,
}

impl From<DecryptError> for IdentityFailure {
    fn from(error: DecryptError) -> Self {
        match error {
            DecryptError::KeyDecryptionFailed => Self::WrongPassphrase,
            DecryptError::ExcessiveWork { required, .. } => Self::Work(required),
            DecryptError::PluginResolve(ResolveError::MissingPlugin { binary_name }) => {
                Self::MissingPlugin { program: binary_name }
            }
            DecryptError::Plugin(errors) => Self::Plugin(plugin_messages(&errors)),
            error => Self::Plugin(one_line(&error.to_string())),
        }
    }
}

/// A plugin's own error messages, the first few of them.
pub(super) fn plugin_messages(errors: &[impl Display]) -> String {
    const MOST: usize = 3;
    errors.iter().take(MOST).map(|error| one_line(&error.to_string())).collect::<Vec<_>>().join("; ")
}

/// `text` as one line of bounded length, without anything that a terminal would act on.
pub(super) fn one_line(text: &str) -> String {
    const MOST: usize = 300;
    let is_plain = |character: &char| !matches!(character, '\u{2066}'..='\u{2069}' | '\u{202a}'..='\u{202e}');
    let plain = text.chars().filter(is_plain).map(|character| if character.is_control() { ' ' } else { character });
    plain.take(MOST).collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}
