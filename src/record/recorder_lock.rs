//! Whether a recorder is still writing a segment: it holds a lock on it, which ends with its process.
//!
//! The lock is of a kind that keeps nobody from reading, copying or changing the file, and that `passwd` does not take.
//! On file systems that other machines may share, nothing is locked: on some of them such a lock keeps readers away,
//! and on others only one machine would know of it.

use std::fs::File;

use crate::system;

/// Locks `file`, which is open for writing, until it is closed; does nothing where that would not help.
pub(super) fn hold(file: &File) {
    if system::is_of_one_machine(file) {
        // Without a lock, followers go on waiting.
        let _ = system::lock_this_open_file(file);
    }
}

/// What is known of the recorder of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// It is there.
    Recording,
    /// It was there, and is gone: nothing more will be added to what it left.
    Left,
    /// It was never seen: it may be on another machine, or the file may be a copy.
    Unknown,
}

/// What has been seen of a recorder so far.
#[derive(Debug, Default)]
pub(crate) struct RecorderWatch {
    was_seen: bool,
}

impl RecorderWatch {
    /// Whether anybody is now recording the segment in `file`, which is open for reading.
    pub fn look(&mut self, file: &File) -> Presence {
        match is_held(file) {
            Some(true) => self.was_seen = true,
            Some(false) if self.was_seen => return Presence::Left,
            Some(false) | None => return Presence::Unknown,
        }
        Presence::Recording
    }
}

/// Whether anybody holds the lock on `file`; `None` where that cannot be determined.
fn is_held(file: &File) -> Option<bool> {
    if system::is_of_one_machine(file) { system::is_open_file_locked(file).ok() } else { None }
}
