//! What is known about a command so far, for whoever waits for more.

use std::{
    io, mem,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{failure::CommandFailure, message::End};
use crate::system;

/// What is known about a command so far.
pub(super) struct Watch {
    state: Mutex<State>,
    changed: Condvar,
    /// Readable once the command has ended: the other end is closed then.
    ended: OwnedFd,
}

struct State {
    until_ended: Option<OwnedFd>,
    end: Option<End>,
    timed_out: Option<Duration>,
    left_output_open: bool,
    is_gone: bool,
    is_unwatched: bool,
    /// Whether nobody reads what is written to the command any more.
    has_no_reader: bool,
    /// Called when that is so.
    on_no_reader: Option<Box<dyn Fn() + Send>>,
    /// Called when something has become known about the command's end.
    on_change: Option<Box<dyn Fn() + Send>>,
}

impl Watch {
    pub fn new() -> io::Result<Self> {
        let (ended, until_ended) = system::pipe()?;
        let state = State {
            until_ended: Some(until_ended),
            end: None,
            timed_out: None,
            left_output_open: false,
            is_gone: false,
            is_unwatched: false,
            has_no_reader: false,
            on_no_reader: None,
            on_change: None,
        };
        Ok(Self { state: Mutex::new(state), changed: Condvar::new(), ended })
    }

    /// Readable once the command has ended.
    pub fn ended(&self) -> BorrowedFd<'_> {
        self.ended.as_fd()
    }

    pub fn has_ended(&self) -> bool {
        let state = self.lock();
        state.end.is_some() || state.is_unwatched
    }

    pub fn set_ended(&self, end: End) {
        self.change(|state| {
            state.end = Some(end);
            state.until_ended = None;
        });
    }

    pub fn set_gone(&self) {
        self.change(|state| state.is_gone = true);
    }

    /// Nothing more will be known.
    pub fn set_unwatched(&self) {
        self.change(|state| {
            state.is_unwatched = true;
            state.until_ended = None;
        });
    }

    pub fn set_timed_out(&self, after: Duration) {
        self.change(|state| state.timed_out = Some(after));
    }

    pub fn set_left_output_open(&self) {
        self.change(|state| state.left_output_open = true);
    }

    /// Whether nothing is left of the command's group, or nothing more will be known.
    pub fn is_gone(&self) -> bool {
        is_over(&self.lock())
    }

    /// Calls `call` whenever something becomes known about the command's end, and at once if something is known
    /// already.
    pub fn on_change(&self, call: Box<dyn Fn() + Send>) {
        let mut state = self.lock();
        if state.end.is_some() || is_over(&state) {
            call();
        }
        state.on_change = Some(call);
    }

    /// Calls `call` once nobody reads what is written to the command any more, at once if that is so already.
    pub fn on_no_reader(&self, call: Box<dyn Fn() + Send>) {
        let mut state = self.lock();
        if state.has_no_reader {
            call();
        }
        state.on_no_reader = Some(call);
    }

    /// Notes that nobody reads any more.
    pub fn set_no_reader(&self) {
        let mut state = self.lock();
        if !mem::replace(&mut state.has_no_reader, true) {
            state.on_no_reader.iter().for_each(|call| call());
        }
    }

    /// Whether nobody reads any more, as far as that was seen.
    pub fn has_no_reader(&self) -> bool {
        self.lock().has_no_reader
    }

    /// Waits for the end of the command.
    ///
    /// # Errors
    ///
    /// How the command failed.
    pub fn wait(&self) -> Result<(), CommandFailure> {
        let goes_on = |state: &mut State| state.end.is_none() && !state.is_unwatched;
        let state = self.changed.wait_while(self.lock(), goes_on).unwrap_or_else(PoisonError::into_inner);
        match (state.timed_out, state.left_output_open, state.end) {
            (Some(after), ..) => Err(CommandFailure::TimedOut(after)),
            (None, true, Some(End::Exited(0))) => Err(CommandFailure::LeftOutputOpen),
            (None, false, Some(End::Exited(0))) => Ok(()),
            (None, _, Some(End::Exited(code))) => Err(CommandFailure::Exited(code)),
            (None, _, Some(End::Killed(signal))) => Err(CommandFailure::Killed(signal)),
            (None, _, None) => Err(CommandFailure::Unwatched),
        }
    }

    /// Waits until nothing is left of the command's group, for no longer than `limit`; returns whether that is so.
    pub fn wait_until_gone(&self, limit: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), limit, |state| !is_over(state));
        is_over(&waited.unwrap_or_else(PoisonError::into_inner).0)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        self.changed.notify_all();
        state.on_change.iter().for_each(|call| call());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_over(state: &State) -> bool {
    state.is_gone || state.is_unwatched
}
