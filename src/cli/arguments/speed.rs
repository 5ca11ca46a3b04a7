//! The arguments of `reelseal speed`.

use clap::Args;

#[derive(Debug, Args)]
pub(in crate::cli) struct SpeedArguments {
    /// Print JSON, for programs
    #[arg(long)]
    pub json: bool,
}
