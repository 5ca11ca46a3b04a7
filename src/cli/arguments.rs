//! The arguments: names, bounds and help.

use std::{num::NonZero, path::PathBuf, thread};

use clap::{Args, Parser, Subcommand, ValueEnum};
use parse_size::Config;

use crate::{
    container::FrameSize,
    keys::{KdfLimits, ScryptCost},
};

const EXAMPLES: &str = "\
Examples:
  reelseal encrypt film.mp4                        asks for a passphrase, writes film.mp4.reel
  reelseal decrypt film.mp4.reel                   writes film.mp4 back
  reelseal decrypt film.mp4.reel -o - | mpv -      plays it, with no plaintext on disk
  tar c clips | reelseal encrypt | ssh host 'cat > clips.tar.reel'
  reelseal keygen -o home.key                      a key file, for scripts
  reelseal encrypt --key-file home.key film.mp4

Exit codes: 0 done; 1 input or output failed; 2 a different command line would do;
3 wrong passphrase or key; 4 not a reelseal stream, or damaged.";

const SECRET_HELP: &str = "\
The passphrase comes from --passphrase-file or --passphrase-fd, else from the environment's
REELSEAL_PASSPHRASE, else it is asked for on the terminal. It is never an argument: those are for all to see.";

/// Encrypts and decrypts files and streams, made for large media: every frame is authenticated, and an output file
/// appears whole or not at all.
#[derive(Debug, Parser)]
#[command(name = "reelseal", version, arg_required_else_help = true, after_help = EXAMPLES, max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Encrypt a file or a stream
    #[command(visible_alias = "enc", after_help = SECRET_HELP)]
    Encrypt(EncryptArguments),
    /// Decrypt a file or a stream
    #[command(visible_alias = "dec", after_help = SECRET_HELP)]
    Decrypt(DecryptArguments),
    /// Make a key file, readable by its owner alone
    Keygen(KeygenArguments),
}

#[derive(Debug, Args)]
pub(super) struct EncryptArguments {
    /// What to encrypt; standard input without it, or for -
    pub input: Option<PathBuf>,
    /// Where the result goes, - for standard output [default: INPUT.reel, or standard output for a stream]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub secret: SecretArguments,
    #[command(flatten)]
    pub run: RunArguments,
    /// scrypt's cost: log2 N, with r = 8 and p = 1; each step doubles time and memory (18 takes 256 MiB)
    #[arg(long, value_name = "N", default_value_t = 18, value_parser = clap::value_parser!(u8).range(14..=30))]
    pub scrypt_log_n: u8,
    /// Payload of a frame: a power of two from 4K to 16M
    #[arg(long, value_name = "SIZE", default_value = "64K", value_parser = parse_frame_size)]
    pub frame_size: FrameSize,
    /// Store in each frame the time at which it arrived; auto does for streams and not for files
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "always"
    )]
    pub timestamps: When,
}

#[derive(Debug, Args)]
pub(super) struct DecryptArguments {
    /// What to decrypt; standard input without it, or for -
    pub input: Option<PathBuf>,
    /// Where the result goes, - for standard output [default: INPUT without .reel, or standard output for a stream]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub secret: SecretArguments,
    #[command(flatten)]
    pub run: RunArguments,
}

#[derive(Debug, Args)]
pub(super) struct KeygenArguments {
    /// Where the key file goes, - for standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Replace an existing file: what was encrypted with its key alone is lost
    #[arg(short, long)]
    pub force: bool,
}

#[derive(Debug, Args)]
pub(super) struct SecretArguments {
    /// Read the passphrase from a file
    #[arg(long, value_name = "FILE", group = "secret")]
    pub passphrase_file: Option<PathBuf>,
    /// Read the passphrase from an open file descriptor
    #[arg(long, value_name = "N", group = "secret", value_parser = clap::value_parser!(i32).range(0..))]
    pub passphrase_fd: Option<i32>,
    /// Use a key file that `reelseal keygen` made, in place of a passphrase
    #[arg(long, value_name = "FILE", group = "secret")]
    pub key_file: Option<PathBuf>,
    /// The memory that scrypt may take; raising it also allows more work
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = parse_size)]
    max_kdf_memory: u64,
}

#[derive(Debug, Args)]
pub(super) struct RunArguments {
    /// Replace an existing output file
    #[arg(short, long)]
    pub force: bool,
    /// Say nothing but warnings and errors
    #[arg(short, long)]
    pub quiet: bool,
    /// Show progress: auto does on a terminal
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub progress: When,
    /// Worker threads [default: one for each core, one less between two pipes]
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<usize>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum When {
    Auto,
    Always,
    Never,
}

impl SecretArguments {
    pub fn kdf_limits(&self) -> KdfLimits {
        KdfLimits { memory: self.max_kdf_memory }
    }
}

impl RunArguments {
    /// The threads asked for, else one for each core; `between_pipes`, the processes at the other ends need cores, too.
    pub fn threads(&self, between_pipes: bool) -> NonZero<usize> {
        self.threads.unwrap_or_else(|| {
            let cores = thread::available_parallelism().map_or(1, NonZero::get);
            NonZero::new(cores - usize::from(between_pipes)).unwrap_or(NonZero::<usize>::MIN)
        })
    }
}

impl EncryptArguments {
    #[expect(clippy::expect_used, reason = "clap has checked the range")]
    pub fn scrypt_cost(&self) -> ScryptCost {
        ScryptCost::new(self.scrypt_log_n, 8, 1).expect("14 to 30 is within the format's bounds")
    }
}

fn parse_size(text: &str) -> Result<u64, String> {
    Config::new().with_binary().parse_size(text).map_err(|_| "a number of bytes, such as 512M or 2G".to_owned())
}

fn parse_frame_size(text: &str) -> Result<FrameSize, String> {
    parse_size(text)
        .ok()
        .and_then(FrameSize::from_bytes)
        .ok_or_else(|| "a power of two from 4K to 16M, such as 64K or 1M".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::keys::DEFAULT_KDF_MEMORY;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn sizes_are_binary_and_the_default_limit_is_the_librarys() {
        assert_eq!(parse_frame_size("4K").unwrap(), FrameSize::MIN);
        assert_eq!(parse_frame_size("16MiB").unwrap(), FrameSize::MAX);
        assert!(parse_frame_size("5K").is_err() && parse_frame_size("32M").is_err());
        assert_eq!(parse_size("1G").unwrap(), DEFAULT_KDF_MEMORY);
    }
}
