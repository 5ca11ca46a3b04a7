//! The arguments: names, bounds and help; one file a command, and one for each group that commands share.

mod command;
mod common;
mod completions;
mod count;
mod decrypt;
mod duration;
mod encrypt;
mod files;
mod inspect;
mod keygen;
mod man;
mod manual;
#[cfg(all(feature = "mount", target_os = "linux"))]
mod mount;
mod passwd;
#[cfg(feature = "serve")]
mod play;
mod range;
mod record;
mod retention;
mod salvage;
mod scrypt_cost;
mod secret;
#[cfg(feature = "serve")]
mod serve;
mod size;
mod speed;
mod supervision;
mod time;
mod verify;
mod version;

use std::ffi::OsString;

use clap::{CommandFactory, Parser, Subcommand, error::ErrorKind};
pub(in crate::cli) use command::CommandArguments;
use command::{CONSUMER_HELP, PRODUCER_HELP};
pub(in crate::cli) use common::{CommonArguments, ProgressArgument};
pub(in crate::cli) use completions::{CompletionsArguments, Shell};
pub(in crate::cli) use decrypt::DecryptArguments;
pub(in crate::cli) use encrypt::{EncryptArguments, TimestampsArgument};
pub(in crate::cli) use files::FilesArguments;
pub(in crate::cli) use inspect::InspectArguments;
use inspect::{INSPECT_HELP, INSPECT_LONG_HELP};
pub(in crate::cli) use keygen::KeygenArguments;
pub(in crate::cli) use man::ManArguments;
#[cfg(all(feature = "mount", target_os = "linux"))]
use mount::MOUNT_HELP;
#[cfg(all(feature = "mount", target_os = "linux"))]
pub(in crate::cli) use mount::MountArguments;
use passwd::PASSWD_HELP;
pub(in crate::cli) use passwd::{NewSecretArguments, PasswdArguments};
#[cfg(feature = "serve")]
use play::PLAY_HELP;
#[cfg(feature = "serve")]
pub(in crate::cli) use play::PlayArguments;
pub(in crate::cli) use range::ByteRange;
use record::RECORD_HELP;
pub(in crate::cli) use record::RecordArguments;
pub(in crate::cli) use retention::RetentionArguments;
pub(in crate::cli) use salvage::SalvageArguments;
use salvage::{SALVAGE_HELP, SALVAGE_LONG_HELP};
#[cfg(feature = "age")]
pub(in crate::cli) use secret::RecipientArguments;
use secret::{LOCK_HELP, SECRET_HELP};
pub(in crate::cli) use secret::{LockArguments, SecretArguments};
#[cfg(feature = "serve")]
use serve::SERVE_HELP;
#[cfg(feature = "serve")]
pub(in crate::cli) use serve::ServeArguments;
pub(in crate::cli) use speed::SpeedArguments;
pub(in crate::cli) use supervision::SupervisionArguments;
pub(in crate::cli) use verify::VerifyArguments;
use version::long_version;

const SEALED_OUTPUT: &str =
    "Where the result goes, - for standard output [default: INPUT.reel, or standard output for a stream]";
const OPENED_OUTPUT: &str =
    "Where the result goes, - for standard output [default: INPUT without .reel, or standard output for a stream]";

const EXAMPLES: &str = "\
Examples:
  reelseal encrypt film.mp4                        asks for a passphrase, writes film.mp4.reel
  reelseal decrypt film.mp4.reel                   writes film.mp4 back
  reelseal play film.mp4.reel                      plays it, with no plaintext on disk
  reelseal encrypt -o clips.tar.reel -- tar c clips
  reelseal keygen -o home.key                      a key file, for scripts
  reelseal encrypt --key-file home.key film.mp4
  reelseal passwd *.reel                           changes the passphrase, in place, at once

Exit codes: 0 done; 1 reading or writing failed; 2 usage error; 3 wrong passphrase or key;
4 not a reelseal stream, or damaged; 5 the command after -- failed.";

