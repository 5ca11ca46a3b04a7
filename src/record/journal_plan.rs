//! How a recording is made.

use std::time::Duration;

use super::{cutting::Cutting, segment_name::SegmentName};
use crate::container::{Features, Layout};

/// How a recording is made.
#[derive(Clone, Debug)]
pub(crate) struct JournalPlan {
    pub layout: Layout,
    /// The longest that a byte may wait for its frame to be written.
    pub max_delay: Duration,
    /// The longest that written data may wait to be synced.
    pub sync: Duration,
    pub cutting: Cutting,
    pub name: SegmentName,
}

impl JournalPlan {
    /// The features of every segment.
    pub fn features() -> Features {
        Features::LIVE.union(Features::TIMED)
    }
}
