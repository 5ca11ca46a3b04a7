//! Players, and how each gets an address without putting it in its arguments, where everyone could read it.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
};

/// The players that are looked for, the best first.
pub(crate) const PLAYERS: [&str; 3] = ["mpv", "vlc", "ffplay"];

/// How a player gets what to play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handover {
    /// A playlist on standard input, after an argument that says so.
    Playlist(&'static [&'static str]),
    /// A script for ffmpeg's concat demuxer on standard input, after arguments that say so.
    Concat(&'static [&'static str]),
    /// The addresses as arguments, because the player is unknown.
    Arguments,
}

/// How the player `program` gets what to play.
pub(crate) fn handover(program: &OsStr) -> Handover {
    match Path::new(program).file_name().and_then(OsStr::to_str) {
        Some("mpv") => Handover::Playlist(&["--playlist=fd://0"]),
        Some("vlc" | "cvlc" | "qvlc" | "nvlc" | "rvlc") => Handover::Playlist(&["fd://0"]),
        Some("ffplay") => {
            Handover::Concat(&["-protocol_whitelist", "pipe,http,tcp", "-safe", "0", "-f", "concat", "pipe:0"])
        }
        _ => Handover::Arguments,
    }
}

/// Whether the exit code `code` of the player `program` means that the user has interrupted it.
pub(crate) fn was_interrupted(program: &OsStr, code: i32) -> bool {
    match Path::new(program).file_name().and_then(OsStr::to_str) {
        Some("mpv") => code == 4,
        Some("ffplay") => code == 123,
        // The code of a shell that ran a command which was interrupted.
        _ => code == 130,
    }
}

impl Handover {
    /// The arguments to add after those of the user, and what to write to standard input, to play what is at
    /// `addresses`.
    pub fn hand_over(self, addresses: &[String]) -> (Vec<OsString>, String) {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect();
        match self {
            Self::Playlist(arguments) => (words(arguments), format!("#EXTM3U\n{}\n", addresses.join("\n"))),
            Self::Concat(arguments) => {
                // Addresses contain no quotes: those are percent-encoded.
                let files: Vec<_> = addresses.iter().map(|address| format!("file '{address}'\n")).collect();
                (words(arguments), format!("ffconcat version 1.0\n{}", files.concat()))
            }
            Self::Arguments => (addresses.iter().map(OsString::from).collect(), String::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn players_that_are_known_do_not_get_the_address_as_an_argument() {
        let address = "http://127.0.0.1:1/token/film.mp4".to_owned();
        for player in ["mpv", "/usr/bin/mpv", "vlc", "ffplay"] {
            let (arguments, input) = handover(OsStr::new(player)).hand_over(std::slice::from_ref(&address));
            assert!(!arguments.iter().any(|word| word.to_string_lossy().contains("token")), "{player}");
            assert!(input.contains(&address), "{player}");
        }
        let (arguments, input) = handover(OsStr::new("other")).hand_over(std::slice::from_ref(&address));
        assert_eq!((arguments, input), (vec![OsString::from(address)], String::new()));
    }
}
