//! What a command was asked to print: text on standard output.

use std::io::{self, Write};

use super::failure::Failure;

pub(in crate::cli) fn print(text: &[u8]) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    let written = output.write_all(text).and_then(|()| output.flush());
    written.map_err(|error| Failure::write("standard output", &error))
}
