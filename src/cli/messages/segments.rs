//! What happens to a recorder's segments, for people and for programs.

use std::{ffi::OsStr, path::Path};

use serde_json::json;

use super::{
    byte_count::{count_of_bytes, display_bytes},
    command_end::{command_end, fact_of},
    display_name::display_path,
    failure::{CommandEnd, describe},
    message::Message,
    recorder_event::{Importance, of_file, tell},
    report,
};
use crate::record::{Event, KeeperEvent, LEDGER_NAME, Reason};

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
