//! The arguments: names, bounds and help; one file a command, and one for each group that commands share.

mod completions;
mod decrypt;
mod encrypt;
mod keygen;
mod man;
mod run;
mod secret;
mod size;
mod speed;
mod version;

use clap::{Parser, Subcommand};
pub(in crate::cli) use completions::{CompletionsArguments, Shell};
pub(in crate::cli) use decrypt::DecryptArguments;
pub(in crate::cli) use encrypt::EncryptArguments;
pub(in crate::cli) use keygen::KeygenArguments;
pub(in crate::cli) use man::ManArguments;
pub(in crate::cli) use run::{RunArguments, When};
use secret::SECRET_HELP;
pub(in crate::cli) use secret::SecretArguments;
pub(in crate::cli) use speed::SpeedArguments;
use version::long_version;

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

/// Encrypts and decrypts files and streams, made for large media: every frame is authenticated, and an output file
/// appears whole or not at all.
#[derive(Debug, Parser)]
#[command(name = "reelseal", version, long_version = long_version(), arg_required_else_help = true, after_help = EXAMPLES, max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    pub(in crate::cli) command: Command,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Encrypt a file or a stream
    #[command(visible_alias = "enc", after_help = SECRET_HELP)]
    Encrypt(EncryptArguments),
    /// Decrypt a file or a stream
    #[command(visible_alias = "dec", after_help = SECRET_HELP)]
    Decrypt(DecryptArguments),
    /// Make a key file, readable by its owner alone
    Keygen(KeygenArguments),
    /// Measure what this machine does, and which cost of scrypt takes about a second
    Speed(SpeedArguments),
    /// Print a script that has a shell complete the command
    Completions(CompletionsArguments),
    /// Print the manual, a page for each command
    Man(ManArguments),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }
}
