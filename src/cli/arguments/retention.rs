//! What is done with finished segments.

use std::{ffi::OsString, time::Duration};

use clap::Args;

use super::{duration::duration, size::parse_size};

#[derive(Debug, Args)]
pub(in crate::cli) struct RetentionArguments {
    /// Remove segments that ended longer ago than this, such as 7d or 36h
    ///
    /// This and the next two options remove only whole segments of this recorder, the oldest first: those that it has
    /// recorded into the folder since one of these options or --on-segment was first given. They are listed in the
    /// folder, in .reelseal-recorder, so only one recorder with such options can use a folder. The segment that is
    /// growing is never removed; when none is growing, the newest is removed only for its age. If the clock was set,
    /// segments of earlier runs count as no older than this run. To keep a segment, move it out of the folder. If
    /// --name is given, it must include the date and the time to the second, so that no name is used twice.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub keep_age: Option<Duration>,
    /// Remove the oldest segments while all of them together take more than this, such as 500G
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub keep_size: Option<u64>,
    /// Remove the oldest segments while less than this is free on the file system
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub keep_free: Option<u64>,
    /// Run this program for each segment that is finished and synced, with its path as the last argument
    ///
    /// It is run for one segment at a time, without a shell and with no input; its standard output is discarded. If it
    /// fails, that is reported, and it is run again after 5 s, then after twice as long each time, up to 5 minutes.
    /// When the recording ends, it is run for the segments that are left, until it fails once or a signal arrives; any
    /// that are left then have their turn when a recorder is next started here, and so does an unfinished segment.
    /// --keep-age and --keep-size remove no segment for which it has not succeeded; --keep-free does, but only after
    /// all others.
    #[arg(long, value_name = "PROGRAM")]
    pub on_segment: Option<OsString>,
    /// Pass this argument to the --on-segment program; can be repeated. {} by itself stands for the path
    #[arg(long, value_name = "ARG", requires = "on_segment", allow_hyphen_values = true)]
    pub on_segment_arg: Vec<OsString>,
    /// End the --on-segment program after this time, which counts as a failure; 0 waits for ever
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration, requires = "on_segment")]
    pub on_segment_timeout: Duration,
}
