//! What `reelseal serve` and `reelseal play` are to do.

use std::{
    env,
    ffi::OsString,
    net::{Ipv4Addr, SocketAddr},
};

use super::{
    NEW_PASSPHRASE_VARIABLE, PASSPHRASE_VARIABLE, Sharing,
    command::{KILL_AFTER, check_program},
};
use crate::{
    cli::{
        arguments::{PlayArguments, ServeArguments},
        messages::failure::Failure,
    },
    process::CommandLine,
    share::player::{Handover, PLAYERS, handover},
};

const PLAYER_VARIABLE: &str = "REELSEAL_PLAYER";

#[derive(Clone, Debug)]
pub(in crate::cli) struct ServePlan {
    pub sharing: Sharing,
    pub listen: SocketAddr,
}

#[derive(Clone, Debug)]
pub(in crate::cli) struct PlayPlan {
    pub sharing: Sharing,
    pub player: Player,
}

/// What plays the film.
#[derive(Clone, Debug)]
pub(in crate::cli) enum Player {
    /// A program, which gets the address in this way.
    Program(CommandLine, Handover),
    /// A browser, opened by this program, which gets the address as an argument; nobody waits for it to end.
    Browser(CommandLine),
}

/// The program that opens an address in the user's default browser.
const OPENER: &str = "xdg-open";

/// A free port that only this machine can reach.
pub(in crate::cli) const LOCAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

impl TryFrom<&ServeArguments> for ServePlan {
    type Error = Failure;

    fn try_from(arguments: &ServeArguments) -> Result<Self, Failure> {
        let ServeArguments { paths, listen, secret, .. } = arguments;
        Ok(Self { sharing: Sharing::of(paths, secret)?, listen: listen.unwrap_or(LOCAL) })
    }
}

impl TryFrom<&PlayArguments> for PlayPlan {
    type Error = Failure;

    fn try_from(arguments: &PlayArguments) -> Result<Self, Failure> {
        let PlayArguments { input, browser, secret, player, .. } = arguments;
        let sharing = Sharing::of(std::slice::from_ref(input), secret)?;
        let player = if *browser { Player::Browser(line(OPENER.into(), &[])) } else { player_line(player)? };
        Ok(Self { sharing, player })
    }
}

/// The player that `words` name, or the environment, or else the first that is installed.
fn player_line(words: &[OsString]) -> Result<Player, Failure> {
    let named = match words.split_first() {
        Some((program, arguments)) => Some(line(program.clone(), arguments)),
        None => env::var_os(PLAYER_VARIABLE).filter(|player| !player.is_empty()).map(|player| line(player, &[])),
    };
    let line = match named {
        Some(line) => {
            check_program(&line).map_err(|failure| match words {
                [] => failure.with_hint(
                    "REELSEAL_PLAYER names this player, and cannot contain arguments: set it to another one, or unset it",
                ),
                _ => failure,
            })?;
            line
        }
        None => PLAYERS.iter().map(|player| line(player.into(), &[])).find(|line| line.check().is_ok()).ok_or_else(
            || {
                Failure::usage("no player was found: none of mpv, vlc and ffplay is installed")
                    .with_hint("install one of them, name another with REELSEAL_PLAYER or after --, or use --browser")
            },
        )?,
    };
    let handover = handover(&line.program);
    Ok(Player::Program(line, handover))
}

fn line(program: OsString, arguments: &[OsString]) -> CommandLine {
    CommandLine {
        program,
        arguments: arguments.to_vec(),
        timeout: None,
        kill_after: KILL_AFTER,
        hidden_variables: &[PASSPHRASE_VARIABLE, NEW_PASSPHRASE_VARIABLE],
    }
}
