//! The arguments of `reelseal decrypt`.

use clap::Args;

use super::{CommonArguments, FilesArguments, SecretArguments};

#[derive(Debug, Args)]
pub(in crate::cli) struct DecryptArguments {
    #[command(flatten)]
    pub files: FilesArguments,
    #[command(flatten)]
    pub secret: SecretArguments,
    #[command(flatten)]
    pub common: CommonArguments,
}
