//! Which secret, and what scrypt may cost.

use std::path::PathBuf;

use clap::Args;

use super::size::parse_size;
use crate::keys::KdfLimits;

pub(super) const SECRET_HELP: &str = "\
The passphrase comes from --passphrase-file or --passphrase-fd, else from the environment's
REELSEAL_PASSPHRASE, else it is asked for on the terminal. It is never an argument: those are for all to see.";

#[derive(Debug, Args)]
pub(in crate::cli) struct SecretArguments {
    /// Read the passphrase from the first line of a file
    #[arg(long, value_name = "FILE", group = "secret")]
    pub passphrase_file: Option<PathBuf>,
    /// Read the passphrase from the first line of an open file descriptor
    ///
    /// As in: reelseal encrypt --passphrase-fd 3 film.mp4 3<FILE
    #[arg(long, value_name = "N", group = "secret", value_parser = clap::value_parser!(i32).range(0..))]
    pub passphrase_fd: Option<i32>,
    /// Use a key file that `reelseal keygen` made, instead of a passphrase
    ///
    /// It needs no scrypt, and whoever has the file can open what was encrypted with it.
    #[arg(long, value_name = "FILE", group = "secret")]
    pub key_file: Option<PathBuf>,
    /// The memory that scrypt may take; raising it also allows more work
    ///
    /// A stream's header says what scrypt costs to open it, and a stranger may have written it. What would take more is
    /// refused before it is paid, and the refusal names the value that allows it.
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = parse_size)]
    max_kdf_memory: u64,
}

impl SecretArguments {
    pub fn kdf_limits(&self) -> KdfLimits {
        KdfLimits { memory: self.max_kdf_memory }
    }
}
