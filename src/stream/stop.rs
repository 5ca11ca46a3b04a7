//! Ending a wait for input that may never come.

use std::{io, os::fd::BorrowedFd};

use super::wake::Wake;

/// Ends the waits of the input that created it, permanently and from any thread.
pub struct Stop(Wake);

impl Stop {
    /// A stop that has not been requested yet.
    ///
    /// # Errors
    ///
    /// The system's error if a pipe cannot be created.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(Wake::new()?))
    }

    /// Ends the input's waits, now and in future.
    pub fn request(&self) {
        // It is never cleared.
        self.0.set();
    }

    /// Readable once a stop was requested.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.descriptor()
    }
}
