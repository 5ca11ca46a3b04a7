//! What is currently known of a recorder.

use std::{
    ffi::OsString,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::process::Pid;

use crate::{
    process::{CommandFailure, CommandUsage, signal_name},
    record::{
        journal::Event,
        supervisor::{ProducerEnd, SupervisorEvent, Why},
    },
};

/// Where a recorder's threads note what happens, and others read it.
pub(crate) struct Board {
    began: Instant,
    /// Whether there is a producer that can be started again.
    has_producer: bool,
    bytes: AtomicU64,
    /// When the last byte arrived, in Unix microseconds; 0 if none has.
    last_byte_at: AtomicI64,
    /// How many turns the recording thread has taken.
    turns: AtomicU64,
    state: Mutex<State>,
}

#[derive(Clone, Debug, Default)]
struct State {
    process: Option<i32>,
    restarts: u64,
    segment: Option<OsString>,
    segments: u64,
    last_exit: Option<LastExit>,
}

/// How the producer last ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LastExit {
    pub exit_code: Option<i32>,
    /// For example `SIGKILL`.
    pub signal: Option<&'static str>,
    /// For example `stalled`.
    pub reason: &'static str,
}

/// What is known at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    /// The producer's process, while it runs.
    pub process: Option<i32>,
    pub has_producer: bool,
    pub uptime: Duration,
    pub restarts: u64,
    /// How many have arrived.
    pub bytes: u64,
    /// The growing segment.
    pub segment: Option<OsString>,
    /// How many have begun.
    pub segments: u64,
    /// In Unix microseconds.
    pub last_byte_at: Option<i64>,
    pub last_exit: Option<LastExit>,
    /// What the producer uses, including everything that it has started.
    pub usage: CommandUsage,
    /// What the recorder itself uses.
    pub own_usage: CommandUsage,
}

impl Board {
    /// The board of a recorder that has just started.
    pub fn new(has_producer: bool) -> Self {
        Self {
            began: Instant::now(),
            has_producer,
            bytes: AtomicU64::new(0),
            last_byte_at: AtomicI64::new(0),
            turns: AtomicU64::new(0),
            state: Mutex::default(),
        }
    }

    /// Counts bytes that arrived at the time `wall`, in Unix microseconds.
    pub fn count_bytes(&self, count: u64, wall: i64) {
        self.bytes.fetch_add(count, Ordering::Relaxed);
        self.last_byte_at.store(wall, Ordering::Relaxed);
    }

    pub fn count_turn(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    /// How many turns the recording thread has taken.
    pub fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    /// Notes what happened to the producer.
    pub fn note_producer(&self, event: &SupervisorEvent) {
        let mut state = self.lock();
        match event {
            SupervisorEvent::Started(process) => state.process = Some(*process),
            SupervisorEvent::Ended { end, .. } => {
                state.process = None;
                state.last_exit = Some(LastExit::of(end));
            }
            SupervisorEvent::NotStarted { failure, .. } => {
                state.last_exit = Some(LastExit { reason: "not_started", ..LastExit::by(failure) });
            }
            SupervisorEvent::Restarting(restarts) => state.restarts = *restarts,
        }
    }

    /// Notes what happened to a segment.
    pub fn note_segment(&self, event: &Event<'_>) {
        let mut state = self.lock();
        match event {
            Event::Began(name) => {
                state.segment = Some((*name).to_owned());
                state.segments += 1;
            }
            Event::Finished { .. } | Event::Unfinished(..) | Event::Removed(_) => state.segment = None,
            _ => {}
        }
    }

    /// Whether the producer is running.
    pub fn is_producer_running(&self) -> bool {
        self.lock().process.is_some()
    }

    pub fn has_producer(&self) -> bool {
        self.has_producer
    }

    /// Everything that is known now.
    pub fn snapshot(&self) -> Snapshot {
        let State { process, restarts, segment, segments, last_exit } = self.lock().clone();
        let last_byte_at = Some(self.last_byte_at.load(Ordering::Relaxed)).filter(|&at| at != 0);
        Snapshot {
            process,
            has_producer: self.has_producer,
            uptime: self.began.elapsed(),
            restarts,
            bytes: self.bytes.load(Ordering::Relaxed),
            segment,
            segments,
            last_byte_at,
            last_exit,
            usage: process.and_then(Pid::from_raw).map(CommandUsage::of).unwrap_or_default(),
            own_usage: CommandUsage::of_this_process(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LastExit {
    fn of(end: &ProducerEnd) -> Self {
        let by = end.how.as_ref().map_or_else(Self::by, |()| Self { exit_code: Some(0), ..Self::default() });
        Self { reason: end.why.name(), ..by }
    }

    fn by(failure: &CommandFailure) -> Self {
        match failure {
            CommandFailure::Exited(code) => Self { exit_code: Some(*code), ..Self::default() },
            CommandFailure::Killed(signal) => Self { signal: signal_name(*signal), ..Self::default() },
            CommandFailure::LeftOutputOpen => Self { exit_code: Some(0), ..Self::default() },
            _ => Self::default(),
        }
    }
}

impl Why {
    /// The name that programs read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Itself => "exited",
            Self::Asked => "asked",
            Self::Restart => "restart",
            Self::Stalled(_) => "stalled",
            Self::Memory(_) => "memory",
            Self::ClosedOutput => "closed_output",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn what_happened_last_is_what_is_known() {
        let board = Board::new(true);
        let name = OsStr::new("first.ts.reel");
        board.note_producer(&SupervisorEvent::Started(7));
        board.count_bytes(100, 1_795_514_407_000_000);
        board.note_segment(&Event::Began(name));
        let known = board.snapshot();
        assert_eq!((known.process, known.bytes, known.segment.as_deref()), (Some(7), 100, Some(name)));
        assert_eq!((known.last_byte_at, known.last_exit), (Some(1_795_514_407_000_000), None));
        let end = ProducerEnd { why: Why::Stalled(Duration::from_secs(30)), how: Err(CommandFailure::Killed(15)) };
        board.note_producer(&SupervisorEvent::Ended { end, restarts_after: Some(Duration::ZERO) });
        board.note_producer(&SupervisorEvent::Restarting(1));
        board.note_segment(&Event::Finished { segment: name, bytes: 100, is_synced: true });
        let known = board.snapshot();
        assert_eq!((known.process, known.restarts, known.segment, known.segments), (None, 1, None, 1));
        assert_eq!(known.last_exit, Some(LastExit { exit_code: None, signal: Some("SIGTERM"), reason: "stalled" }));
    }
}
