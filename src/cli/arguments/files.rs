//! Which files, and where their results go. Each command says of the output what that is by default.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(in crate::cli) struct FilesArguments {
    /// Files, and folders with --recursive; standard input without any, or for -
    #[arg(value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Put the results into a folder, which is made if it is missing
    #[arg(long, value_name = "DIR", conflicts_with = "output")]
    pub output_dir: Option<PathBuf>,
    /// Take every file in the folders that are named, and in those below; links are not followed, and what is passed over is
    /// counted
    #[arg(long)]
    pub recursive: bool,
    /// Replace existing output files
    #[arg(short, long)]
    pub force: bool,
    /// Pass over inputs whose output file exists, whatever is in it; --remove keeps them
    #[arg(long, conflicts_with = "force")]
    pub skip_existing: bool,
    /// Delete each input once its output is synced, read back, decrypted and found the same
    #[arg(long)]
    pub remove: bool,
}
