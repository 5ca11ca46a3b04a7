//! What `reelseal serve` and `reelseal play` are to do.

use std::{
    env,
    ffi::OsString,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use super::{
    NEW_PASSPHRASE_VARIABLE, PASSPHRASE_VARIABLE, SecretRequest,
    command::{KILL_AFTER, check_program},
};
use crate::{
    cli::{
        arguments::{PlayArguments, SecretArguments, ServeArguments},
        messages::failure::Failure,
    },
    files::input::is_standard,
    keys::KdfLimits,
    process::CommandLine,
    share::player::{Handover, PLAYERS, handover},
};

const PLAYER_VARIABLE: &str = "REELSEAL_PLAYER";

/// Streams that are offered to other programs.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Sharing {
    pub paths: Vec<PathBuf>,
    pub secret: SecretRequest,
    pub limits: KdfLimits,
}

#[derive(Clone, Debug)]
pub(in crate::cli) struct ServePlan {
    pub sharing: Sharing,
    pub listen: SocketAddr,
}

#[derive(Clone, Debug)]
pub(in crate::cli) struct PlayPlan {
    pub sharing: Sharing,
    /// The player, and how it gets the address; a browser, which leaves us alone, if there is none.
    pub player: Option<(CommandLine, Handover)>,
}

impl Sharing {
    fn of(paths: &[PathBuf], secret: &SecretArguments) -> Result<Self, Failure> {
        if let Some(path) = paths.iter().find(|path| is_standard(Some(path))) {
            return Err(Failure::usage("cannot be sought in")
                .about(path.as_path())
                .with_hint("name a file; what comes through a pipe, reelseal decrypt -- PLAYER - plays in order"));
        }
        Ok(Self { paths: paths.to_vec(), secret: secret.into(), limits: secret.kdf_limits() })
    }
}

/// A free port of this machine alone.
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
        let player = if *browser { None } else { Some(player_line(player)?) };
        Ok(Self { sharing, player })
    }
}

/// The player that `words` name, or the environment, or else the first that is there.
fn player_line(words: &[OsString]) -> Result<(CommandLine, Handover), Failure> {
    let line = |program: OsString, arguments: &[OsString]| CommandLine {
        program,
        arguments: arguments.to_vec(),
        timeout: None,
        kill_after: KILL_AFTER,
        hidden_variables: &[PASSPHRASE_VARIABLE, NEW_PASSPHRASE_VARIABLE],
    };
    let named = match words.split_first() {
        Some((program, arguments)) => Some(line(program.clone(), arguments)),
        None => env::var_os(PLAYER_VARIABLE).filter(|player| !player.is_empty()).map(|player| line(player, &[])),
    };
    let line = match named {
        Some(line) => {
            check_program(&line)?;
            line
        }
        None => PLAYERS.iter().map(|player| line(player.into(), &[])).find(|line| line.check().is_ok()).ok_or_else(
            || {
                Failure::usage("no player is installed: mpv, vlc and ffplay were looked for")
                    .with_hint("install one of them, name another with REELSEAL_PLAYER or after --, or use --browser")
            },
        )?,
    };
    let handover = handover(&line.program);
    Ok((line, handover))
}
