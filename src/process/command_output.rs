//! What a command writes, as input.

use std::{fs::File, io, sync::Arc};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use super::watch::Watch;
use crate::stream::{DescriptorInput, Input, Readiness, Stop, Wait};

/// How many seconds the output of a command that has ended may stay open with nothing coming.
const GRACE: Timespec = Timespec { tv_sec: 2, tv_nsec: 0 };

/// What a command writes. Reading fails if a process that the command left keeps the output open.
pub(crate) struct CommandOutput {
    pipe: Arc<File>,
    input: DescriptorInput<Arc<File>>,
    watch: Arc<Watch>,
}

impl CommandOutput {
    pub(super) fn new(pipe: File, watch: Arc<Watch>) -> io::Result<Self> {
        let pipe = Arc::new(pipe);
        Ok(Self { input: DescriptorInput::new(Arc::clone(&pipe))?, pipe, watch })
    }

    /// Waits until there is something to read, a stop was requested, or the command has ended: then, until `limit`.
    fn wait(&self, limit: Option<&Timespec>) -> io::Result<()> {
        let stop = self.input.stop();
        let mut events = vec![PollFd::new(&self.pipe, PollFlags::IN)];
        events.extend(stop.iter().map(|stop| PollFd::from_borrowed_fd(stop.descriptor(), PollFlags::IN)));
        if limit.is_none() {
            events.push(PollFd::from_borrowed_fd(self.watch.ended(), PollFlags::IN));
        }
        match poll(&mut events, limit) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Input for CommandOutput {
    fn readiness(&mut self, wait: Wait) -> io::Result<Readiness> {
        if wait != Wait::ForInput {
            return self.input.readiness(wait);
        }
        loop {
            let has_ended = self.watch.has_ended();
            self.wait(has_ended.then_some(&GRACE))?;
            match self.input.readiness(Wait::Never)? {
                Readiness::NotReady if has_ended => {
                    self.watch.set_left_output_open();
                    return Err(io::Error::other("a process that the command left keeps its output open"));
                }
                Readiness::NotReady => {}
                found => return Ok(found),
            }
        }
    }

    fn read(&mut self, area: &mut [u8]) -> io::Result<usize> {
        self.input.read(area)
    }

    fn stop(&self) -> Option<Arc<Stop>> {
        self.input.stop()
    }
}
