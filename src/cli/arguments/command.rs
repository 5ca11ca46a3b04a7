//! A command at one end of the stream, and how long it may take.

use std::{ffi::OsString, time::Duration};

use clap::Args;

use super::duration::duration;

pub(super) const PRODUCER_HELP: &str = "Encrypt what this command writes: it runs without a shell, and the output is \
                                        completed and named only if it exits with 0";
pub(super) const CONSUMER_HELP: &str = "Decrypt into this command: it runs without a shell and gets only authenticated data; \
                                        if anything fails, it is stopped before it sees the end of its input";

#[derive(Debug, Args)]
pub(in crate::cli) struct CommandArguments {
    /// End the command if it runs longer than this, such as 90s, 10m or 1h; 0 means no limit
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "command")]
    pub timeout: Option<Duration>,
    /// When ending the command, send SIGKILL this long after SIGTERM; 0 sends it at once [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "command")]
    pub kill_after: Option<Duration>,
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}
