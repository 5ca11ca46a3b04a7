//! How a command failed.

use std::{io, time::Duration};

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
    #[error("failed with code {0}")]
    Exited(i32),
    /// This signal ended it.
    #[error("was ended by a signal")]
    Killed(i32),
    /// It did not end within that time, and was ended.
    #[error("did not end in time")]
    TimedOut(Duration),
    /// It exited with 0, and left a process that keeps its output open.
    #[error("ended, and left a process that keeps its output open")]
    LeftOutputOpen,
    /// What watches over the command was killed.
    #[error("the process that watched over it was killed")]
    Unwatched,
}

impl CommandFailure {
    /// What `error` says of a command that was not run.
    pub(super) fn not_run(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound,
            _ => Self::CannotRun(error.raw_os_error().unwrap_or(0)),
        }
    }
}
