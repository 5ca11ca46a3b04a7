//! What is reported while streams are read.

use std::path::Path;

use super::OpenFailure;
use crate::{container::Layout, stream::StreamError};

/// Something that the user should know. Each is reported once, until the file changes.
pub(crate) enum Event<'a> {
    /// The file was not opened.
    NotOpened { path: &'a Path, failure: &'a OpenFailure },
    /// The stream, or the recording of which it is the last segment that is here, has no proper end.
    Unfinished { path: &'a Path, length: u64 },
    /// This segment does not continue the one before it, and what comes from here on is left out.
    BrokenChain { path: &'a Path, why: &'a crate::record::chain::Break },
    /// A frame cannot be given out.
    Damaged { path: &'a Path, layout: Layout, error: &'a StreamError },
}

/// Who hears of it.
pub(crate) type Listener = dyn Fn(Event<'_>) + Send + Sync;
