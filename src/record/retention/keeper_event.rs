//! What the keeper learns, and what it reports.

use std::{
    ffi::{OsStr, OsString},
    io,
    time::Duration,
};

use super::holdings::Reason;
use crate::process::CommandFailure;

/// A message to the keeper.
#[derive(Debug)]
pub(crate) enum KeeperMessage {
    /// This segment grows now.
    Began(OsString),
    /// This one no longer grows. `is_sound`: it has its final frame, and is on the disk.
    Ended { segment: OsString, is_sound: bool },
    /// The wall clock was set.
    ClockStepped,
    /// The program has ended for this one.
    HookEnded(OsString, Result<(), CommandFailure>),
    /// There will be no more segments.
    End,
}

/// What the keeper reports.
#[derive(Debug)]
pub(crate) enum KeeperEvent<'a> {
    /// `is_handled`: the program had been run for it, or there is no program.
    Removed { segment: &'a OsStr, bytes: u64, reason: Reason, is_handled: bool },
    /// It cannot be removed, and is left alone from now on.
    NotRemoved(&'a OsStr, &'a io::Error),
    /// The program was run for it.
    Handled(&'a OsStr),
    /// The program failed; unless the recording has ended, it is run again after some time.
    HookFailed { segment: &'a OsStr, failure: &'a CommandFailure, again_after: Option<Duration> },
    /// The recording has ended, and the program is still running, or still to be run, for this many segments.
    WorkingOff(usize),
    /// The program has not been run for this many segments.
    LeftUnhandled(usize),
    /// What was known of the segments was damaged, and is kept under this name: segments that it no longer names are
    /// left alone.
    LedgerDamaged(&'a OsStr),
    /// What is known of the segments cannot be saved.
    NotNoted(&'a io::Error),
    /// Less than this is free, although everything that may be removed has been.
    NoRoom(u64),
    /// The free space cannot be determined.
    RoomUnknown(&'a io::Error),
}
