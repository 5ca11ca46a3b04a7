//! What a recording reports: what happens, and how it ended.

use std::{ffi::OsStr, io};

use crate::record::{error::JournalError, source::SourceEnd};

/// What happened, to be reported. Segments are named as in their folder.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    Began(&'a OsStr),
    Finished {
        segment: &'a OsStr,
        /// The plaintext bytes in it.
        bytes: u64,
        is_synced: bool,
    },
    /// What was written to it recently may be lost in a power failure; the recording goes on in another segment.
    NotSynced(&'a OsStr, &'a io::Error),
    /// It could not be written or synced when it was created, and has been removed; another is created.
    NotMade(&'a OsStr, &'a io::Error),
    /// Somebody has removed it; the recording goes on in another segment.
    Removed(&'a OsStr),
    /// A frame, or its final frame, could not be written to it; it stays unfinished.
    Unfinished(&'a OsStr, &'a io::Error),
    /// The wall clock was set, or the machine slept.
    ClockStepped,
    /// This many bytes arrived and could not be stored.
    Lost(u64),
}

/// How a recording ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub how: Result<SourceEnd, JournalError>,
    /// Whether a segment was left unfinished, or may not be on the disk.
    pub is_doubtful: bool,
    pub segments: u64,
    /// The bytes of the recording.
    pub bytes: u64,
}
