//! Producers that are commands.

use std::{io, sync::Arc, time::Instant};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use super::{
    control::Control,
    producer::{Heard, Producer, Producers},
};
use crate::{
    process::{CommandFailure, CommandLine, CommandOutput, CommandUsage, Reach, RunningCommand},
    signals::Watching,
    stream::{Input, Readiness},
};

/// A command that can be started any number of times.
pub(crate) struct CommandProducers<'a> {
    pub line: &'a CommandLine,
    pub watching: &'a Watching,
    pub control: Arc<Control>,
}

/// A command that was started.
pub(crate) struct RunningProducer {
    running: RunningCommand,
    output: CommandOutput,
    /// Whether what still arrives is written by a process that it left behind.
    is_left_open: bool,
    control: Arc<Control>,
}

impl Producers for CommandProducers<'_> {
    type Producer = RunningProducer;

    fn start(&mut self) -> Result<RunningProducer, CommandFailure> {
        let (running, output) = self.line.produce_unattended(self.watching, Reach::Descendants)?;
        let control = Arc::clone(&self.control);
        running.on_change(Box::new(move || control.wake()));
        Ok(RunningProducer { running, output, is_left_open: false, control: Arc::clone(&self.control) })
    }

    fn rest(&mut self, until: Instant) -> io::Result<()> {
        wait_for_wake(&self.control, Some(until))
    }
}

impl Producer for RunningProducer {
    fn wait(&mut self, until: Option<Instant>) -> io::Result<Heard> {
        if self.is_left_open {
            return Ok(Heard::End);
        }
        let found = match self.output.wait_or_be_woken(until, Some(self.control.woken())) {
            Ok(Readiness::Ready) if self.output.pending() == 0 => Ok(Heard::End),
            Ok(Readiness::Ready) => Ok(Heard::Output),
            Ok(Readiness::NotReady | Readiness::Stopped) => Ok(Heard::Nothing),
            Err(error) if is_left_open(&error) => Ok(Heard::End),
            Err(error) => Err(error),
        };
        if matches!(found, Ok(Heard::Nothing)) {
            self.control.forget_wakes();
        }
        found
    }

    fn wait_for_end(&mut self, until: Option<Instant>) -> io::Result<()> {
        wait_for_wake(&self.control, until)
    }

    fn read(&mut self, area: &mut [u8]) -> io::Result<usize> {
        match self.output.read(area) {
            Err(error) if is_left_open(&error) => {
                self.is_left_open = true;
                Err(io::ErrorKind::Interrupted.into())
            }
            read => read,
        }
    }

    fn pending(&self) -> usize {
        self.output.pending()
    }

    fn ask_to_end(&self) {
        self.running.asks_to_end()();
    }

    fn kill(&self) {
        self.running.kill();
    }

    fn end(&self) -> Option<Result<(), CommandFailure>> {
        self.running.has_ended().then(|| self.running.wait())
    }

    fn is_gone(&self) -> bool {
        self.running.is_gone()
    }

    fn process(&self) -> i32 {
        self.running.process().as_raw_nonzero().get()
    }

    fn usage(&self) -> CommandUsage {
        CommandUsage::of(self.running.process())
    }
}

fn is_left_open(error: &io::Error) -> bool {
    let failure = error.get_ref().and_then(|inner| inner.downcast_ref::<CommandFailure>());
    matches!(failure, Some(CommandFailure::LeftOutputOpen))
}

/// Waits until something is asked or there is news, or until the time `until`.
fn wait_for_wake(control: &Control, until: Option<Instant>) -> io::Result<()> {
    let limit = until.map(|until| until.saturating_duration_since(Instant::now()));
    let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
    match poll(&mut [PollFd::from_borrowed_fd(control.woken(), PollFlags::IN)], limit.as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    control.forget_wakes();
    Ok(())
}
