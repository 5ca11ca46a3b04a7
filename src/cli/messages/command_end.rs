//! How a program that a recorder runs has ended, in words and for programs.

use std::ffi::OsStr;

use super::{command_failure::command_failure, failure::CommandEnd};
use crate::process::CommandFailure;

/// How a program that used to be there has failed.
pub(super) fn fact_of(program: &OsStr, failure: &CommandFailure) -> String {
    match failure {
        CommandFailure::NotFound => "is no longer there".to_owned(),
        _ => command_failure(program, failure).message().fact.clone(),
    }
}

pub(super) fn command_end(program: &OsStr, how: &Result<(), CommandFailure>) -> CommandEnd {
    match how {
        Ok(()) => CommandEnd { exit_code: Some(0), signal: None },
        Err(failure) => command_failure(program, failure).command_end().unwrap_or_default(),
    }
}
