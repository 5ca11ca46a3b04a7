//! How much a command reports, and in which form.

use std::io::{self, IsTerminal};

use crate::cli::arguments::{CommonArguments, ProgressArgument};

/// How much a command reports, and in which form.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Reporting {
    /// Whether results and notes are left out.
    pub quiet: bool,
    /// Whether the result of each file is reported.
    pub verbose: bool,
    /// Whether every line is a JSON object, for programs.
    pub json: bool,
    /// How progress is shown, if it is.
    pub progress: Option<ProgressForm>,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum ProgressForm {
    Bars,
    /// A line each second.
    Lines,
}

impl Reporting {
    pub fn of(arguments: &CommonArguments) -> Self {
        let progress = match (arguments.progress, io::stderr().is_terminal()) {
            (ProgressArgument::Never, _) => None,
            (ProgressArgument::Json, _) | (ProgressArgument::Always, false) => Some(ProgressForm::Lines),
            (ProgressArgument::Always, true) => Some(ProgressForm::Bars),
            (ProgressArgument::Auto, terminal) => (terminal && !arguments.quiet).then_some(ProgressForm::Bars),
        };
        let json = arguments.progress == ProgressArgument::Json;
        Self { quiet: arguments.quiet, verbose: arguments.verbose, json, progress }
    }
}
