//! Ending a wait for input that may never come.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use crate::system;

/// Ends the wait of the input that made it, permanently and from any thread.
pub struct Stop {
    woken: OwnedFd,
    wake: OwnedFd,
}

impl Stop {
    /// A stop that has not been requested yet.
    ///
    /// # Errors
    ///
    /// What the system says when a pipe cannot be made.
    pub(super) fn new() -> io::Result<Self> {
        let (woken, wake) = system::wake_pipe()?;
        Ok(Self { woken, wake })
    }

    /// Ends the input's wait, now and from now on.
    pub fn request(&self) {
        // The byte is never read, so a pipe that is already full is as readable as one with this byte.
        let _ = rustix::io::write(&self.wake, &[0]);
    }

    /// Readable once a stop was requested.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.woken.as_fd()
    }
}
