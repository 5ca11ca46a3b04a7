//! The arguments of `reelseal serve`.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;

use super::{CommonArguments, SecretArguments};

pub(super) const SERVE_HELP: &str = "\
Prints one address, with a secret word in its path, and answers until it is interrupted. Films can be
sought in and are decrypted as they are read; nothing is written to disk. On this machine, only
processes of your own user are answered. Without --listen, nobody else can connect.

The address shows a page that lists and plays. A folder's index.m3u is a playlist for players, its
index.json is for programs. A recording is one file, and NAME.m3u8 has its segments for browsers.

A damaged frame ends an answer early, as a broken connection; it is reported here, and the rest can
still be read. An unfinished stream ends in the same way.";

#[derive(Debug, Args)]
pub(in crate::cli) struct ServeArguments {
    /// Encrypted files, folders of them, or folders of recordings
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// Listen at this address instead of at a free port of this machine alone, such as 127.0.0.1:8080
    ///
    /// At an address that others can reach, whoever knows the word in the path may read, and what they read goes over the
    /// network as plaintext.
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,
    #[command(flatten)]
    pub secret: SecretArguments,
    #[command(flatten)]
    pub common: CommonArguments,
}
