//! What is reported while streams are read.

use std::path::Path;

use super::OpenFailure;
use crate::{container::Layout, stream::StreamError};

/// Something that the user should know. Each is reported once, until the file changes.
pub(crate) enum Event<'a> {
    /// The file was not opened.
    NotOpened { path: &'a Path, failure: &'a OpenFailure },
    /// The stream has no proper end, or it is the last segment here of a recording that has none.
    Unfinished { path: &'a Path, length: u64 },
    /// This segment does not continue the one before it, and is left out with everything after it.
    BrokenChain { path: &'a Path, why: &'a crate::record::chain::Break },
    /// A frame cannot be delivered.
    Damaged { path: &'a Path, layout: Layout, error: &'a StreamError },
}

/// The listener for events.
pub(crate) type Listener = dyn Fn(Event<'_>) + Send + Sync;
