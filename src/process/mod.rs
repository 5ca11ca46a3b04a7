//! Programs at either end of a stream: run without a shell, each in a process group of its own, and ended with all of
//! their group.
//!
//! A command does not run under this process but under a guardian: this program once more, started with a hidden first
//! argument. If this process dies, by SIGKILL too, the kernel closes its descriptors before anything else, and a command
//! that reads from it would take that for the end of its input. The guardian holds that pipe open, lets its end through
//! only when told to, and otherwise ends the command first. See `guardian`; what passes between the two is in `message`.
//!
//! The command gets the descriptors 0, 1 and 2, the signal mask that this process was started with, and, in the foreground
//! of a terminal, the terminal.

mod channel;
mod command;
mod command_output;
mod failure;
mod guardian;
mod inherited;
mod launcher;
mod message;
mod monitor;
mod terminal;
mod watch;

pub(crate) use command::{CommandLine, RunningCommand, names_a_file};
pub(crate) use command_output::CommandOutput;
pub(crate) use failure::CommandFailure;

use std::{ffi::OsStr, ffi::OsString, process::ExitCode};

/// What the hidden processes are started with instead of a command of ours.
const GUARD: &str = "__guard";
const LAUNCH: &str = "__launch";

/// Is a hidden process, if the arguments after the program's name, `first` and `rest`, start one.
pub(crate) fn hidden(first: &OsStr, rest: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let run = match first.to_str()? {
        GUARD => guardian::guard,
        LAUNCH => launcher::launch,
        _ => return None,
    };
    Some(run(rest.collect()))
}
