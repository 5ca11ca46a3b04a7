//! How a producer is looked after.

use std::time::Duration;

/// How a producer is looked after.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Supervision {
    pub restarts: Restarts,
    /// A producer that has written nothing for this long is ended.
    pub stall: Option<Duration>,
    /// For this long after its start it is not.
    pub grace: Duration,
    /// A producer whose group takes more memory than this, in bytes, is ended.
    pub max_memory: Option<u64>,
}

/// How often a producer that has ended is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restarts {
    /// So many times in a row, with no stable minute of data in between.
    AtMost(u32),
    Always,
}

impl Restarts {
    /// Whether a producer that was started again `used` times in a row is started once more.
    pub(super) fn allow(self, used: u32) -> bool {
        match self {
            Self::AtMost(most) => used < most,
            Self::Always => true,
        }
    }
}
