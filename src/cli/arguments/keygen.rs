//! The arguments of `reelseal keygen`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(in crate::cli) struct KeygenArguments {
    /// Where the file goes, - for standard output
    ///
    /// There is a warning if standard output is redirected to a file that others can read.
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Replace an existing file: whatever was encrypted only with its key is lost
    #[arg(short, long)]
    pub force: bool,
    /// Make an age identity instead, for --identity, and print its recipient, for --recipient
    ///
    /// The file is in the format of age-keygen. The recipient is printed on standard output, or with -o - on standard
    /// error.
    #[cfg(feature = "age")]
    #[arg(long)]
    pub age: bool,
}
