//! What other threads can ask of a recorder while it runs.

use std::{
    io,
    os::fd::BorrowedFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::stream::Wake;

/// What is asked of a recorder: each request wakes it, and is taken by it once.
pub(crate) struct Control {
    wake: Arc<Wake>,
    /// Whether it has been woken since this was last asked.
    was_woken: AtomicBool,
    is_ended: AtomicBool,
    is_hastened: AtomicBool,
    restart: AtomicBool,
    cut: AtomicBool,
}

impl Control {
    /// No requests yet.
    ///
    /// # Errors
    ///
    /// The error that the system reports when a pipe cannot be created.
    pub fn new() -> io::Result<Self> {
        let [was_woken, is_ended, is_hastened, restart, cut] = [false; 5].map(AtomicBool::new);
        Ok(Self { wake: Arc::new(Wake::new()?), was_woken, is_ended, is_hastened, restart, cut })
    }

    /// Asks for the recording to end.
    pub fn end(&self) {
        self.is_ended.store(true, Ordering::Release);
        self.wake();
    }

    /// Asks for the end to come at once, without waiting for what the producer has not written by then.
    pub fn hasten(&self) {
        self.is_hastened.store(true, Ordering::Release);
        self.wake();
    }

    /// Asks for the producer to be ended and started again.
    pub fn restart(&self) {
        self.restart.store(true, Ordering::Release);
        self.wake();
    }

    /// Asks for another segment to begin with the next byte that can begin one.
    pub fn cut(&self) {
        self.cut.store(true, Ordering::Release);
    }

    /// Makes the recorder check what there is to do.
    pub fn wake(&self) {
        self.wake.set();
    }

    /// Whether the recording was asked to end.
    pub fn is_ended(&self) -> bool {
        self.is_ended.load(Ordering::Acquire)
    }

    /// Whether the end was asked to come at once.
    pub(super) fn is_hastened(&self) -> bool {
        self.is_hastened.load(Ordering::Acquire)
    }

    pub(in crate::record) fn takes_restart(&self) -> bool {
        self.restart.swap(false, Ordering::AcqRel)
    }

    pub(in crate::record) fn takes_cut(&self) -> bool {
        self.cut.swap(false, Ordering::AcqRel)
    }

    /// What wakes it.
    pub(super) fn waker(&self) -> Arc<Wake> {
        Arc::clone(&self.wake)
    }

    /// Readable once it was woken, until [`Control::forget_wakes`].
    pub(super) fn woken(&self) -> BorrowedFd<'_> {
        self.wake.descriptor()
    }

    pub(super) fn forget_wakes(&self) {
        if self.wake.clear() {
            self.was_woken.store(true, Ordering::Release);
        }
    }

    /// Whether it has been woken since this was last asked.
    pub(super) fn takes_woken(&self) -> bool {
        self.was_woken.swap(false, Ordering::AcqRel)
    }
}
