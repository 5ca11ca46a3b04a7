//! The arguments of `reelseal serve`.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;

use super::{CommonArguments, SecretArguments};

pub(super) const SERVE_HELP: &str = "\
Prints one address with a secret word in its path and serves until interrupted. You can seek in films; \
they are decrypted as they are read, and nothing is written to disk. On this machine, only processes of \
your own user are answered. Without --listen, other machines cannot connect.

In a browser, the address shows a page that lists the files and plays them. A folder's index.m3u is a \
playlist for players, its index.json is for programs. A recording appears as one file; NAME.m3u8 lists \
pieces of it for browsers, even while it grows.

At a damaged frame the connection is cut; the damage is reported here, and the rest of the file can \
still be read. An unfinished stream claims to be one byte longer than it is, and the connection is cut \
at its end: no reader mistakes that for the end of the film.

Replaced files, new films and growing recordings are noticed; changing a passphrase interrupts nothing. \
A file's type is not trusted: what could run in a browser, such as HTML or SVG, is offered as a download, \
and no file can read another. The player or browser has the plaintext in memory, and may keep it on disk; \
browsers are asked not to.";

#[derive(Debug, Args)]
pub(in crate::cli) struct ServeArguments {
    /// Encrypted files, folders of them, or folders of recordings
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// Listen on this address [default: a free port that only this machine can reach]
    ///
    /// If others can reach the address, anyone who knows the secret word in the path can read the files, and they cross the
    /// network unencrypted.
    #[arg(long, value_name = "ADDR:PORT", value_parser = address)]
    pub listen: Option<SocketAddr>,
    #[command(flatten)]
    pub secret: SecretArguments,
    #[command(flatten)]
    pub common: CommonArguments,
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "an address and a port are needed, as in 127.0.0.1:8080 or 0.0.0.0:8080")
}
