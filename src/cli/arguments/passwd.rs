//! The arguments of `reelseal passwd`.

use std::{num::NonZero, path::PathBuf};

use clap::Args;

#[cfg(feature = "age")]
use super::RecipientArguments;
use super::{SecretArguments, count::count, scrypt_cost::scrypt_cost};
use crate::keys::ScryptCost;

#[cfg(feature = "age")]
pub(super) const PASSWD_HELP: &str = "\
The passphrase comes from --passphrase-file or --passphrase-fd, or else from REELSEAL_PASSPHRASE in \
the environment, or else you are asked for it on the terminal; the new one from --new-passphrase-file \
or --new-passphrase-fd, or else from REELSEAL_NEW_PASSPHRASE, or else you are asked for it twice. \
With -r, -R or --new-key-file, no new passphrase is asked for.

Only the header is rewritten, whatever the file's size. An old passphrase still opens copies made \
before the change: to revoke it, decrypt and encrypt again.";
#[cfg(not(feature = "age"))]
pub(super) const PASSWD_HELP: &str = "\
The passphrase comes from --passphrase-file or --passphrase-fd, or else from REELSEAL_PASSPHRASE in \
the environment, or else you are asked for it on the terminal; the new one from --new-passphrase-file \
or --new-passphrase-fd, or else from REELSEAL_NEW_PASSPHRASE, or else you are asked for it twice. \
With --new-key-file, no new passphrase is asked for.

Only the header is rewritten, whatever the file's size. An old passphrase still opens copies made \
before the change: to revoke it, decrypt and encrypt again.";

const CURRENT_SECRETS: &[&str] = &[
    "passphrase_file",
    "passphrase_fd",
    "key_file",
    #[cfg(feature = "age")]
    "identity",
    "max_kdf_memory",
];

const NEW_SECRETS: &[&str] = &[
    "new_passphrase_file",
    "new_passphrase_fd",
    "new_key_file",
    #[cfg(feature = "age")]
    "recipient",
    #[cfg(feature = "age")]
    "recipients_file",
    "scrypt_log_n",
];

#[derive(Debug, Args)]
pub(in crate::cli) struct PasswdArguments {
    /// The encrypted files; the secrets are asked for once
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Add a key slot, so that the new secret opens the file as well
    #[arg(long, group = "mode")]
    pub add: bool,
    /// Remove key slot N, as --list numbers it, or the one that the given secret opens
    #[arg(
        long,
        value_name = "N",
        group = "mode",
        num_args = 0..=1,
        require_equals = true,
        value_parser = count,
        conflicts_with_all = NEW_SECRETS
    )]
    pub remove: Option<Option<NonZero<usize>>>,
    /// List the key slots; needs no secret
    #[arg(
        long,
        group = "mode",
        conflicts_with_all = CURRENT_SECRETS.iter().chain(NEW_SECRETS)
    )]
    pub list: bool,
    /// With --list, print JSON, one object per file: file, slots (number, and the rest as in inspect --json)
    #[arg(long, requires = "list")]
    pub json: bool,
    #[command(flatten)]
    pub secret: SecretArguments,
    #[command(flatten)]
    pub new_secret: NewSecretArguments,
    /// scrypt's cost for the new passphrase: log2 N, with r = 8 and p = 1; each step doubles time and memory [default: 18]
    #[arg(
        id = "scrypt_log_n",
        long = "scrypt-log-n",
        value_name = "N",
        value_parser = scrypt_cost(),
        conflicts_with = "new_key_file"
    )]
    scrypt_cost: Option<ScryptCost>,
    /// Print only warnings and errors
    #[arg(short, long)]
    pub quiet: bool,
    /// Report which key slot opened each file
    #[arg(short, long, conflicts_with_all = ["quiet", "list"])]
    pub verbose: bool,
}

/// The secret that will open the file from now on.
#[derive(Debug, Args)]
pub(in crate::cli) struct NewSecretArguments {
    /// Read the new passphrase from the first line of a file
    #[arg(long, value_name = "FILE", group = "new_secret")]
    pub new_passphrase_file: Option<PathBuf>,
    /// Read the new passphrase from the first line of an open file descriptor
    #[arg(long, value_name = "N", group = "new_secret", value_parser = clap::value_parser!(i32).range(0..))]
    pub new_passphrase_fd: Option<i32>,
    /// Use a key file that `reelseal keygen` made, instead of a new passphrase
    #[arg(long, value_name = "FILE", group = "new_secret")]
    pub new_key_file: Option<PathBuf>,
    #[cfg(feature = "age")]
    #[command(flatten)]
    pub recipients: RecipientArguments,
}

impl PasswdArguments {
    /// Whether scrypt's cost was given without a new passphrase that it could apply to.
    pub fn has_idle_cost(&self) -> bool {
        #[cfg(feature = "age")]
        let has_recipients =
            !(self.new_secret.recipients.recipient.is_empty() && self.new_secret.recipients.recipients_file.is_empty());
        #[cfg(not(feature = "age"))]
        let has_recipients = false;
        let has_passphrase =
            self.new_secret.new_passphrase_file.is_some() || self.new_secret.new_passphrase_fd.is_some();
        self.scrypt_cost.is_some() && has_recipients && !has_passphrase
    }

    pub fn scrypt_cost(&self) -> ScryptCost {
        self.scrypt_cost.unwrap_or_default()
    }
}
