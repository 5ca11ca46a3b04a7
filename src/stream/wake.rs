//! Ending a wait for input early, because something else has to be done first.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use crate::system;

/// Ends the waits of the inputs that it was given to, from any thread, until it is cleared.
pub(crate) struct Wake {
    woken: OwnedFd,
    wake: OwnedFd,
}

impl Wake {
    /// A wake that is not set.
    ///
    /// # Errors
    ///
    /// The system's error if a pipe cannot be created.
    pub fn new() -> io::Result<Self> {
        let (woken, wake) = system::wake_pipe()?;
        Ok(Self { woken, wake })
    }

    /// Ends the waits that are under way, and those that begin before it is cleared.
    pub fn set(&self) {
        // A pipe that is full is as readable as one with this byte.
        let _ = rustix::io::write(&self.wake, &[0]);
    }

    /// Clears it; returns whether it was set.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "recordings come with the command"))]
    pub fn clear(&self) -> bool {
        let (mut bytes, mut was_set) = ([0; 64], false);
        while let Ok(read @ 1..) = rustix::io::read(&self.woken, &mut bytes) {
            was_set = true;
            if read < bytes.len() {
                break;
            }
        }
        was_set
    }

    /// Readable while it is set.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.woken.as_fd()
    }
}
