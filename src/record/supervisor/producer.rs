//! Producers, as their supervisor sees them, and what it reports about them.

use std::{io, time::Duration, time::Instant};

use crate::process::{CommandFailure, CommandUsage};

/// Starts a producer, any number of times.
pub(crate) trait Producers {
    type Producer: Producer;

    /// # Errors
    ///
    /// [`CommandFailure`]: it does not run.
    fn start(&mut self) -> Result<Self::Producer, CommandFailure>;

    /// Waits, with no producer running, until the time `until`, or until something is asked of the recorder.
    fn rest(&mut self, until: Instant) -> io::Result<()>;
}

/// A producer that was started.
pub(crate) trait Producer {
    /// Waits until there is output to read, until the time `until`, until something is asked of the recorder, or until
    /// there is news of the producer's end.
    fn wait(&mut self, until: Option<Instant>) -> io::Result<Heard>;

    /// Waits in the same way, once its output has ended.
    fn wait_for_end(&mut self, until: Option<Instant>) -> io::Result<()>;

    /// Reads some of its output.
    fn read(&mut self, area: &mut [u8]) -> io::Result<usize>;

    /// How many bytes can be read without waiting.
    fn pending(&self) -> usize;

    /// Asks it, and everything that it has started, to end, without waiting for that. What is still alive after a while
    /// is killed.
    fn ask_to_end(&self);

    /// Kills it, and everything that it has started.
    fn kill(&self);

    /// How it ended, if it has.
    fn end(&self) -> Option<Result<(), CommandFailure>>;

    /// Whether nothing is left of it or of what it has started.
    fn is_gone(&self) -> bool;

    /// Its process id.
    fn process(&self) -> i32;

    /// What it uses, including everything that it has started.
    fn usage(&self) -> CommandUsage;
}

/// What a wait for output found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Output,
    /// There is none yet.
    Nothing,
    /// There will be no more: everything that could write it has ended or closed it, or only a process that was left
    /// behind keeps it open.
    End,
}

/// Why a producer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// By itself.
    Itself,
    /// It was ended because the recording is to end.
    Asked,
    /// It was ended because a restart was requested.
    Restart,
    /// It was ended because it had written nothing for this long.
    Stalled(Duration),
    /// It was ended because it took this much memory, in bytes, including everything that it had started.
    Memory(u64),
    /// It was ended because it had closed its output but went on running.
    ClosedOutput,
}

/// How a producer ended, and why.
#[derive(Clone, Debug)]
pub(crate) struct ProducerEnd {
    pub why: Why,
    pub how: Result<(), CommandFailure>,
}

/// What happened to a producer.
#[derive(Clone, Debug)]
pub(crate) enum SupervisorEvent {
    /// It runs as this process.
    Started(i32),
    /// It has ended; it is started again after `restarts_after`, if that is set.
    Ended { end: ProducerEnd, restarts_after: Option<Duration> },
    /// It could not be started again; the next attempt is after `restarts_after`, if that is set.
    NotStarted { failure: CommandFailure, restarts_after: Option<Duration> },
    /// It is about to be started again, for the given number of times since the recording began.
    Restarting(u64),
}
