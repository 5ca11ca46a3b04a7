//! The arguments of `reelseal keygen`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(in crate::cli) struct KeygenArguments {
    /// Where the key file goes, - for standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Replace an existing file: what was encrypted with its key alone is lost
    #[arg(short, long)]
    pub force: bool,
}
