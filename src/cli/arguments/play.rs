//! The arguments of `reelseal play`.

use std::{ffi::OsString, path::PathBuf};

use clap::Args;

use super::{CommonArguments, SecretArguments};

pub(super) const PLAY_HELP: &str = "\
The player is the one given after --, or else REELSEAL_PLAYER, or else the first of mpv, vlc and \
ffplay that is installed. It can seek, and the command ends when the player does. Only this machine is \
answered; nothing is written to disk. mpv, vlc and ffplay get the address on their standard input, and \
not as an argument.

The command fails if the player fails, unless you interrupted it, or if it ends without asking for the film. It also \
fails if frames were damaged, the end is missing, or a file was replaced while it was played.";

#[derive(Debug, Args)]
pub(in crate::cli) struct PlayArguments {
    /// An encrypted film, the folder of a recording, or a folder of films
    #[arg(value_name = "FILE")]
    pub input: PathBuf,
    /// Open the page in a browser instead, and serve until interrupted
    #[arg(long, conflicts_with = "player")]
    pub browser: bool,
    #[command(flatten)]
    pub secret: SecretArguments,
    #[command(flatten)]
    pub common: CommonArguments,
    /// Play with this player and these arguments
    #[arg(last = true, value_name = "PLAYER")]
    pub player: Vec<OsString>,
}
