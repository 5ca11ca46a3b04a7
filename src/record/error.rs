//! Why a recording ended although nobody asked it to.

use std::{ffi::OsString, io};

use thiserror::Error;

use super::segment_name::SegmentNameError;

/// Why a recording ended. What had been written before remains, and is whole unless an event said otherwise.
#[derive(Debug, Error)]
pub(crate) enum JournalError {
    /// The source failed.
    #[error("reading failed")]
    Read(#[source] io::Error),
    /// There is no room for another frame.
    #[error("there is no room for more")]
    Full {
        segment: OsString,
        #[source]
        error: io::Error,
    },
    /// A segment cannot be created.
    #[error("cannot make the segment")]
    Create {
        segment: OsString,
        #[source]
        error: io::Error,
    },
    /// Several segments in a row have failed.
    #[error("one segment after another fails")]
    Failing {
        segment: OsString,
        #[source]
        error: io::Error,
    },
    /// There is no name for a segment.
    #[error("a segment has no name")]
    Name(#[source] SegmentNameError),
    /// There are no keys for a segment.
    #[error("a segment has no keys")]
    Keys(#[source] io::Error),
}
