//! A file that a program has open, and the answers to its reads.

use std::sync::Arc;

use rustix::io::Errno;

use super::{
    content::{Answer, Content, LARGE},
    read_ahead::{Ahead, Decryptors},
};

/// A stream that is open.
pub(super) struct OpenFile(Arc<Ahead>);

impl OpenFile {
    pub fn new(content: Content) -> Self {
        Self(Arc::new(Ahead::of(content)))
    }

    pub fn content(&self) -> &Content {
        self.0.content()
    }

    /// `size` bytes from the byte `offset` on, or fewer at the end. If reads come in order, `decryptors` get what comes
    /// next. `for_cache` says that the answer fills the system's cache.
    ///
    /// # Errors
    ///
    /// Those of [`Content::read`].
    pub fn read(&self, offset: u64, size: usize, for_cache: bool, decryptors: &Decryptors) -> Result<Answer, Errno> {
        let ahead = match size >= LARGE && self.content().is_cached {
            true => self.0.take(offset, size, decryptors),
            false => None,
        };
        ahead.unwrap_or_else(|| self.content().read(offset, size, for_cache))
    }
}
