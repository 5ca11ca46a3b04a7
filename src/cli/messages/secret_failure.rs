//! How secrets that cannot be used are reported.

use super::{failure::Failure, message::Subject};
use crate::keys::PassphraseError;

/// A passphrase from `source` that cannot be one.
pub(in crate::cli) fn passphrase(source: impl Into<Subject>, error: PassphraseError) -> Failure {
    Failure::usage(error.to_string()).about(source).with_hint("a passphrase is 1 to 1024 bytes of text")
}
