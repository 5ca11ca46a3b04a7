//! What happens while a recorder runs, for people and for programs.

use std::{ffi::OsStr, net::SocketAddr, path::Path, time::Duration};

use humantime::format_duration;
use serde_json::{Value, json};

use super::{
    byte_count::{count_of_bytes, display_bytes},
    command_failure::command_failure,
    display_name::display_path,
    event::{self, Fields},
    failure::{CommandEnd, Failure, describe},
    message::Message,
    report,
};
use crate::{
    files::label::Label,
    process::CommandFailure,
    record::{Event, KeeperEvent, LEDGER_NAME, ProducerEnd, Reason, Snapshot, SupervisorEvent, Why},
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

/// How a program that used to be there has failed.
fn fact_of(program: &OsStr, failure: &CommandFailure) -> String {
    match failure {
        CommandFailure::NotFound => "is no longer there".to_owned(),
        _ => command_failure(program, failure).message().fact.clone(),
    }
}

fn command_end(program: &OsStr, how: &Result<(), CommandFailure>) -> CommandEnd {
    match how {
        Ok(()) => CommandEnd { exit_code: Some(0), signal: None },
        Err(failure) => command_failure(program, failure).command_end().unwrap_or_default(),
    }
}

/// Reports what has happened to a segment in `folder`.
pub(in crate::cli) fn report_segment(folder: &Path, event: &Event<'_>) {
    let about = |name: &OsStr, fact: String| Message::about(folder.join(name).as_path(), fact);
    let segment = |name: &OsStr, state: &str, bytes: Option<u64>| {
        of_file("segment", &folder.join(name), &[("state", json!(state)), ("bytes", json!(bytes))])
    };
    match *event {
        Event::Began(name) => {
            tell(&about(name, "begun".to_owned()), Importance::Detail, || segment(name, "begun", None));
        }
        Event::Finished { segment: name, bytes, .. } => {
            let message = about(name, format!("finished, {}", count_of_bytes(bytes)));
            tell(&message, Importance::Detail, || segment(name, "finished", Some(bytes)));
        }
        Event::NotSynced(name, error) => report::warning(&about(
            name,
            format!("cannot be synced, so a power cut may lose what was last written to it: {}", describe(error)),
        )),
        Event::NotMade(name, error) => {
            report::warning(&about(name, format!("cannot be made; trying another: {}", describe(error))));
        }
        Event::Removed(name) => {
            report::warning(&about(
                name,
                "was removed while it was being written; the recording continues in another".to_owned(),
            ));
        }
        Event::Unfinished(name, error) => {
            report::warning(&about(name, format!("is left unfinished: cannot write: {}", describe(error))));
        }
        Event::ClockStepped => {
            report::detail("the clock was changed, or the machine was asleep: starting a new segment")
        }
        Event::Lost(bytes) => {
            let fact = format!("{} that had arrived could not be stored", count_of_bytes(bytes));
            report::warning(&Message::about(folder, fact));
        }
    }
}

/// Reports what was done with a finished segment in `folder`; `program` is run for such segments, if there is one.
pub(in crate::cli) fn report_keeping(folder: &Path, program: Option<&OsStr>, event: &KeeperEvent<'_>) {
    let about = |name: &OsStr, fact: String| Message::about(folder.join(name).as_path(), fact);
    let shown = program.map(|program| display_path(Path::new(program))).unwrap_or_default();
    match *event {
        KeeperEvent::Removed { segment, bytes, reason, is_handled } => {
            let option = match reason {
                Reason::Age => "--keep-age",
                Reason::Size => "--keep-size",
                Reason::Free => "--keep-free",
            };
            let (missing, importance) = match is_handled {
                true => (String::new(), Importance::Detail),
                false => (format!(", before {shown} succeeded for it"), Importance::Warning),
            };
            tell(&about(segment, format!("removed for {option}{missing}")), importance, || {
                let reason = option.trim_start_matches("--keep-");
                let fields = [
                    ("state", json!("removed")),
                    ("reason", json!(reason)),
                    ("bytes", json!(bytes)),
                    ("is_handled", json!(is_handled)),
                ];
                of_file("retention", &folder.join(segment), &fields)
            });
        }
        KeeperEvent::NotRemoved(segment, error) => {
            let fact = format!("cannot be removed, and is left alone: {}", describe(error));
            tell(&about(segment, fact.clone()), Importance::Warning, || {
                let fields = [("state", json!("not_removed")), ("message", json!(fact))];
                of_file("retention", &folder.join(segment), &fields)
            });
        }
        KeeperEvent::Handled(segment) => {
            tell(&about(segment, format!("{shown} succeeded for it")), Importance::Detail, || {
                of_file("on_segment", &folder.join(segment), &[("state", json!("done"))])
            });
        }
        KeeperEvent::HookFailed { segment, failure, again_after } => {
            let program = program.unwrap_or_default();
            let fact = fact_of(program, failure);
            let again = match again_after {
                Some(after) => format!("it will be run again in {} s", after.as_secs()),
                None => "it will be run again when a recorder is next started here".to_owned(),
            };
            tell(&about(segment, format!("{shown} {fact}; {again}")), Importance::Warning, || {
                let CommandEnd { exit_code, signal } = command_end(program, &Err(failure.clone()));
                let fields = [
                    ("state", json!("failed")),
                    ("message", json!(fact)),
                    ("exit_code", json!(exit_code)),
                    ("signal", json!(signal)),
                    ("again_after", json!(again_after.map(|after| after.as_secs()))),
                ];
                of_file("on_segment", &folder.join(segment), &fields)
            });
        }
        KeeperEvent::WorkingOff(count) => {
            let segments = if count == 1 { "1 segment is".to_owned() } else { format!("{count} segments are") };
            let again = "Ctrl-C or SIGTERM leaves that to the next recorder here";
            report::note(&format!("the recording has ended, and {segments} still being passed to {shown}; {again}"));
        }
        KeeperEvent::LeftUnhandled(count) => {
            let segments = if count == 1 { "1 segment has".to_owned() } else { format!("{count} segments have") };
            let fact = format!(
                "{segments} not been passed to {shown} yet; that happens when a recorder is next started on this folder"
            );
            report::warning(&Message::about(folder, fact));
        }
        KeeperEvent::LedgerDamaged(kept_as) => {
            let fact = format!(
                "was damaged, and is kept as {}; segments of earlier runs are neither removed nor passed to a program, \
                 unless it still names their recording",
                display_path(Path::new(kept_as))
            );
            report::warning(&Message::about(folder.join(LEDGER_NAME).as_path(), fact));
        }
        KeeperEvent::NotNoted(error) => {
            let fact = format!("cannot note what was done for its segments: {}", describe(error));
            report::warning(&Message::about(folder, fact));
        }
        KeeperEvent::NoRoom(least) => {
            let least = display_bytes(least);
            let fact = format!("less than {least} is free, and there is no segment left that may be removed");
            report::warning(&Message::about(folder, fact));
        }
        KeeperEvent::RoomUnknown(error) => {
            report::warning(&Message::about(
                folder,
                format!("cannot tell how much space is free: {}", describe(error)),
            ));
        }
    }
}

/// Reports the `address` at which the recorder's status can be queried: the system may have chosen its port.
pub(in crate::cli) fn report_status_address(address: SocketAddr, quiet: bool) {
    if report::is_json() {
        let mut fields = event::of("status");
        fields.insert("address".to_owned(), json!(address));
        report::event(|| fields.into());
    } else if !quiet {
        report::note(&format!("status at http://{address}/status"));
    }
}

/// One line on how a recorder of `what` is doing.
pub(in crate::cli) fn status_line(what: &str, known: &Snapshot) -> String {
    let mut line = format!("{what}: {} received", display_bytes(known.bytes));
    if let Some(segment) = &known.segment {
        line += &format!(", recording {}", display_path(Path::new(segment)));
    }
    if known.has_producer {
        line += &match known.process {
            Some(process) => format!(", process {process}"),
            None => ", not running".to_owned(),
        };
    }
    match known.restarts {
        0 => {}
        1 => line += ", 1 restart",
        restarts => line += &format!(", {restarts} restarts"),
    }
    line
}

enum Importance {
    Detail,
    Warning,
}

/// Reports `message` to people, or the object to programs, which are told even what is of little importance.
fn tell(message: &Message, importance: Importance, object: impl FnOnce() -> Value) {
    if report::is_json() {
        return report::event(object);
    }
    match importance {
        Importance::Detail => report::detail(&message.to_string()),
        Importance::Warning => report::warning(message),
    }
}

fn of_command(name: &str, program: &OsStr, more: &[(&str, Value)]) -> Value {
    with(event::of(name), &Label::Command(program.to_owned()), more)
}

fn of_file(name: &str, path: &Path, more: &[(&str, Value)]) -> Value {
    with(event::of(name), &path.into(), more)
}

fn with(mut fields: Fields, label: &Label, more: &[(&str, Value)]) -> Value {
    event::name(&mut fields, "file", label);
    fields.extend(more.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    fields.into()
}
