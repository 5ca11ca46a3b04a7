//! What the command says on standard error: the program's name first, a hint on a separate line; or, for programs, one
//! object per line.

use std::{
    fmt::Display,
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::{Value, json};

use super::{
    event,
    failure::{Exit, Failure},
    folded,
    message::Message,
    queue, screen,
};
use crate::cli::plan::Reporting;

static JSON: AtomicBool = AtomicBool::new(false);
static VERBOSE: AtomicBool = AtomicBool::new(false);

/// Makes everything that follows be reported as `reporting` says.
pub(in crate::cli) fn configure(reporting: Reporting) {
    JSON.store(reporting.json, Ordering::Relaxed);
    VERBOSE.store(reporting.verbose, Ordering::Relaxed);
}

/// Makes details be reported to people.
pub(in crate::cli) fn show_details() {
    VERBOSE.store(true, Ordering::Relaxed);
}

/// Reports `failure`, and returns its exit code.
pub(in crate::cli) fn failure(failure: &Failure) -> Exit {
    let exit = failure.exit();
    if is_json() {
        error_event(failure);
        return exit;
    }
    line(failure);
    if let Some(text) = failure.hint().filter(|hint| folded::is_new(hint)) {
        line(&format_args!("hint: {text}"));
    }
    exit
}

/// Reports `failure` to programs.
pub(super) fn error_event(failure: &Failure) {
    let mut fields = event::saying("error", failure.message());
    fields.insert("hint".to_owned(), json!(failure.hint()));
    fields.insert("exit_code".to_owned(), json!(failure.exit() as u8));
    if let Some(end) = failure.command_end() {
        fields.insert("command_exit_code".to_owned(), json!(end.exit_code));
        fields.insert("command_signal".to_owned(), json!(end.signal));
    }
    raw_line(&Value::Object(fields));
}

/// Lists `failures` that have been reported before, under a heading. Progress is no longer shown.
pub(in crate::cli) fn summary(heading: &str, failures: &[Arc<Failure>]) {
    screen::take_down();
    let names = || failures.iter().map(|failure| failure.to_string()).collect::<Vec<_>>();
    let colon = if failures.is_empty() { "" } else { ":" };
    say(&format_args!("{heading}{colon}"), || json!({"event": "summary", "message": heading, "failures": names()}));
    if !is_json() {
        folded::summary_lines(failures).iter().for_each(|text| line(&format_args!("  {text}")));
    }
}

/// Reports something worth knowing that requires no action.
pub(in crate::cli) fn note(text: &str) {
    say(&text, || json!({"event": "note", "message": text}));
}

pub(in crate::cli) fn warning(message: &Message) {
    say(&format_args!("warning: {message}"), || event::saying("warning", message).into());
}

/// Reports a detail, to users who asked for details.
pub(in crate::cli) fn detail(text: &str) {
    if VERBOSE.load(Ordering::Relaxed) {
        say(&text, || json!({"event": "detail", "message": text}));
    }
}

/// Reports progress: the line `text`, or the object.
pub(super) fn progress(text: &str, object: impl FnOnce() -> Value) {
    say(&text, object);
}

/// Reports to programs what people can see for themselves.
pub(super) fn event(object: impl FnOnce() -> Value) {
    if is_json() {
        raw_line(&object());
    }
}

pub(in crate::cli) fn is_json() -> bool {
    JSON.load(Ordering::Relaxed)
}

fn say(text: &dyn Display, object: impl FnOnce() -> Value) {
    if is_json() { raw_line(&object()) } else { line(text) }
}

pub(super) fn line(text: &dyn Display) {
    raw_line(&format_args!("reelseal: {text}"));
}

/// Reports one of several problems, before the failure that sums them up.
pub(in crate::cli) fn finding(message: &Message) {
    say(message, || event::saying("damage", message).into());
}

/// From here on, reporting never waits for the reader; if there are too many lines, some are dropped, and their number
/// is reported. If the system refuses a thread, nothing changes.
pub(in crate::cli) fn stop_waiting_for_readers() {
    let _ = queue::begin(|line| write_line(&line));
}

/// Gives the last lines a short time to be read.
pub(in crate::cli) fn flush() {
    queue::end();
}

fn raw_line(text: &dyn Display) {
    let about_lost = |lines| {
        let fact = format!("{lines} lines were dropped, because nothing read them in time");
        match is_json() {
            true => json!({"event": "warning", "message": fact}).to_string(),
            false => format!("reelseal: warning: {fact}"),
        }
    };
    if !queue::take(|| text.to_string(), about_lost) {
        write_line(text);
    }
}

/// Ignores errors: if standard error is closed, there is nobody left to report that to.
fn write_line(text: &dyn Display) {
    screen::give_way(|| {
        // Written in one piece, since commands that we run write there, too.
        let _ = io::stderr().lock().write_all(format!("{text}\n").as_bytes());
    });
}
