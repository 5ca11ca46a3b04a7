//! How the failure of a command is reported.

use std::{ffi::OsStr, io};

use humantime::format_duration;

use super::failure::{CommandEnd, Exit, Failure, describe};
use crate::{
    files::label::Label,
    process::{CommandFailure, signal_name},
};

/// The failure of the command that runs `program`.
pub(in crate::cli) fn command_failure(program: &OsStr, failure: &CommandFailure) -> Failure {
    let about = |fact: String| Failure::new(Exit::CommandFailed, fact).about(&Label::Command(program.to_owned()));
    match failure {
        CommandFailure::NotFound => about("command not found".to_owned())
            .with_command_end(CommandEnd::default())
            .with_hint("after --, give a program (a path, or a name in PATH) and its arguments"),
        CommandFailure::CannotRun(number) => {
            let error = io::Error::from_raw_os_error(*number);
            let fact = match error.kind() {
                // The file itself exists: that was checked.
                io::ErrorKind::NotFound => {
                    "cannot run: the interpreter that its first line names is missing".to_owned()
                }
                _ => format!("cannot run: {}", describe(&error)),
            };
            about(fact).with_command_end(CommandEnd::default())
        }
        CommandFailure::Exited(code) => about(format!("failed with exit code {code}"))
            .with_command_end(CommandEnd { exit_code: Some(*code), signal: None }),
        CommandFailure::Killed(number) => {
            let signal = signal_name(*number);
            let shown = signal.map_or_else(|| format!("signal {number}"), str::to_owned);
            about(format!("was killed by {shown}")).with_command_end(CommandEnd { exit_code: None, signal })
        }
        CommandFailure::TimedOut(limit) => {
            about(format!("did not finish within {} and was stopped", format_duration(*limit)))
                .with_command_end(CommandEnd::default())
                .with_hint("allow more time with --timeout DURATION")
        }
        CommandFailure::LeftOutputOpen => {
            about("ended, but left behind a process that keeps its output open".to_owned())
                .with_command_end(CommandEnd { exit_code: Some(0), signal: None })
                .with_hint("redirect the output of what it starts in the background")
        }
        CommandFailure::Unwatched => about(failure.to_string()).with_command_end(CommandEnd::default()),
        CommandFailure::NotStarted(number) => {
            let error = io::Error::from_raw_os_error(*number);
            about(format!("cannot be started: {}", describe(&error)))
                .with_command_end(CommandEnd::default())
                .with_hint("running a command needs /proc, and room within the limits on processes and open files")
        }
    }
}
