//! Waiting for something to change in a folder.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use crate::system;

/// The longest wait: a folder on another machine may change without notice.
const NO_LONGER_THAN: Duration = Duration::from_secs(1);
/// The longest wait where the system reports no changes.
const WITHOUT_NOTICE: Duration = Duration::from_millis(200);

/// Notices changes in a folder.
pub(crate) struct FolderWatch(Option<OwnedFd>);

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// Something may have changed.
    Changed,
    /// Nobody reads the output any more.
    NoReader,
}

impl FolderWatch {
    /// Watches the folder at `path` from now on. What happens before the first wait is not missed.
    pub fn new(path: &Path) -> Self {
        // If there are too many watches already, the folder is polled.
        Self(system::watch_folder(path).ok())
    }

    /// Waits until something has changed, for a limited time, or until nobody reads the `output`.
    ///
    /// # Errors
    ///
    /// The error that the system reports.
    pub fn wait(&self, output: Option<BorrowedFd<'_>>) -> io::Result<Woken> {
        let limit = if self.0.is_some() { NO_LONGER_THAN } else { WITHOUT_NOTICE };
        let limit = Timespec::try_from(limit).ok();
        let watched = self.0.iter().map(|watch| PollFd::from_borrowed_fd(watch.as_fd(), PollFlags::IN));
        let output = output.map(|output| PollFd::from_borrowed_fd(output, PollFlags::empty()));
        let has_output = output.is_some();
        let mut events: Vec<_> = output.into_iter().chain(watched).collect();
        match poll(&mut events, limit.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        if has_output && events.first().is_some_and(|output| !output.revents().is_empty()) {
            return Ok(Woken::NoReader);
        }
        self.forget();
        Ok(Woken::Changed)
    }

    /// Discards the pending events: the caller looks at the folder anyway.
    fn forget(&self) {
        let mut events = [0; 4096];
        while self.0.as_ref().is_some_and(|watch| rustix::io::read(watch, &mut events).is_ok_and(|read| read > 0)) {}
    }
}
