//! How a producer is supervised.

use std::time::Duration;

/// How a producer is supervised.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Supervision {
    pub restarts: Restarts,
    /// A producer that has written nothing for this long is ended.
    pub stall: Option<Duration>,
    /// A producer is not ended for that in this time after its start.
    pub grace: Duration,
    /// A producer that takes more memory than this with its whole group, in bytes, is ended.
    pub max_memory: Option<u64>,
}

/// How often a producer that has ended is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restarts {
    /// This many times in a row, with no stable minute of data in between.
    AtMost(u32),
    Always,
}

impl Restarts {
    /// Whether a producer that was restarted `used` times in a row is started once more.
    pub(super) fn allow(self, used: u32) -> bool {
        match self {
            Self::AtMost(most) => used < most,
            Self::Always => true,
        }
    }
}
