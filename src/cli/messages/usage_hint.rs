//! What to do about a command line that clap refuses, where clap's own tips do not help.

use std::error::Error;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::record::AddressError;

pub(super) fn usage_hint(error: &clap::Error) -> Option<&'static str> {
    match error.kind() {
        ErrorKind::InvalidSubcommand if error.get(ContextKind::SuggestedSubcommand).is_none() => {
            Some("a command comes first, as in: reelseal encrypt FILE; reelseal -h lists them")
        }
        #[cfg(feature = "age")]
        ErrorKind::UnknownArgument if names(error, &["-r"]) => {
            Some("folders are taken with --recursive; -r names a recipient, for encrypt, record and passwd")
        }
        ErrorKind::UnknownArgument if names(error, &["--pass", "--passphrase", "--password", "-p"]) => {
            Some("a passphrase is never an argument, which others can read: use --passphrase-file FILE")
        }
        #[cfg(feature = "age")]
        ErrorKind::UnknownArgument if names(error, &["-i", "--identity"]) => {
            Some("an identity opens streams; to encrypt for its owner, give its recipient with -r")
        }
        #[cfg(not(feature = "age"))]
        ErrorKind::UnknownArgument if names(error, &["-r"]) => {
            Some("this build has no public-key support; folders are taken with --recursive")
        }
        #[cfg(not(feature = "age"))]
        ErrorKind::UnknownArgument if names(error, UNSUPPORTED) => Some("this build has no public-key support"),
        ErrorKind::ValueValidation => error.source()?.downcast_ref().map(address_hint),
        ErrorKind::ArgumentConflict => Some("leave one of the two out"),
        _ => None,
    }
}

#[cfg(not(feature = "age"))]
const UNSUPPORTED: &[&str] = &["-i", "--identity", "-R", "--recipients-file", "--recipient", "--age"];

fn address_hint(error: &AddressError) -> &'static str {
    match error {
        AddressError::Ambiguous => {
            "a port needs an address, as in 127.0.0.1:8080; for a socket that really has such a name, write ./NAME"
        }
        AddressError::NotLoopback(_) => {
            "use a loopback address such as 127.0.0.1:8080; other machines can connect through ssh or a proxy"
        }
        AddressError::Empty => "give the path of a socket, or an address such as 127.0.0.1:8080",
    }
}

/// Whether the unknown argument is one of these.
fn names(error: &clap::Error, arguments: &[&str]) -> bool {
    match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) => arguments.contains(&argument.as_str()),
        _ => false,
    }
}
