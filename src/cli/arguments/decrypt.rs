//! The arguments of `reelseal decrypt`.

use std::path::PathBuf;

use clap::Args;

use super::{RunArguments, SecretArguments};

#[derive(Debug, Args)]
pub(in crate::cli) struct DecryptArguments {
    /// What to decrypt; standard input without it, or for -
    pub input: Option<PathBuf>,
    /// Where the result goes, - for standard output [default: INPUT without .reel, or standard output for a stream]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub secret: SecretArguments,
    /// Replace an existing output file
    #[arg(short, long)]
    pub force: bool,
    #[command(flatten)]
    pub run: RunArguments,
}
