//! Where a secret should come from.

use std::path::PathBuf;

use crate::cli::{
    arguments::{NewSecretArguments, SecretArguments},
    messages::failure::Failure,
};

/// The environment's passphrase, and the new one of passwd.
pub(in crate::cli) const PASSPHRASE_VARIABLE: &str = "REELSEAL_PASSPHRASE";
pub(in crate::cli) const NEW_PASSPHRASE_VARIABLE: &str = "REELSEAL_NEW_PASSPHRASE";

/// Where a user asked a secret to come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum SecretRequest {
    KeyFile(PathBuf),
    PassphraseFile(PathBuf),
    PassphraseDescriptor(i32),
    /// No flag given: a passphrase from the environment, or else from the terminal.
    Unnamed,
}

impl SecretRequest {
    /// The inherited descriptor, if it names one.
    pub fn descriptor(&self) -> Option<i32> {
        match self {
            Self::PassphraseDescriptor(number) => Some(*number),
            Self::KeyFile(_) | Self::PassphraseFile(_) | Self::Unnamed => None,
        }
    }

    /// Refuses `new` as the new secret beside this one, if both are on one descriptor.
    pub fn check_apart_from(&self, new: &Self) -> Result<(), Failure> {
        if new.descriptor().is_some() && self.descriptor() == new.descriptor() {
            return Err(Failure::usage("one descriptor cannot hold both the old passphrase and the new one")
                .with_hint("use two of them: --passphrase-fd 3 3<OLD --new-passphrase-fd 4 4<NEW"));
        }
        Ok(())
    }

    fn of(key_file: &Option<PathBuf>, passphrase_file: &Option<PathBuf>, passphrase_fd: Option<i32>) -> Self {
        match (key_file, passphrase_file, passphrase_fd) {
            (Some(path), ..) => Self::KeyFile(path.clone()),
            (None, Some(path), _) => Self::PassphraseFile(path.clone()),
            (None, None, Some(number)) => Self::PassphraseDescriptor(number),
            (None, None, None) => Self::Unnamed,
        }
    }
}

impl From<&SecretArguments> for SecretRequest {
    fn from(arguments: &SecretArguments) -> Self {
        Self::of(&arguments.key_file, &arguments.passphrase_file, arguments.passphrase_fd)
    }
}

impl From<&NewSecretArguments> for SecretRequest {
    fn from(arguments: &NewSecretArguments) -> Self {
        Self::of(&arguments.new_key_file, &arguments.new_passphrase_file, arguments.new_passphrase_fd)
    }
}
