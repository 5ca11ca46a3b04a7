//! What commands that work on frames have in common: how many threads they use, and how much they report.

use std::{num::NonZero, thread};

use clap::{Args, ValueEnum};

use crate::cli::signals::Answer;

#[derive(Debug, Args)]
pub(in crate::cli) struct CommonArguments {
    /// Say nothing but warnings and errors
    #[arg(short, long)]
    pub quiet: bool,
    /// Tell what becomes of each file
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Show progress: auto does on a terminal
    ///
    /// Without a terminal, always prints a line each second in place of a bar. json has every line of standard error be
    /// an object, errors included. Whatever is shown, SIGUSR1 has a status line printed.
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub progress: ProgressMode,
    /// Ignore the interrupt of a Ctrl-C that is meant for the producer in the pipe
    #[arg(long)]
    ignore_interrupts: bool,
    /// Worker threads [default: one for each core, one less between two pipes]
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<usize>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ProgressMode {
    Auto,
    Always,
    Never,
    Json,
}

impl CommonArguments {
    /// What an interrupt does, as long as nothing is under way that it could ask to stop.
    pub fn answer_to_interrupts(&self) -> Answer {
        if self.ignore_interrupts { Answer::Ignore } else { Answer::Die }
    }

    /// The threads asked for, else one for each core; `between_pipes`, the processes at the other ends need cores, too.
    pub fn threads(&self, between_pipes: bool) -> NonZero<usize> {
        self.threads.unwrap_or_else(|| {
            let cores = thread::available_parallelism().map_or(1, NonZero::get);
            NonZero::new(cores - usize::from(between_pipes)).unwrap_or(NonZero::<usize>::MIN)
        })
    }
}
