//! The arguments of `reelseal verify`.

use std::path::PathBuf;

use clap::Args;

use super::{CommonArguments, SecretArguments};

#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArguments {
    /// What to check: files, or the folder of a recording; standard input without any, or for -
    #[arg(value_name = "FILE")]
    pub inputs: Vec<PathBuf>,
    /// Check every encrypted file in the folders that are named, and in those below
    #[arg(long)]
    pub recursive: bool,
    #[command(flatten)]
    pub secret: SecretArguments,
    #[command(flatten)]
    pub common: CommonArguments,
}
