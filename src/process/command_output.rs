//! What a command writes, as input.

use std::{
    fs::File,
    io,
    os::fd::BorrowedFd,
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use super::{failure::CommandFailure, watch::Watch};
use crate::{
    stream::{DescriptorInput, Input, Readiness, Stop, Wait},
    system,
};

/// How long to wait in all, after the command has ended, while its output stays open and nothing comes.
const GRACE: Duration = Duration::from_secs(2);

/// What a command writes. Reading fails with [`CommandFailure::LeftOutputOpen`] if a process that the command left
/// behind keeps the output open, whether or not it writes more.
pub(crate) struct CommandOutput {
    pipe: Arc<File>,
    input: DescriptorInput<Arc<File>>,
    watch: Arc<Watch>,
    /// What is left of the grace, and how many bytes may still come: no more than the pipe held when the command ended.
    grace: Duration,
    bytes_left: usize,
}

impl CommandOutput {
    pub(super) fn new(pipe: File, watch: Arc<Watch>) -> io::Result<Self> {
        let bytes_left = system::pipe_capacity(&pipe)?;
        let pipe = Arc::new(pipe);
        Ok(Self { input: DescriptorInput::new(Arc::clone(&pipe))?, pipe, watch, grace: GRACE, bytes_left })
    }

    /// How many bytes can be read without waiting; zero if the system does not say.
    pub fn pending(&self) -> usize {
        self.input.pending()
    }

    /// Waits until a read would not block, `until` has come, or the descriptor `wake`, if there is one, is readable.
    /// `wake` is not read here.
    ///
    /// # Errors
    ///
    /// [`CommandFailure::LeftOutputOpen`]; the system's error.
    pub fn wait_or_be_woken(&mut self, until: Option<Instant>, wake: Option<BorrowedFd<'_>>) -> io::Result<Readiness> {
        loop {
            let has_ended = self.watch.has_ended();
            let began = Instant::now();
            let limit = until.map(|moment| moment.saturating_duration_since(began));
            let is_woken =
                self.wait(has_ended, limit.into_iter().chain(has_ended.then_some(self.grace)).min(), wake)?;
            if has_ended {
                self.grace = self.grace.saturating_sub(began.elapsed());
            }
            match self.input.readiness(Wait::Never)? {
                Readiness::NotReady if has_ended && self.grace.is_zero() => return Err(self.left_open()),
                Readiness::NotReady if is_woken || until.is_some_and(|moment| moment <= Instant::now()) => {
                    return Ok(Readiness::NotReady);
                }
                Readiness::NotReady => {}
                found => return Ok(found),
            }
        }
    }

    /// Waits, but no longer than `limit`, until there is something to read, a stop is requested, `wake` is readable or,
    /// unless it `has_ended` already, the command ends. Returns whether `wake` is readable.
    fn wait(&self, has_ended: bool, limit: Option<Duration>, wake: Option<BorrowedFd<'_>>) -> io::Result<bool> {
        let stop = self.input.stop();
        let pipe = PollFd::new(&self.pipe, PollFlags::IN);
        let stop =
            stop.as_ref().map_or(pipe.clone(), |stop| PollFd::from_borrowed_fd(stop.descriptor(), PollFlags::IN));
        let ended = PollFd::from_borrowed_fd(self.watch.ended(), PollFlags::IN);
        // Without a `wake`, the pipe fills its place, as it does without a stop.
        let wake = wake.map_or(pipe.clone(), |wake| PollFd::from_borrowed_fd(wake, PollFlags::IN));
        let mut events = [pipe, stop, wake, ended];
        // If the command has ended already, its end is not waited for.
        let events = if has_ended { &mut events[..3] } else { &mut events[..] };
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        match poll(events, limit.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(events.get(2).is_some_and(|wake| !wake.revents().is_empty())),
            Err(error) => Err(error.into()),
        }
    }

    fn left_open(&self) -> io::Error {
        self.watch.set_left_output_open();
        io::Error::other(CommandFailure::LeftOutputOpen)
    }
}

impl Input for CommandOutput {
    fn readiness(&mut self, wait: Wait) -> io::Result<Readiness> {
        match wait {
            Wait::Never => self.input.readiness(wait),
            Wait::ForInput => self.wait_or_be_woken(None, None),
            Wait::Until(moment) => self.wait_or_be_woken(Some(moment), None),
        }
    }

    fn read(&mut self, area: &mut [u8]) -> io::Result<usize> {
        let had_ended = self.watch.has_ended();
        let read = self.input.read(area)?;
        if had_ended {
            let left = self.bytes_left.checked_sub(read);
            self.bytes_left = left.ok_or_else(|| self.left_open())?;
        }
        Ok(read)
    }

    fn stop(&self) -> Option<Arc<Stop>> {
        self.input.stop()
    }
}
