//! How secrets that cannot be used are reported.

#[cfg(feature = "age")]
use std::borrow::Cow;

use super::{failure::Failure, message::Subject};
use crate::keys::PassphraseError;
#[cfg(feature = "age")]
use crate::{
    cli::messages::{failure::Exit, message::Message, report},
    keys::{IdentityFailure, IdentityFileError, ListedRecipientError, RecipientError, RecipientFailure, ScryptCost},
};

/// The failure that a passphrase from `source` is invalid.
pub(in crate::cli) fn passphrase(source: impl Into<Subject>, error: PassphraseError) -> Failure {
    Failure::usage(error.to_string()).about(source).with_hint("a passphrase is one line of text, 1 to 1024 bytes long")
}

/// The failure that the `text` of --recipient is not a recipient. It is not shown, since it may be a secret.
#[cfg(feature = "age")]
pub(in crate::cli) fn recipient(text: &str, error: &RecipientError) -> Failure {
    let path = std::path::Path::new(text);
    let refused = Failure::usage(error.to_string());
    match error {
        RecipientError::Form if path.is_dir() => {
            refused.about(path).with_hint("-r names a recipient; folders are taken with --recursive")
        }
        RecipientError::Form if path.exists() => {
            refused.about(path).with_hint("-r names a recipient; those in a file are named with -R FILE")
        }
        _ => refused.about("--recipient").with_hint(recipient_hint(error, text)),
    }
}

/// The failure of a line in a file of recipients, or of the whole file.
#[cfg(feature = "age")]
pub(in crate::cli) fn listed_recipient(source: Subject, error: &ListedRecipientError) -> Failure {
    let refused = Failure::usage(error.to_string()).about(source);
    match error {
        ListedRecipientError::Line { error, .. } => refused.with_hint(recipient_hint(error, "")),
        _ => refused.with_hint("a file for --recipients-file has a recipient on each line"),
    }
}

#[cfg(feature = "age")]
fn recipient_hint(error: &RecipientError, text: &str) -> &'static str {
    match error {
        RecipientError::SecretKey if text.is_empty() => {
            "give the public key; for an age identity, age-keygen -y prints it, and a comment in the file has it, too"
        }
        RecipientError::SecretKey => {
            "others can read arguments, so replace this key; give the public key, which is in a comment in its file"
        }
        RecipientError::SshType(_) => "use an ssh-ed25519 key, or make an age identity: reelseal keygen --age -o FILE",
        RecipientError::RsaTooSmall | RecipientError::RsaTooLarge => "use an ssh-ed25519 key or an age recipient",
        RecipientError::MissingPlugin { program } if program == "age-plugin-pq" => {
            "post-quantum recipients need this plugin, which comes with age 1.3; age1tagpq recipients need none"
        }
        RecipientError::MissingPlugin { .. } => "install this plugin of age, or use a recipient of another kind",
        _ => "a recipient is age1..., or the line of a public key: \"ssh-ed25519 AAAA...\"",
    }
}

/// The failure of a recipient for which no slot could be made.
#[cfg(feature = "age")]
pub(in crate::cli) fn failed_recipient(error: &RecipientFailure) -> Failure {
    let failure = Failure::new(Exit::InputOutput, error.to_string());
    match error {
        RecipientFailure::Plugin(_) | RecipientFailure::Other(_) => failure.with_hint(PLUGIN_FAILED),
        _ => failure.with_hint("use a recipient of another kind"),
    }
}

/// The failure that `source` is not an identity file.
#[cfg(feature = "age")]
pub(in crate::cli) fn identity_file(source: Subject, error: &IdentityFileError) -> Failure {
    Failure::usage(error.to_string()).about(source).with_hint(identity_file_hint(error))
}

#[cfg(feature = "age")]
fn identity_file_hint(error: &IdentityFileError) -> &'static str {
    match error {
        IdentityFileError::PublicKey => "give the private key, the file without .pub",
        IdentityFileError::PostQuantum(_) => {
            "age-plugin-pq, which comes with age 1.3, turns it into a plugin identity: age-plugin-pq -identity"
        }
        IdentityFileError::TooMany => "split it into several files, and name those that are needed",
        IdentityFileError::SshForm => "ssh-keygen -p -f COPY rewrites a copy of it in the current format",
        IdentityFileError::SshKind(_) => "use an ssh-ed25519 or ssh-rsa key, or an age identity",
        _ => "an identity file has lines AGE-SECRET-KEY-1... or AGE-PLUGIN-...; reelseal keygen --age makes one",
    }
}

/// What to do about an identity that could not be used, and the exit code.
#[cfg(feature = "age")]
pub(in crate::cli) fn failed_identity(error: &IdentityFailure) -> (Exit, Option<Cow<'static, str>>) {
    let (exit, hint) = match error {
        IdentityFailure::WrongPassphrase => return (Exit::WrongSecret, None),
        IdentityFailure::Work(work) => {
            // age uses scrypt with r = 8 and p = 1. What is out of bounds, no limit allows.
            let cost = ScryptCost::new(*work, 8, 1).ok();
            let mebibytes = cost.map(|cost| cost.memory().div_ceil(1 << 20));
            return (Exit::Usage, mebibytes.map(|needed| format!("allow it with --max-kdf-memory {needed}M").into()));
        }
        IdentityFailure::NoPassphrase => {
            (Exit::Usage, "it is asked for on the terminal; where there is none, use an identity without a passphrase")
        }
        IdentityFailure::File(error) => (Exit::Usage, identity_file_hint(error)),
        IdentityFailure::MissingPlugin { .. } => (Exit::Usage, "install this plugin of age"),
        _ => (Exit::InputOutput, PLUGIN_FAILED),
    };
    (exit, Some(hint.into()))
}

#[cfg(feature = "age")]
const PLUGIN_FAILED: &str = "check that the device is connected, and try again";

/// Warns that an RSA key is used.
#[cfg(feature = "age")]
pub(in crate::cli) fn warn_of_rsa() {
    let fact = "decryption with an RSA key may leak the key through timing (RUSTSEC-2023-0071); ssh-ed25519 and age keys \
                are not affected";
    report::warning(&Message::about("ssh-rsa", fact));
}

#[cfg(all(test, feature = "age"))]
mod tests {
    use super::*;

    #[test]
    fn the_hint_for_a_costly_identity_names_the_limit_that_allows_it() {
        let hint = |work| failed_identity(&IdentityFailure::Work(work)).1;
        assert_eq!(hint(20).unwrap(), "allow it with --max-kdf-memory 1025M");
        assert_eq!(hint(31), None);
    }
}
