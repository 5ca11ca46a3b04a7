//! Producers, as their supervisor sees them, and what it reports of them.

use std::{io, time::Duration, time::Instant};

use crate::process::{CommandFailure, CommandUsage};

/// Starts a producer, any number of times.
pub(crate) trait Producers {
    type Producer: Producer;

    /// # Errors
    ///
    /// [`CommandFailure`]: it does not run.
    fn start(&mut self) -> Result<Self::Producer, CommandFailure>;

    /// Waits with none running until the moment `until`, or until something is asked of the recorder.
    fn rest(&mut self, until: Instant) -> io::Result<()>;
}

/// A producer that was started.
pub(crate) trait Producer {
    /// Waits until there is output to read, until the moment `until`, or until something is asked of the recorder or has
    /// become known of the producer's end.
    fn wait(&mut self, until: Option<Instant>) -> io::Result<Heard>;

    /// The same, once its output has ended.
    fn wait_for_end(&mut self, until: Option<Instant>) -> io::Result<()>;

    /// Reads some of its output.
    fn read(&mut self, area: &mut [u8]) -> io::Result<usize>;

    /// How many bytes can be read without waiting.
    fn pending(&self) -> usize;

    /// Asks it to end, with all that it has started, and does not wait for that. What is still alive after a while is killed.
    fn ask_to_end(&self);

    /// Kills it, with all that it has started.
    fn kill(&self);

    /// How it ended, if it has.
    fn end(&self) -> Option<Result<(), CommandFailure>>;

    /// Whether nothing is left of it and of what it has started.
    fn is_gone(&self) -> bool;

    /// Its process.
    fn process(&self) -> i32;

    /// What it uses, with all that it has started.
    fn usage(&self) -> CommandUsage;
}

/// What a wait for output found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Output,
    /// There is none yet.
    Nothing,
    /// There will be no more: all that could write it has ended, or closed it, or a process that was left behind keeps it
    /// open.
    End,
}

/// Why a producer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// By itself.
    Itself,
    /// It was ended, as the recording is to end.
    Asked,
    /// It was ended, as somebody asked for a restart.
    Restart,
    /// It was ended, as it had written nothing for so long.
    Stalled(Duration),
    /// It was ended, as it took so much memory, in bytes, with all that it had started.
    Memory(u64),
    /// It was ended, as it had closed its output and went on.
    ClosedOutput,
}

/// How a producer ended, and why.
#[derive(Clone, Debug)]
pub(crate) struct ProducerEnd {
    pub why: Why,
    pub how: Result<(), CommandFailure>,
}

/// What became of a producer.
#[derive(Clone, Debug)]
pub(crate) enum SupervisorEvent {
    /// It runs as this process.
    Started(i32),
    /// It has ended; it is started again if `restarts_after` says when.
    Ended { end: ProducerEnd, restarts_after: Option<Duration> },
    /// It could not be started again; it is tried again if `restarts_after` says when.
    NotStarted { failure: CommandFailure, restarts_after: Option<Duration> },
    /// It is to be started once more: since the recording began, so many times.
    Restarting(u64),
}
