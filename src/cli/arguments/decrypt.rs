//! The arguments of `reelseal decrypt`.

use clap::Args;
use jiff::{Timestamp, tz::TimeZone};

use super::{
    CommandArguments, CommonArguments, FilesArguments, SecretArguments,
    range::{ByteRange, parse_range},
    time::parse_time,
};

#[derive(Debug, Args)]
pub(in crate::cli) struct DecryptArguments {
    #[command(flatten)]
    pub files: FilesArguments,
    /// Join the segments of a recording even if some are missing or unfinished
    ///
    /// Several inputs with one output, or a folder, are a recording: they must follow one another without a gap, or
    /// nothing is written. With this option, whatever is missing is left out and reported. After a missing segment or a
    /// change of recording, nothing links what follows to what came before: if it opens with an identity, anyone who
    /// knows the public key may have made it.
    #[arg(long)]
    pub allow_gaps: bool,
    /// Decrypt a stream or a recording while it grows, as tail -f does, until its final frame
    ///
    /// Takes one file, or the folder of a recording, and -o or a pipe for the result. With --since, it starts at that time. At
    /// the end of a segment it goes on to the next one. If a recorder was seen on this machine and then ended without
    /// finishing the recording, the exit code is 4. If none was seen, as with a copy or a network file system, it waits.
    #[arg(long, conflicts_with_all = ["range", "until", "remove", "recursive", "output_dir", "skip_existing"])]
    pub follow: bool,
    /// Decrypt only these bytes, written as for curl: 0-499, 500- or -500
    ///
    /// FIRST and LAST count from 0 and are both included; 500- is the rest, and -500 the last 500. Takes one input, and -o or
    /// a pipe for the result.
    #[arg(
        long,
        value_name = "FIRST-LAST",
        allow_hyphen_values = true,
        value_parser = parse_range,
        conflicts_with_all = ["since", "until", "remove", "recursive", "output_dir"]
    )]
    pub range: Option<ByteRange>,
    /// Decrypt only what arrived from this time on, written as for journalctl: "2026-11-24 10:00", 10:00 or -15min
    ///
    /// Also takes 2026-11-24T10:00:00Z, now, today and yesterday. This needs a stream that carries times, and selects
    /// whole frames, starting with the one that was arriving at that time. Takes one input, and -o or a pipe for the
    /// result.
    #[arg(
        long,
        value_name = "TIME",
        allow_hyphen_values = true,
        value_parser = time_now,
        conflicts_with_all = ["remove", "recursive", "output_dir"]
    )]
    pub since: Option<i64>,
    /// Decrypt only what started to arrive up to this time
    #[arg(
        long,
        value_name = "TIME",
        allow_hyphen_values = true,
        value_parser = time_now,
        conflicts_with_all = ["remove", "recursive", "output_dir"]
    )]
    pub until: Option<i64>,
    #[command(flatten)]
    pub secret: SecretArguments,
    #[command(flatten)]
    pub common: CommonArguments,
    #[command(flatten)]
    pub command: CommandArguments,
}

fn time_now(text: &str) -> Result<i64, String> {
    parse_time(text, Timestamp::now(), &TimeZone::system())
}
