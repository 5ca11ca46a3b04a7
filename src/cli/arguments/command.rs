//! A command at one end of the stream, and how long it may take.

use std::{ffi::OsString, time::Duration};

use clap::Args;

use super::duration::duration;

pub(super) const PRODUCER_HELP: &str = "Encrypt what this command writes: it runs without a shell, and a final frame and \
                                        the output's name follow only once it has exited with 0";
pub(super) const CONSUMER_HELP: &str = "Decrypt into this command: it runs without a shell, gets only what was \
                                        authenticated, and is ended, without seeing the end of its input, if anything fails";

#[derive(Debug, Args)]
pub(in crate::cli) struct CommandArguments {
    /// End the command after this time, such as 90s, 10m or 1h; 0 sets no limit
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "command")]
    pub timeout: Option<Duration>,
    /// When the command is ended, by SIGTERM, send SIGKILL after this time; 0 sends it at once [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "command")]
    pub kill_after: Option<Duration>,
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}
