//! What a command was asked for, line by line on standard output.

use std::{
    fmt::Display,
    io::{self, Write},
};

use serde::Serialize;

use super::{
    failure::{Exit, Failure},
    screen,
};

/// Gives one line of the answer.
pub(in crate::cli) fn line(text: &dyn Display) -> Result<(), Failure> {
    screen::give_way(|| writeln!(io::stdout().lock(), "{text}"))
        .map_err(|error| Failure::write("standard output", &error))
}

/// Gives a line of JSON.
pub(in crate::cli) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value);
    line(&text.map_err(|error| Failure::new(Exit::InputOutput, format!("standard output: {error}")))?)
}
