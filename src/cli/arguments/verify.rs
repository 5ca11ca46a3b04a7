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
    #[command(flatten)]
    pub secret: SecretArguments,
    #[command(flatten)]
    pub common: CommonArguments,
}
