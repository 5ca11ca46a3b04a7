//! Ending the wait for input that may never come.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::pipe::{PipeFlags, pipe_with};

/// Ends the wait of the input that made it, once and for good, from any thread.
pub struct Stop {
    woken: OwnedFd,
    wake: OwnedFd,
}

impl Stop {
    /// A stop that nobody has asked for yet.
    ///
    /// # Errors
    ///
    /// What the system says when it gives no pipe.
    pub(super) fn new() -> io::Result<Self> {
        let (woken, wake) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        Ok(Self { woken, wake })
    }

    /// Asks the input to wait no longer.
    pub fn request(&self) {
        // A full pipe says the same as one byte does, and a byte is never read: nothing is lost.
        let _ = rustix::io::write(&self.wake, &[0]);
    }

    /// Readable once a stop was requested.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.woken.as_fd()
    }
}
