//! Where the user wants secrets to come from: those that open streams, and those that lock new ones.

use std::path::PathBuf;

use crate::cli::{
    arguments::{LockArguments, NewSecretArguments, SecretArguments},
    messages::failure::Failure,
};

/// The variables for the passphrase, and for the new one of passwd.
pub(in crate::cli) const PASSPHRASE_VARIABLE: &str = "REELSEAL_PASSPHRASE";
pub(in crate::cli) const NEW_PASSPHRASE_VARIABLE: &str = "REELSEAL_NEW_PASSPHRASE";

/// Where a user asked a secret to come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum SecretRequest {
    KeyFile(PathBuf),
    PassphraseFile(PathBuf),
    PassphraseDescriptor(i32),
    /// A passphrase from the terminal.
    Asked,
    /// Identities, from one file or several.
    #[cfg(feature = "age")]
    Identities(Vec<PathBuf>),
    /// No flag given: a passphrase from the environment, or else from the terminal.
    Unnamed,
}

/// What a user asked new key slots to be made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct LockRequest {
    /// A passphrase, a key file, or both.
    pub secrets: Vec<SecretRequest>,
    #[cfg(feature = "age")]
    pub recipients: Vec<RecipientRequest>,
}

/// Where a user asked recipients to come from.
#[cfg(feature = "age")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum RecipientRequest {
    /// A single one, as it was typed.
    Text(String),
    /// All those in a file.
    File(PathBuf),
}

impl SecretRequest {
    /// The inherited descriptor, if it names one.
    pub fn descriptor(&self) -> Option<i32> {
        if let Self::PassphraseDescriptor(number) = self { Some(*number) } else { None }
    }

    /// Refuses `new` as the new secret next to this one, if both are on the same descriptor.
    pub fn check_apart_from(&self, new: &LockRequest) -> Result<(), Failure> {
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

impl LockRequest {
    /// The inherited descriptor that it names, if it does.
    pub fn descriptor(&self) -> Option<i32> {
        self.secrets.iter().find_map(SecretRequest::descriptor)
    }

    /// Whether no flag was given.
    pub fn is_unnamed(&self) -> bool {
        #[cfg(feature = "age")]
        if !self.recipients.is_empty() {
            return false;
        }
        self.secrets == [SecretRequest::Unnamed]
    }

    /// A passphrase, a key file and recipients. If no passphrase is named, there is one only if nothing else is given.
    fn of(
        passphrase: SecretRequest,
        key_file: &Option<PathBuf>,
        #[cfg(feature = "age")] recipients: Vec<RecipientRequest>,
    ) -> Self {
        let key_file = key_file.clone().map(SecretRequest::KeyFile);
        #[cfg(feature = "age")]
        let has_others = key_file.is_some() || !recipients.is_empty();
        #[cfg(not(feature = "age"))]
        let has_others = key_file.is_some();
        let passphrase = Some(passphrase).filter(|passphrase| *passphrase != SecretRequest::Unnamed || !has_others);
        Self {
            secrets: passphrase.into_iter().chain(key_file).collect(),
            #[cfg(feature = "age")]
            recipients,
        }
    }
}

impl From<&SecretArguments> for SecretRequest {
    fn from(arguments: &SecretArguments) -> Self {
        #[cfg(feature = "age")]
        if !arguments.identity.is_empty() {
            return Self::Identities(arguments.identity.clone());
        }
        Self::of(&arguments.key_file, &arguments.passphrase_file, arguments.passphrase_fd)
    }
}

impl From<&LockArguments> for LockRequest {
    fn from(arguments: &LockArguments) -> Self {
        let passphrase = match arguments.ask {
            true => SecretRequest::Asked,
            false => SecretRequest::of(&None, &arguments.passphrase_file, arguments.passphrase_fd),
        };
        Self::of(
            passphrase,
            &arguments.key_file,
            #[cfg(feature = "age")]
            recipient_requests(&arguments.recipients),
        )
    }
}

impl From<&NewSecretArguments> for LockRequest {
    fn from(arguments: &NewSecretArguments) -> Self {
        Self::of(
            SecretRequest::of(&None, &arguments.new_passphrase_file, arguments.new_passphrase_fd),
            &arguments.new_key_file,
            #[cfg(feature = "age")]
            recipient_requests(&arguments.recipients),
        )
    }
}

#[cfg(feature = "age")]
fn recipient_requests(arguments: &crate::cli::arguments::RecipientArguments) -> Vec<RecipientRequest> {
    let texts = arguments.recipient.iter().cloned().map(RecipientRequest::Text);
    let files = arguments.recipients_file.iter().cloned().map(RecipientRequest::File);
    texts.chain(files).collect()
}
