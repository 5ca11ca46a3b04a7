//! How the command of a recording is supervised.

use std::time::Duration;

use clap::Args;

use super::{duration::duration, size::parse_size};
use crate::record::Restarts;

#[derive(Debug, Args)]
pub(in crate::cli) struct SupervisionArguments {
    /// Start the command again when it ends: at most N times in a row, or always
    ///
    /// It is started again however it ends, even with exit code 0: ffmpeg exits with 0 when a camera closes the
    /// connection. Each start begins another segment of the same recording. The delay is 1 s, then twice as long each
    /// time, up to 60 s, plus up to a quarter at random; after a minute of data without a long pause, the delay and the
    /// count of starts begin anew. By default, the recording ends when the command does.
    #[arg(long, value_name = "N", default_value = "0", value_parser = restarts, requires = "command")]
    pub restarts: Restarts,
    /// End a command after this long without output; 0 never does [default: 30s with --restarts, or else 0]
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "command")]
    pub stall: Option<Duration>,
    /// After a start, give the command this long before --stall applies
    #[arg(long, value_name = "DURATION", default_value = "90s", value_parser = duration, requires = "command")]
    pub stall_grace: Duration,
    /// End a command that takes more memory than this, together with all processes that it has started
    #[arg(long, value_name = "SIZE", value_parser = parse_size, requires = "command")]
    pub max_memory: Option<u64>,
    /// Send the command SIGKILL this long after SIGTERM; 0 sends it at once [default: 10s]
    ///
    /// It is sent SIGTERM when the recording ends, or when it has stalled, takes too much memory or is to be restarted.
    /// What it still writes is recorded. All processes that it has started are ended in the same way: its process group
    /// at once, and all others, detached or not, once their parent has ended. Only those that may not be signalled, as
    /// under sudo, and those that a service runs for it, as with docker and systemd-run, go on.
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "command")]
    pub kill_after: Option<Duration>,
}

fn restarts(text: &str) -> Result<Restarts, String> {
    match text {
        "always" => Ok(Restarts::Always),
        number => number.parse().map(Restarts::AtMost).map_err(|_| "a number, or always".to_owned()),
    }
}
