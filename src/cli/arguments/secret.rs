//! Which secret opens streams, which secrets new streams are locked with, and what scrypt may cost.

use std::path::PathBuf;

use clap::Args;

use super::size::parse_size;
use crate::keys::KdfLimits;

pub(super) const SECRET_HELP: &str = "\
The passphrase comes from --passphrase-file or --passphrase-fd, or else from REELSEAL_PASSPHRASE in the environment, \
or else you are asked for it on the terminal. It is never taken from an argument, which every user of the machine \
could read.";

#[cfg(feature = "age")]
pub(super) const LOCK_HELP: &str = "\
The passphrase comes from --passphrase-file or --passphrase-fd, or else from REELSEAL_PASSPHRASE in the environment, \
or else you are asked for it on the terminal. It is never taken from an argument, which every user of the machine \
could read.
With recipients or a key file, there is a passphrase only if --passphrase-file, --passphrase-fd or --ask is given. \
With recipients alone, no secret is needed to encrypt.";
#[cfg(not(feature = "age"))]
pub(super) const LOCK_HELP: &str = "\
The passphrase comes from --passphrase-file or --passphrase-fd, or else from REELSEAL_PASSPHRASE in the environment, \
or else you are asked for it on the terminal. It is never taken from an argument, which every user of the machine \
could read.
With a key file, there is a passphrase only if --passphrase-file, --passphrase-fd or --ask is given.";

/// What streams are opened with.
#[derive(Debug, Args)]
pub(in crate::cli) struct SecretArguments {
    /// Read the passphrase from the first line of a file
    #[arg(long, value_name = "FILE", group = "secret")]
    pub passphrase_file: Option<PathBuf>,
    /// Read the passphrase from the first line of an open file descriptor
    ///
    /// For example: reelseal decrypt --passphrase-fd 3 film.mp4.reel 3<FILE
    #[arg(long, value_name = "N", group = "secret", value_parser = clap::value_parser!(i32).range(0..))]
    pub passphrase_fd: Option<i32>,
    /// Use a key file that `reelseal keygen` made, instead of a passphrase
    ///
    /// It needs no scrypt, and whoever has the file can open what was encrypted with it.
    #[arg(long, value_name = "FILE", group = "secret")]
    pub key_file: Option<PathBuf>,
    /// Use the identities in a file: age or plugin identities, or an ssh private key; can be repeated
    ///
    /// If the file or key has a passphrase, you are asked for it on the terminal. Only the identities you name are used.
    #[cfg(feature = "age")]
    #[arg(short, long, value_name = "FILE", group = "secret")]
    pub identity: Vec<PathBuf>,
    #[command(flatten)]
    limits: LimitArguments,
}

/// What new streams are locked with, each a key slot of its own.
#[derive(Debug, Args)]
pub(in crate::cli) struct LockArguments {
    /// Read the passphrase from the first line of a file
    #[arg(long, value_name = "FILE", group = "passphrase")]
    pub passphrase_file: Option<PathBuf>,
    /// Read the passphrase from the first line of an open file descriptor
    ///
    /// For example: reelseal encrypt --passphrase-fd 3 film.mp4 3<FILE
    #[arg(long, value_name = "N", group = "passphrase", value_parser = clap::value_parser!(i32).range(0..))]
    pub passphrase_fd: Option<i32>,
    /// Also ask for a passphrase on the terminal
    #[arg(long, group = "passphrase")]
    pub ask: bool,
    /// Encrypt for a key file made by `reelseal keygen`
    ///
    /// It needs no scrypt, and whoever has the file can open what was encrypted with it.
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    #[cfg(feature = "age")]
    #[command(flatten)]
    pub recipients: RecipientArguments,
    #[command(flatten)]
    limits: LimitArguments,
}

/// The public keys that new key slots are made for.
#[cfg(feature = "age")]
#[derive(Debug, Args)]
pub(in crate::cli) struct RecipientArguments {
    /// Encrypt to a public key: age1..., "ssh-ed25519 AAAA..."; can be repeated
    ///
    /// Also ssh-rsa keys, age1tag..., age1tagpq... and the recipients of age's plugins.
    // A private key in PEM begins with hyphens: clap would print it as an unexpected argument.
    #[arg(short, long, value_name = "RECIPIENT", allow_hyphen_values = true)]
    pub recipient: Vec<String>,
    /// Encrypt to each recipient in a file, one per line; can be repeated
    #[arg(short = 'R', long, value_name = "FILE")]
    pub recipients_file: Vec<PathBuf>,
}

#[derive(Debug, Args)]
struct LimitArguments {
    /// The most memory that scrypt may take; raising it also allows more work
    ///
    /// A stream's header says how costly scrypt is, and a stranger may have written that header. Costlier headers are
    /// refused before scrypt runs, and the message names the value that allows them.
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = parse_size)]
    max_kdf_memory: u64,
}

impl LimitArguments {
    fn kdf_limits(&self) -> KdfLimits {
        KdfLimits { memory: self.max_kdf_memory }
    }
}

impl SecretArguments {
    pub fn kdf_limits(&self) -> KdfLimits {
        self.limits.kdf_limits()
    }
}

impl LockArguments {
    pub fn kdf_limits(&self) -> KdfLimits {
        self.limits.kdf_limits()
    }
}
