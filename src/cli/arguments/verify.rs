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
    /// Count a recording as whole even if its recorder has removed its oldest segments, as with --keep-age
    ///
    /// The recorder notes them in the folder, in .reelseal-recorder, and that is not authenticated: whoever can delete
    /// segments there can also write that the recorder removed them. So without this option, any missing segment is a
    /// failure.
    #[arg(long, conflicts_with = "recursive")]
    pub allow_removed: bool,
    #[command(flatten)]
    pub secret: SecretArguments,
    #[command(flatten)]
    pub common: CommonArguments,
}
