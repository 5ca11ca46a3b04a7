//! What commands that work on frames have in common: how many threads they use, and how much they report.

use std::num::NonZero;

use clap::{Args, ValueEnum};

use super::count::count;

#[derive(Debug, Args)]
pub(in crate::cli) struct CommonArguments {
    /// Print only warnings and errors
    #[arg(short, long)]
    pub quiet: bool,
    /// Report the result of each file
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Show progress: auto shows it only on a terminal
    ///
    /// A finished bar is replaced by a line with the result. Without a terminal, --progress always prints a line each
    /// second instead of a bar. --progress json makes every line of standard error a JSON object, errors included;
    /// reelseal --help lists the fields. SIGUSR1 prints a status line in any case.
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub progress: ProgressArgument,
    /// Ignore Ctrl-C, for a pipe where it is meant for the producer
    #[arg(long)]
    pub ignore_interrupts: bool,
    /// Worker threads [default: one per core, one fewer between two pipes]
    #[arg(long, value_name = "N", value_parser = count)]
    pub threads: Option<NonZero<usize>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ProgressArgument {
    Auto,
    Always,
    Never,
    Json,
}
