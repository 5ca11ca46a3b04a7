//! How many requests with the token were answered.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// A count that all clones share.
#[derive(Clone, Default)]
pub(crate) struct Requests(Arc<AtomicU64>);

impl Requests {
    pub fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub fn so_far(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
