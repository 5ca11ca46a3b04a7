//! The arguments of `reelseal verify`.

use std::path::PathBuf;

use clap::Args;

use super::{CommonArguments, SecretArguments};

#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArguments {
    /// Files, or the folder of a recording; without any, or with -, standard input
    #[arg(value_name = "FILE")]
    pub inputs: Vec<PathBuf>,
    /// Check every encrypted file in these folders and below
    #[arg(long)]
    pub recursive: bool,
    /// Take a recording for whole whose oldest segments its recorder has removed, as with --keep-age
    ///
    /// Which they are is noted in the folder, in .reelseal-recorder, and that is not authenticated: whoever can delete segments
    /// there can write that they were removed. So without this option, whatever is missing is a failure.
    #[arg(long, conflicts_with = "recursive")]
    pub allow_removed: bool,
    #[command(flatten)]
    pub secret: SecretArguments,
    #[command(flatten)]
    pub common: CommonArguments,
}
