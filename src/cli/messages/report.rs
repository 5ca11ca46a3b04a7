//! What the command says on standard error: the program's name in front, a hint on a line of its own.

use std::{
    fmt::Display,
    io::{self, Write},
    process::ExitCode,
};

use crate::cli::messages::{
    failure::{Exit, Failure, describe},
    usage_hint::usage_hint,
};

/// Tells of `failure`, and gives its exit code.
pub(in crate::cli) fn failure(failure: &Failure) -> Exit {
    line(&failure);
    if let Some(text) = failure.hint() {
        line(&format_args!("hint: {text}"));
    }
    failure.exit()
}

/// Names `failures` that have been told of before, under a heading.
pub(in crate::cli) fn summary(heading: &str, failures: &[Failure]) {
    line(&heading);
    for failure in failures {
        line(&format_args!("  {failure}"));
    }
}

pub(in crate::cli) fn warning(text: &str) {
    line(&format_args!("warning: {text}"));
}

/// Standard error may be closed; there is nobody left to tell that to.
fn line(text: &dyn Display) {
    let _ = writeln!(io::stderr().lock(), "reelseal: {text}");
}

/// Tells what is wrong with the arguments, or shows the help that was asked for.
pub fn report_usage(error: &clap::Error) -> ExitCode {
    if error.use_stderr() {
        let text = error.render().to_string();
        // clap's own beginning gives way to the program's name; help that nobody asked for has none.
        let _ = match text.strip_prefix("error: ") {
            Some(fact) => write!(io::stderr().lock(), "reelseal: {fact}"),
            None => write!(io::stderr().lock(), "{text}"),
        };
        if let Some(hint) = usage_hint(error) {
            line(&format_args!("hint: {hint}"));
        }
        return ExitCode::from(2);
    }
    match error.print() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            line(&format_args!("standard output: cannot write: {}", describe(&error)));
            ExitCode::from(1)
        }
    }
}

pub(in crate::cli) fn progress(text: &str) {
    line(&text);
}
