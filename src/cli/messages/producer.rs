//! What happens to the command that a recorder runs, for people and for programs.

use std::{ffi::OsStr, time::Duration};

use humantime::format_duration;
use serde_json::json;

use super::{
    byte_count::display_bytes,
    command_end::{command_end, fact_of},
    command_failure::command_failure,
    failure::{CommandEnd, Failure},
    message::Message,
    recorder_event::{Importance, of_command, tell},
    report,
};
use crate::{
    files::label::Label,
    process::CommandFailure,
    record::{ProducerEnd, SupervisorEvent, Why},
};

/// Reports what has happened to the command that runs `program`.
pub(in crate::cli) fn report_producer(program: &OsStr, event: &SupervisorEvent) {
    let label = Label::Command(program.to_owned());
    let again = |after: &Duration| match after.is_zero() {
        true => "starting it again".to_owned(),
        false => format!("starting it again in {:.1} s", after.as_secs_f64()),
    };
    match event {
        SupervisorEvent::Started(process) => {
            tell(&Message::about(&label, format!("runs as process {process}")), Importance::Detail, || {
                of_command("start", program, &[("pid", json!(process))])
            });
        }
        SupervisorEvent::Ended { end, restarts_after } => {
            let failure = producer_failure(program, end);
            let fact = failure.as_ref().map_or("ended", |failure| &*failure.message().fact);
            let (fact, importance) = match restarts_after {
                Some(after) if end.why == Why::Restart => {
                    (format!("was stopped as asked; {}", again(after)), Importance::Detail)
                }
                Some(after) => (format!("{fact}; {}", again(after)), Importance::Warning),
                // An exit that ends the recording is reported at its end.
                None => (fact.to_owned(), Importance::Detail),
            };
            tell(&Message::about(&label, fact), importance, || {
                let CommandEnd { exit_code, signal } = command_end(program, &end.how);
                let after = restarts_after.map(|after| after.as_secs_f64());
                let fields = [
                    ("exit_code", json!(exit_code)),
                    ("signal", json!(signal)),
                    ("reason", json!(end.why.name())),
                    ("restarts_after", json!(after)),
                ];
                of_command("exit", program, &fields)
            });
        }
        SupervisorEvent::NotStarted { failure, restarts_after } => {
            let fact = fact_of(program, failure);
            let fact = restarts_after.as_ref().map_or(fact.clone(), |after| format!("{fact}; {}", again(after)));
            tell(&Message::about(&label, fact.clone()), Importance::Warning, || {
                let after = restarts_after.map(|after| after.as_secs_f64());
                let fields =
                    [("reason", json!("not_started")), ("message", json!(fact)), ("restarts_after", json!(after))];
                of_command("exit", program, &fields)
            });
        }
        SupervisorEvent::Restarting(restarts) => {
            report::event(|| of_command("restart", program, &[("restarts", json!(restarts))]));
        }
    }
}

/// Reports that the recording is to end and that its command, `what`, has been asked to end; it is killed after
/// `limit`.
pub(in crate::cli) fn report_waiting(what: &str, limit: Duration) {
    let limit = format_duration(limit);
    report::note(&format!("waiting for {what} to end, {limit} at most; a second signal ends it at once"));
}

/// Why the end of the command is a failure; `None` if it is not one.
pub(in crate::cli) fn producer_failure(program: &OsStr, end: &ProducerEnd) -> Option<Failure> {
    let fact = match (end.why, &end.how) {
        (Why::Itself, Ok(())) => return None,
        (Why::Itself, Err(failure)) => {
            return Some(command_failure(program, failure).saying(fact_of(program, failure)));
        }
        (Why::Asked | Why::Restart, _) => return None,
        (Why::Stalled(limit), _) => format!("wrote nothing for {} and was stopped", format_duration(limit)),
        (Why::Memory(bytes), _) => format!("took {} of memory and was stopped", display_bytes(bytes)),
        (Why::ClosedOutput, _) => "closed its output but went on, and was stopped".to_owned(),
    };
    // The way in which it then ended is reported as for any command.
    let how = end.how.as_ref().err().cloned().unwrap_or(CommandFailure::Exited(0));
    Some(command_failure(program, &how).saying(fact))
}
