//! What commands that work on frames have in common: how many threads they use, and how much they report.

use std::num::NonZero;

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(in crate::cli) struct CommonArguments {
    /// Say nothing but warnings and errors
    #[arg(short, long)]
    pub quiet: bool,
    /// Report the result of each file
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Show progress: auto does on a terminal
    ///
    /// A finished bar gives way to a line with the result. Without a terminal, always prints a line each second instead
    /// of a bar. json makes every line of standard error an object, errors included. Whatever is shown, SIGUSR1 has a
    /// status line printed.
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub progress: ProgressArgument,
    /// Ignore the interrupt of a Ctrl-C that is meant for the producer in the pipe
    #[arg(long)]
    pub ignore_interrupts: bool,
    /// Worker threads [default: one for each core, one less between two pipes]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZero<usize>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ProgressArgument {
    Auto,
    Always,
    Never,
    Json,
}