/// Encrypts and decrypts files and streams, made for large media: every frame is authenticated, and an output file
/// appears whole or not at all.
#[derive(Debug, Parser)]
#[command(name = "reelseal", version, long_version = long_version(), arg_required_else_help = true, after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", manual::SCRIPTING), max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    pub(in crate::cli) command: Command,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Encrypt files or a stream
    #[command(visible_alias = "enc", after_help = LOCK_HELP, after_long_help = manual::encrypt())]
    #[command(mut_arg("output", |output| output.help(SEALED_OUTPUT)))]
    #[command(mut_arg("command", |command| command.help(PRODUCER_HELP)))]
    Encrypt(EncryptArguments),
    /// Decrypt files or a stream
    #[command(visible_alias = "dec", after_help = SECRET_HELP, after_long_help = manual::decrypt())]
    #[command(mut_arg("output", |output| output.help(OPENED_OUTPUT)))]
    #[command(mut_arg("command", |command| command.help(CONSUMER_HELP)))]
    Decrypt(DecryptArguments),
    /// Record into a folder, in segments: what has arrived is kept, however the recording ends
    #[command(after_help = SECRET_HELP, after_long_help = RECORD_HELP)]
    #[command(mut_arg("threads", |threads| threads.hide(true)))]
    #[command(mut_arg("passphrase_fd", |option| option.long_help(
        "Read the passphrase from the first line of an open file descriptor\n\n\
         For example: reelseal record --output-dir cam --passphrase-fd 3 -- COMMAND 3<FILE"
    )))]
    Record(RecordArguments),
    /// Offer files to players and browsers over HTTP, decrypted while they are read
    #[cfg(feature = "serve")]
    #[command(after_help = SECRET_HELP, after_long_help = SERVE_HELP)]
    #[command(mut_arg("threads", |option| option.hide(true)))]
    #[command(mut_arg("ignore_interrupts", |option| option.hide(true)))]
    #[command(mut_arg("passphrase_fd", |option| option.long_help(
        "Read the passphrase from the first line of an open file descriptor\n\n\
         For example: reelseal serve --passphrase-fd 3 films 3<FILE"
    )))]
    Serve(ServeArguments),
    /// Play an encrypted film, with seeking and with nothing written to disk
    #[cfg(feature = "serve")]
    #[command(after_help = SECRET_HELP, after_long_help = PLAY_HELP)]
    #[command(mut_arg("threads", |option| option.hide(true)))]
    #[command(mut_arg("ignore_interrupts", |option| option.hide(true)))]
    #[command(mut_arg("passphrase_fd", |option| option.long_help(
        "Read the passphrase from the first line of an open file descriptor\n\n\
         For example: reelseal play --passphrase-fd 3 film.mp4.reel 3<FILE"
    )))]
    Play(PlayArguments),
    /// Mount encrypted files as plain ones, for every program to read, until interrupted or unmounted
    #[cfg(all(feature = "mount", target_os = "linux"))]
    #[command(after_help = SECRET_HELP, after_long_help = MOUNT_HELP)]
    #[command(mut_arg("threads", |option| option.hide(true)))]
    #[command(mut_arg("progress", |option| option.hide(true)))]
    #[command(mut_arg("ignore_interrupts", |option| option.hide(true)))]
    #[command(mut_arg("passphrase_fd", |option| option.long_help(
        "Read the passphrase from the first line of an open file descriptor\n\n\
         For example: reelseal mount --passphrase-fd 3 films /mnt/films 3<FILE"
    )))]
    Mount(MountArguments),
    /// Check that files or streams are whole, and name every damaged range; nothing is written
    #[command(after_help = SECRET_HELP, after_long_help = manual::verify())]
    Verify(VerifyArguments),
    /// Recover the sound parts of a damaged or unfinished stream, and list what is missing
    #[command(after_help = SALVAGE_HELP, after_long_help = SALVAGE_LONG_HELP)]
    Salvage(SalvageArguments),
    /// Show what a file or stream says about itself: format, features, key slots, length, times
    #[command(after_help = INSPECT_HELP, after_long_help = INSPECT_LONG_HELP)]
    Inspect(InspectArguments),
    /// Make a key file or an age identity, readable only by its owner
    Keygen(KeygenArguments),
    /// Change, add, remove or list what opens encrypted files, without encrypting them again
    #[command(after_help = PASSWD_HELP, after_long_help = manual::passwd())]
    Passwd(PasswdArguments),
    /// Measure how fast this machine is, and which scrypt cost takes about a second
    Speed(SpeedArguments),
    /// Print a shell completion script
    Completions(CompletionsArguments),
    /// Print the manual, one page per command
    Man(ManArguments),
}

impl Arguments {
    /// The arguments in `all`, of which the first is the program's name.
    ///
    /// # Errors
    ///
    /// What is wrong with them, or the help that they ask for.
    pub fn parse_all(all: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let all: Vec<_> = all.into_iter().collect();
        let arguments = Self::try_parse_from(&all)?;
        let names_command = match &arguments.command {
            Command::Encrypt(arguments) => !arguments.command.command.is_empty(),
            Command::Decrypt(arguments) => !arguments.command.command.is_empty(),
            Command::Record(arguments) => !arguments.command.is_empty(),
            #[cfg(feature = "serve")]
            Command::Play(arguments) => !arguments.player.is_empty(),
            _ => return Ok(arguments),
        };
        // clap accepts -- with nothing after it.
        if all.last().is_some_and(|last| last == "--") && !names_command {
            let mut command = Self::command();
            let name = match arguments.command {
                Command::Encrypt(_) => "encrypt",
                Command::Record(_) => "record",
                #[cfg(feature = "serve")]
                Command::Play(_) => "play",
                _ => "decrypt",
            };
            let of_command =
                command.find_subcommand_mut(name).map(|command| command.clone().bin_name(format!("reelseal {name}")));
            let message = "-- must be followed by a command";
            return Err(of_command.unwrap_or(command).error(ErrorKind::MissingRequiredArgument, message));
        }
        Ok(arguments)
    }
}

impl Command {
    /// What commands that work on frames have in common.
    pub fn common(&self) -> Option<&CommonArguments> {
        match self {
            Self::Encrypt(arguments) => Some(&arguments.common),
            Self::Decrypt(arguments) => Some(&arguments.common),
            Self::Verify(arguments) => Some(&arguments.common),
            Self::Salvage(arguments) => Some(&arguments.common),
            Self::Record(arguments) => Some(&arguments.common),
            #[cfg(all(feature = "mount", target_os = "linux"))]
            Self::Mount(arguments) => Some(&arguments.common),
            #[cfg(feature = "serve")]
            Self::Serve(arguments) => Some(&arguments.common),
            #[cfg(feature = "serve")]
            Self::Play(arguments) => Some(&arguments.common),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }
}
