//! A command that takes the output.

use std::{ffi::OsStr, fs::File};

use crate::{
    cli::messages::{command_failure::command_failure, failure::Failure},
    process::{CommandLine, RunningCommand},
    signals::Watching,
    stream::StreamError,
};

/// A command that takes the output. If this is dropped before it has finished, it is ended without seeing the end of
/// its input.
pub(in crate::cli) struct Consumer<'a> {
    running: RunningCommand,
    program: &'a OsStr,
}

/// How much of its input a consumer that exited with 0 has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Took {
    Everything,
    /// It exited early, or without reading everything.
    Part,
}

impl<'a> Consumer<'a> {
    /// Starts the command; what is written to the file is its input.
    pub fn start(line: &'a CommandLine, watching: &Watching) -> Result<(Self, File), Failure> {
        let started = line.consume(watching);
        let (running, input) = started.map_err(|failure| command_failure(&line.program, &failure))?;
        Ok((Self { running, program: &line.program }, input))
    }

    /// Starts the command with our own input instead of an output of ours.
    #[cfg(feature = "serve")]
    pub fn start_with_our_input(line: &'a CommandLine, watching: &Watching) -> Result<Self, Failure> {
        let running = line.run(watching).map_err(|failure| command_failure(&line.program, &failure))?;
        Ok(Self { running, program: &line.program })
    }

    /// Calls `stop` once nobody reads the output any more.
    pub fn on_no_reader(&self, stop: Box<dyn Fn() + Send>) {
        self.running.on_no_reader(stop);
    }

    /// Whether `error` is that the command has closed its input, or is gone.
    pub fn has_left(&self, error: &StreamError) -> bool {
        match error {
            StreamError::Write(error) => error.kind() == std::io::ErrorKind::BrokenPipe,
            StreamError::Stopped => self.running.has_no_reader(),
            _ => false,
        }
    }

    /// Ends the command without letting it see the end of its input.
    pub fn end(self) {
        self.running.end();
    }

    /// Closes the command's input, of which all (`delivered`) or a part was written, and waits for the command. Nothing
    /// else may hold its input open.
    pub fn finish(self, delivered: Took) -> Result<Took, Failure> {
        let took = if delivered == Took::Everything && self.running.has_read_all() { delivered } else { Took::Part };
        self.running.finish().map_err(|failure| command_failure(self.program, &failure))?;
        Ok(took)
    }
}
