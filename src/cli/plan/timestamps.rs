//! Which streams carry times.

use crate::{cli::arguments::TimestampsArgument, container::Features};

/// Whether a new stream carries times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Timestamps {
    /// That of a pipe or a device does, that of a file does not: a file has arrived before.
    OfArrivals,
    Always,
    Never,
}

impl From<TimestampsArgument> for Timestamps {
    fn from(argument: TimestampsArgument) -> Self {
        match argument {
            TimestampsArgument::Auto => Self::OfArrivals,
            TimestampsArgument::Always => Self::Always,
            TimestampsArgument::Never => Self::Never,
        }
    }
}

impl Timestamps {
    /// The features of the stream of an input that is a regular file, or is not.
    pub fn features(self, is_file: bool) -> Features {
        match self {
            Self::OfArrivals if is_file => Features::NONE,
            Self::OfArrivals | Self::Always => Features::TIMED,
            Self::Never => Features::NONE,
        }
    }
}
