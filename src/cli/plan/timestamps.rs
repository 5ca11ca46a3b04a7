//! Which streams carry times.

use crate::{cli::arguments::TimestampsArgument, container::Features};

/// Whether a new stream carries times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Timestamps {
    /// Streams made from a pipe or device do; those made from a file do not, since a file has long since arrived.
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
    /// The features of a stream made from an input that is, or is not, a regular file.
    pub fn features(self, is_file: bool) -> Features {
        match self {
            Self::OfArrivals if is_file => Features::NONE,
            Self::OfArrivals | Self::Always => Features::TIMED,
            Self::Never => Features::NONE,
        }
    }
}
