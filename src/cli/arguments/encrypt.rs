//! The arguments of `reelseal encrypt`.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{
    CommandArguments, CommonArguments, FilesArguments, LockArguments, duration::duration, scrypt_cost::scrypt_cost,
    size::parse_frame_size,
};
use crate::{container::FrameSize, keys::ScryptCost};

#[derive(Debug, Args)]
pub(in crate::cli) struct EncryptArguments {
    #[command(flatten)]
    pub files: FilesArguments,
    #[command(flatten)]
    pub lock: LockArguments,
    #[command(flatten)]
    pub common: CommonArguments,
    /// scrypt's cost: log2 N, with r = 8 and p = 1; each step doubles time and memory (18 takes 256 MiB)
    ///
    /// Every guess at the passphrase costs this much, and so do encrypting and opening the result. `reelseal speed`
    /// prints the value that takes about a second on this machine. Above 19, readers need --max-kdf-memory.
    #[arg(id = "scrypt_log_n", long = "scrypt-log-n", value_name = "N", default_value = "18", value_parser = scrypt_cost())]
    pub scrypt_cost: ScryptCost,
    /// Payload of a frame: a power of two from 4K to 16M; the default with --live is 16K
    ///
    /// A whole frame is authenticated before any byte of it is released. It takes 64 bytes more than its payload.
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "64K",
        default_value_if("live", "true", "16K"),
        value_parser = parse_frame_size
    )]
    pub frame_size: FrameSize,
    /// Pass on input within --max-delay, for a camera or a feed that is watched while it runs
    ///
    /// A frame is written when it is full, or --max-delay after its first byte arrived, and carries the time of that arrival.
    /// A frame that is not full is padded, so even slow input makes the stream grow by a frame per delay. Takes one input.
    #[arg(long, conflicts_with = "recursive")]
    pub live: bool,
    /// With --live, the longest that a byte may wait: 200ms, 0.5s, 1m; a plain number is in seconds
    ///
    /// Shorter delays cost more padding. With 0, whatever a read returns is written at once.
    #[arg(long, value_name = "DELAY", default_value = "200ms", value_parser = duration, requires = "live")]
    pub max_delay: Duration,
    /// Store in each frame the time at which it arrived; auto does so for pipes and with --live, but not for files
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub timestamps: TimestampsArgument,
    #[command(flatten)]
    pub command: CommandArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum TimestampsArgument {
    Auto,
    Always,
    Never,
}
