//! How a command failed.

use std::{io, time::Duration};

use nix::sys::signal::Signal;
use thiserror::Error;

/// How a command failed.
#[derive(Clone, Debug, Error)]
pub(crate) enum CommandFailure {
    /// There is no program of that name.
    #[error("not found")]
    NotFound,
    /// The system refused to run it, with this error number.
    #[error("cannot run")]
    CannotRun(i32),
    /// It exited with this code, which is not 0.
    #[error("failed with exit code {0}")]
    Exited(i32),
    /// This signal ended it.
    #[error("was killed by signal {0}")]
    Killed(i32),
    /// It did not end within that time, and was stopped.
    #[error("did not finish in time and was stopped")]
    TimedOut(Duration),
    /// It exited with 0, and left a process that keeps its output open.
    #[error("ended, but left behind a process that keeps its output open")]
    LeftOutputOpen,
    /// Its guardian was killed, and so was the command.
    #[error("the process that watched over it was killed")]
    Unwatched,
    /// Its guardian could not be started; the system's error has this number.
    #[error("cannot be started")]
    NotStarted(i32),
}

/// The name of the signal with this number, such as `SIGKILL`, if it has one.
pub(crate) fn signal_name(number: i32) -> Option<&'static str> {
    Signal::try_from(number).map(Signal::as_str).ok()
}

impl CommandFailure {
    /// The failure of a command whose guardian could not be started because of `error`.
    pub(super) fn not_started(error: io::Error) -> Self {
        Self::NotStarted(error.raw_os_error().unwrap_or(0))
    }
}
