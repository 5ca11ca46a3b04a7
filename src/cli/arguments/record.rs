//! The arguments of `reelseal record`.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{
    Args,
    builder::{OsStringValueParser, TypedValueParser},
};

use super::{
    CommonArguments, LockArguments, RetentionArguments, SupervisionArguments,
    duration::duration,
    scrypt_cost::scrypt_cost,
    size::{parse_frame_size, parse_size},
};
use crate::{container::FrameSize, keys::ScryptCost, record::StatusAddress};

pub(super) const RECORD_HELP: &str = "\
A recording is a journal: what has arrived stays, whatever happens next. Segments grow under their \
final names, and each is a stream of its own. However a recording ends, by SIGINT, SIGTERM or \
SIGHUP, a command that fails, or a full disk, the last segment gets its final frame. SIGKILL, a \
power cut or a failing disk leaves it unfinished; a power cut costs little more than what arrived \
since the last sync.

reelseal verify DIR says whether all of a recording is there, reelseal decrypt DIR -o FILE puts its \
segments together, and reelseal decrypt --follow DIR shows it while it grows.

SIGINT, SIGTERM or SIGHUP ends the recording: the command is sent SIGTERM, and its last output is \
kept. A second SIGINT or SIGTERM kills it without waiting.

With --restarts always, the command is started again whenever it ends. With --status, you can ask \
how it is doing:

  reelseal record --output-dir cam --key-file cam.key --restarts always --status cam.sock \\
    --segment-time 10m --keep-age 7d -- ffmpeg -v error -i rtsp://camera/1 -c copy -f mpegts -
  curl --unix-socket cam.sock http://localhost/status
  curl --unix-socket cam.sock -H 'X-Reelseal: 1' -X POST http://localhost/cut

SIGUSR1 prints a status line. With --progress json, there are events for what happens: start, exit \
and restart of the command, segment, retention, on_segment, and status with its address. Under \
systemd, Type=notify, WatchdogSec= and the status line work; a silent camera does not set off the \
watchdog.

Exit codes: 0 the input ended, or SIGINT, SIGTERM or SIGHUP was received; 1 reading or writing \
failed, as on a full disk, or part of the recording may be lost; 5 the command failed, stalled or \
took too much memory, and was not to be started again.";

#[derive(Debug, Args)]
pub(in crate::cli) struct RecordArguments {
    /// Folder for the segments; created if missing
    #[arg(long, value_name = "DIR")]
    pub output_dir: PathBuf,
    /// Begin another segment after this time, such as 10m or 1h
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub segment_time: Option<Duration>,
    /// Begin another segment before the file would exceed this size, such as 500M or 1G
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub segment_size: Option<u64>,
    /// Name the segments with this strftime pattern, in UTC [default: %Y-%m-%dT%H-%M-%SZ.ts for MPEG-TS, or else .bin]
    ///
    /// .reel is appended. If a name is taken, -2, -3 and so on are appended: nothing is ever replaced.
    #[arg(long, value_name = "PATTERN")]
    pub name: Option<String>,
    /// Sync to disk at least this often; 0 syncs after every frame
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = duration)]
    pub sync: Duration,
    #[command(flatten)]
    pub lock: LockArguments,
    #[command(flatten)]
    pub common: CommonArguments,
    /// scrypt's cost: log2 N, with r = 8 and p = 1; each step doubles time and memory; paid once for all segments
    #[arg(id = "scrypt_log_n", long = "scrypt-log-n", value_name = "N", default_value = "18", value_parser = scrypt_cost())]
    pub scrypt_cost: ScryptCost,
    /// Payload of a frame: a power of two from 4K to 16M
    #[arg(long, value_name = "SIZE", default_value = "16K", value_parser = parse_frame_size)]
    pub frame_size: FrameSize,
    /// Write each byte within this time: 200ms, 0.5s, 1m; a plain number is in seconds
    ///
    /// A frame that is not full by then is padded, so even slow input makes the recording grow by a frame per delay.
    #[arg(long, value_name = "DELAY", default_value = "200ms", value_parser = duration)]
    pub max_delay: Duration,
    #[command(flatten)]
    pub supervision: SupervisionArguments,
    /// Answer status requests from this machine, on a Unix socket at this path or on a loopback address such as
    /// 127.0.0.1:8080
    ///
    /// GET /status returns JSON, and GET /metrics is for Prometheus. POST /cut ends the segment and begins another with
    /// the next data that arrives; POST /restart ends the command and starts it again. These two need the header
    /// X-Reelseal, which no web form can send. Only your own user is answered. With port 0, the system chooses one,
    /// which is reported.
    #[arg(long, value_name = "PATH|ADDR", value_parser = OsStringValueParser::new().try_map(|text| StatusAddress::parse(&text)))]
    pub status: Option<StatusAddress>,
    #[command(flatten)]
    pub retention: RetentionArguments,
    /// Record what this command writes: it runs without a shell and with no input
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}
