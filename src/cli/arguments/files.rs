//! Which files, and where their results go. Each command says what the output is by default.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(in crate::cli) struct FilesArguments {
    /// Files, or folders with --recursive; without any, or with -, standard input
    #[arg(value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Put the results into a folder, created if missing
    #[arg(long, value_name = "DIR", conflicts_with = "output")]
    pub output_dir: Option<PathBuf>,
    /// Take every file in these folders and below; links are not followed, and one line at the end counts what was
    /// passed over
    #[arg(long)]
    pub recursive: bool,
    /// Replace existing output files
    #[arg(short, long)]
    pub force: bool,
    /// Skip inputs whose output file exists, whatever is in it; --remove keeps them
    #[arg(long, conflicts_with = "force")]
    pub skip_existing: bool,
    /// Delete each input once its output has been synced, read back, decrypted and found to match
    #[arg(long)]
    pub remove: bool,
}
