//! How a command line that clap refuses, or answers with help, is reported.

use std::{
    env,
    ffi::OsString,
    io::{self, Write},
    process::ExitCode,
};

use super::{
    failure::{Exit, Failure},
    report,
    usage_hint::usage_hint,
};
use crate::files::label::Label;

/// Reports what is wrong with the arguments, or shows the help that was asked for.
pub fn report_usage(error: &clap::Error) -> ExitCode {
    if error.use_stderr() {
        let text = without_tip_of_dashes(&error.render().to_string());
        if wants_json(env::args_os().skip(1)) {
            report::error_event(&as_failure(&text, usage_hint(error)));
        } else {
            report_text(&text, usage_hint(error));
        }
        return Exit::Usage.into();
    }
    match error.print() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::line(&Failure::write(&Label::StandardOutput, &error));
            Exit::InputOutput.into()
        }
    }
}

fn report_text(text: &str, hint: Option<&str>) {
    // clap's own prefix is replaced by the program's name; help that nobody asked for has no prefix.
    let _ = match text.strip_prefix("error: ") {
        Some(fact) => write!(io::stderr().lock(), "reelseal: {fact}"),
        None => write!(io::stderr().lock(), "{text}"),
    };
    if let Some(hint) = hint {
        report::line(&format_args!("hint: {hint}"));
    }
}

/// What follows `--` is a command, so clap's advice to put an argument there is left out.
fn without_tip_of_dashes(text: &str) -> String {
    let is_tip = |line: &str| line.trim_start().starts_with("tip: ") && line.contains("'-- ");
    let mut lines: Vec<_> = text.lines().filter(|line| !is_tip(line)).collect();
    // Joins the blank lines before and after the tip.
    lines.dedup_by(|line, before| line.is_empty() && before.is_empty());
    lines.iter().flat_map(|line| [line, "\n"]).collect()
}

/// Whether the arguments ask for JSON, even though they are invalid as a whole.
fn wants_json(arguments: impl Iterator<Item = OsString>) -> bool {
    let mut arguments = arguments.take_while(|argument| argument != "--");
    let mut is_value = false;
    arguments.any(|argument| {
        let wants = argument == "--progress=json" || is_value && argument == "json";
        is_value = argument == "--progress";
        wants
    })
}

/// clap's message as a failure: its first paragraph is the fact, its tip the hint, unless there is a better `hint`.
fn as_failure(text: &str, hint: Option<&str>) -> Failure {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let fact = text.split("\n\n").next().unwrap_or(text);
    let failure = Failure::usage(fact.lines().map(str::trim).collect::<Vec<_>>().join(" "));
    match hint.or_else(|| text.lines().find_map(|line| line.trim_start().strip_prefix("tip: "))) {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_option_itself_asks_for_objects_and_nothing_that_looks_like_it() {
        let wants = |line: &str| wants_json(line.split(' ').map(OsString::from));
        assert!(wants("encrypt --progress json film") && wants("--progress=json"));
        for line in ["encrypt json", "--progress always json", "--progress", "-- --progress json", "--json"] {
            assert!(!wants(line), "{line}");
        }
    }
}
