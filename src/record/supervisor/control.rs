//! What is asked of a recorder while it runs, from other threads.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::atomic::{AtomicBool, Ordering},
};

use rustix::pipe::{PipeFlags, pipe_with};

/// What is asked of a recorder: each request wakes it, and is taken by it once.
pub(crate) struct Control {
    woken: OwnedFd,
    wake: OwnedFd,
    is_ended: AtomicBool,
    restart: AtomicBool,
    cut: AtomicBool,
}

impl Control {
    /// Nothing is asked.
    ///
    /// # Errors
    ///
    /// What the system says when a pipe cannot be made.
    pub fn new() -> io::Result<Self> {
        let (woken, wake) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let [is_ended, restart, cut] = [false; 3].map(AtomicBool::new);
        Ok(Self { woken, wake, is_ended, restart, cut })
    }

    /// Asks that the recording end.
    pub fn end(&self) {
        self.is_ended.store(true, Ordering::Release);
        self.wake();
    }

    /// Asks that the producer be ended, and started again.
    pub fn restart(&self) {
        self.restart.store(true, Ordering::Release);
        self.wake();
    }

    /// Asks that another segment begin with the next byte where one can.
    pub fn cut(&self) {
        self.cut.store(true, Ordering::Release);
    }

    /// Has the recorder look at what there is to do.
    pub fn wake(&self) {
        // A pipe that is full wakes, too.
        let _ = rustix::io::write(&self.wake, &[0]);
    }

    /// Whether it was asked that the recording end.
    pub fn is_ended(&self) -> bool {
        self.is_ended.load(Ordering::Acquire)
    }

    pub(in crate::record) fn takes_restart(&self) -> bool {
        self.restart.swap(false, Ordering::AcqRel)
    }

    pub(in crate::record) fn takes_cut(&self) -> bool {
        self.cut.swap(false, Ordering::AcqRel)
    }

    /// Readable once it was woken, until [`Control::forget_wakes`].
    pub(super) fn woken(&self) -> BorrowedFd<'_> {
        self.woken.as_fd()
    }

    pub(super) fn forget_wakes(&self) {
        let mut bytes = [0_u8; 64];
        while rustix::io::read(&self.woken, &mut bytes).is_ok_and(|read| read == bytes.len()) {}
    }
}
