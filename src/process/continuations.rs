//! Continuations of this process, after it was stopped.

use std::{
    io::{self, Read},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
};

use rustix::process::Signal;
use signal_hook::{
    SigId,
    low_level::{pipe, unregister},
};

/// Notices continuations of this process (SIGCONT), until it is dropped.
pub(super) struct Continuations {
    seen: UnixStream,
    registration: SigId,
}

impl Continuations {
    /// Begins to watch.
    ///
    /// # Errors
    ///
    /// The system's error.
    pub fn watch() -> io::Result<Self> {
        let (seen, tell) = UnixStream::pair()?;
        seen.set_nonblocking(true)?;
        let registration = pipe::register(Signal::CONT.as_raw(), tell)?;
        Ok(Self { seen, registration })
    }

    /// Forgets those that were seen so far.
    pub fn forget(&self) {
        while (&self.seen).read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
    }
}

impl AsFd for Continuations {
    /// Readable after a continuation.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.seen.as_fd()
    }
}

impl Drop for Continuations {
    fn drop(&mut self) {
        unregister(self.registration);
    }
}

#[cfg(test)]
mod tests {
    use rustix::event::{PollFd, PollFlags, poll};

    use super::*;

    #[test]
    fn a_continuation_is_seen_until_it_is_forgotten() {
        let continuations = Continuations::watch().unwrap();
        signal_hook::low_level::raise(Signal::CONT.as_raw()).unwrap();
        poll(&mut [PollFd::new(&continuations, PollFlags::IN)], None).unwrap();
        continuations.forget();
        let (mut events, at_once) = ([PollFd::new(&continuations, PollFlags::IN)], Default::default());
        assert_eq!(poll(&mut events, Some(&at_once)).unwrap(), 0);
    }
}
