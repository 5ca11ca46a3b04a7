//! Programs at either end of a stream: run without a shell, each in a process group of its own, and ended with all of
//! their group, or with all that they have started.
//!
//! A command does not run under this process but under a guardian: this program once more, started with a hidden first
//! argument. If this process dies, by SIGKILL too, the kernel closes its descriptors before anything else, and a
//! command that reads from it would take that for the end of its input. The guardian holds that pipe open, closes it
//! only on request, and otherwise ends the command first. See `guardian`; what passes between the two is in `message`.
//!
//! The command gets the descriptors 0, 1 and 2, the signal mask that this process was started with and, in the
//! foreground of a terminal, the terminal. It ignores the signals that were ignored then, except SIGPIPE and SIGCHLD:
//! how these were set is not known, and they get their default.

#[cfg(feature = "serve")]
mod apart;
mod channel;
mod command;
mod command_output;
mod command_usage;
mod continuations;
mod failure;
mod guardian;
mod inherited;
mod launcher;
mod message;
mod monitor;
mod process_table;
mod program;
mod running_command;
mod terminal;
mod watch;

pub(crate) use command::CommandLine;
pub(crate) use command_output::CommandOutput;
pub(crate) use command_usage::CommandUsage;
pub(crate) use failure::{CommandFailure, signal_name};
pub(crate) use message::Reach;
pub(crate) use running_command::RunningCommand;

use std::{ffi::OsStr, ffi::OsString, process::ExitCode};

/// The arguments that the hidden processes are started with, where one of our commands would be.
const GUARD: &str = "__guard";
const LAUNCH: &str = "__launch";

/// Runs as a hidden process if the arguments after the program's name, `first` and `rest`, ask for one, and returns its
/// exit code.
pub(crate) fn hidden(first: &OsStr, rest: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let run = match first.to_str()? {
        GUARD => guardian::guard,
        LAUNCH => launcher::launch,
        _ => return None,
    };
    Some(run(rest.collect()))
}
