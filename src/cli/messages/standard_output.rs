//! Results on standard output.

use std::{
    fmt::Display,
    io::{self, StdoutLock, Write},
};

use serde::Serialize;

use super::{
    failure::{Exit, Failure},
    screen,
};
use crate::files::label::Label;

/// Writes `text`, and flushes it.
pub(in crate::cli) fn text(text: &[u8]) -> Result<(), Failure> {
    let write = |mut output: StdoutLock<'_>| output.write_all(text).and_then(|()| output.flush());
    screen::give_way(|| write(io::stdout().lock())).map_err(|error| Failure::write(&Label::StandardOutput, &error))
}

/// Writes one line.
pub(in crate::cli) fn line(line: &dyn Display) -> Result<(), Failure> {
    text(format!("{line}\n").as_bytes())
}

/// Writes a line of JSON.
pub(in crate::cli) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string(value);
    line(&json.map_err(|error| Failure::new(Exit::InputOutput, error.to_string()).about(&Label::StandardOutput))?)
}
