//! Numbers for open files and folders.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use fuser::FileHandle;

/// Open things, by number. No number is used twice.
pub(super) struct Handles<T> {
    open: RwLock<HashMap<u64, Arc<T>>>,
    next: AtomicU64,
}

impl<T> Handles<T> {
    pub fn new() -> Self {
        Self { open: RwLock::default(), next: AtomicU64::new(1) }
    }

    pub fn open(&self, opened: T) -> FileHandle {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.open.write().unwrap_or_else(PoisonError::into_inner).insert(number, Arc::new(opened));
        FileHandle(number)
    }

    pub fn get(&self, handle: FileHandle) -> Option<Arc<T>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).get(&handle.0).map(Arc::clone)
    }

    pub fn close(&self, handle: FileHandle) {
        let closed = self.open.write().unwrap_or_else(PoisonError::into_inner).remove(&handle.0);
        drop(closed);
    }
}
