//! What is done with finished segments.

use std::{ffi::OsString, time::Duration};

use clap::Args;

use super::{duration::duration, size::parse_size};

#[derive(Debug, Args)]
pub(in crate::cli) struct RetentionArguments {
    /// Remove segments that ended longer ago than this, such as 7d or 36h
    ///
    /// With this and the next two, only whole segments of this recorder are removed, the oldest first: those that it recorded
    /// into the folder since one of these options or --on-segment was first given. Which they are is kept in the folder, in
    /// .reelseal-recorder, so that only one recorder with such options can use it. The segment that grows is never removed, and the newest only by age.
    /// Where the clock was set, segments of earlier runs count as no older than this run. To keep a segment, move it away.
    /// --name, if it is given, must say the date and the time to the second, so that no name is given twice.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub keep_age: Option<Duration>,
    /// Remove the oldest segments while all together take more than this, such as 500G
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub keep_size: Option<u64>,
    /// Remove the oldest segments while less than this is free on the file system
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub keep_free: Option<u64>,
    /// Run this program for each segment that is finished and synced, with its path as the last argument
    ///
    /// One at a time, without a shell, with no input; its standard output is dropped. If it fails, that is reported, and it is
    /// run again after 5 s, then twice as long each time, up to 5 minutes. When the recording ends, it is run for what is left,
    /// until it fails once or a signal arrives; what is left then has its turn when a recorder is started again, as has an unfinished segment.
    /// --keep-age and --keep-size remove no segment for which it has not succeeded; --keep-free does, after all others.
    #[arg(long, value_name = "PROGRAM")]
    pub on_segment: Option<OsString>,
    /// Give the program of --on-segment this argument; can be repeated. {} alone stands for the path
    #[arg(long, value_name = "ARG", requires = "on_segment", allow_hyphen_values = true)]
    pub on_segment_arg: Vec<OsString>,
    /// End the program of --on-segment after this time, which is then a failure; 0 waits for ever
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration, requires = "on_segment")]
    pub on_segment_timeout: Duration,
}
