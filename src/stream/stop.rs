//! Ending the wait of a source for input that may never come.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::pipe::{PipeFlags, pipe_with};

/// Ends the wait of a [`DescriptorInput`](super::DescriptorInput), once and for good: a failure in the run does so, and
/// whoever else holds it. Other inputs do not know it.
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
    pub fn new() -> io::Result<Self> {
        let (woken, wake) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        Ok(Self { woken, wake })
    }

    /// Asks the run to end.
    pub fn request(&self) {
        // A full pipe says the same as one byte does, and a byte is never read: nothing is lost.
        let _ = rustix::io::write(&self.wake, &[0]);
    }

    /// Readable once a stop was requested.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.woken.as_fd()
    }
}
