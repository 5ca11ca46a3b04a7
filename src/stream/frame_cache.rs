//! A small cache of the values used last: each is loaded once, however many threads ask for it at the same time.

use std::collections::HashMap;

use super::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Keeps the `most` values used last, by index. While more than that are being loaded at the same time, all of those
/// are in memory.
pub(super) struct FrameCache<V, E> {
    most: usize,
    state: Mutex<State<V, E>>,
    loaded: Condvar,
}

struct State<V, E> {
    entries: HashMap<u64, Entry<V, E>>,
    /// The number of uses so far.
    now: u64,
}

enum Entry<V, E> {
    /// One thread is loading it, and `waiting` others wait for it.
    Loading { waiting: usize },
    /// In the cache.
    Loaded { value: Arc<V>, used: u64 },
    /// Loading it failed, and `waiting` threads have not taken the error yet.
    Failed { error: E, waiting: usize },
}

impl<V, E: Clone> FrameCache<V, E> {
    /// A cache of `most` values, but at least one.
    pub fn new(most: usize) -> Self {
        Self { most: most.max(1), state: Mutex::new(State { entries: HashMap::new(), now: 0 }), loaded: Condvar::new() }
    }

    /// The value at `index`: from the cache, or else from `load`, which gets an evicted value to reuse if one is no
    /// longer in use elsewhere.
    ///
    /// # Errors
    ///
    /// The error of `load`, for every thread that asked while the value was being loaded. Failures are not cached.
    pub fn get(&self, index: u64, load: impl FnOnce(Option<V>) -> Result<V, E>) -> Result<Arc<V>, E> {
        let mut state = self.lock();
        let mut waits = false;
        loop {
            state.now += 1;
            let now = state.now;
            match state.entries.get_mut(&index) {
                Some(Entry::Loaded { value, used }) => {
                    *used = now;
                    return Ok(Arc::clone(value));
                }
                Some(Entry::Failed { error, waiting }) if waits => {
                    let error = error.clone();
                    *waiting -= 1;
                    if *waiting == 0 {
                        state.entries.remove(&index);
                        // Threads that came too late for this failure try again.
                        self.loaded.notify_all();
                    }
                    return Err(error);
                }
                Some(Entry::Loading { waiting }) if !waits => {
                    *waiting += 1;
                    waits = true;
                }
                Some(Entry::Loading { .. } | Entry::Failed { .. }) => {}
                None => break,
            }
            state = self.loaded.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.entries.insert(index, Entry::Loading { waiting: 0 });
        let room = self.most.saturating_sub(state.not_kept());
        let mut evicted = state.evict(room);
        drop(state);

        let abandoned = Abandoned { cache: self, index, armed: true };
        let reusable = evicted.pop().and_then(Arc::into_inner);
        drop(evicted);
        let loaded = load(reusable);
        abandoned.disarm();

        let mut state = self.lock();
        let waiting = match state.entries.remove(&index) {
            Some(Entry::Loading { waiting }) => waiting,
            _ => 0,
        };
        state.now += 1;
        let used = state.now;
        let result = match loaded {
            Ok(value) => {
                let value = Arc::new(value);
                state.entries.insert(index, Entry::Loaded { value: Arc::clone(&value), used });
                Ok(value)
            }
            Err(error) => {
                if waiting > 0 {
                    state.entries.insert(index, Entry::Failed { error: error.clone(), waiting });
                }
                Err(error)
            }
        };
        let evicted = state.evict(self.most);
        drop(state);
        self.loaded.notify_all();
        drop(evicted);
        result
    }

    /// Drops the values in the cache; callers keep those that they hold.
    #[cfg_attr(test, allow(dead_code, reason = "the model checker compiles this file another time"))]
    pub fn clear(&self) {
        let dropped = self.lock().evict(0);
        drop(dropped);
    }

    /// The number of values in the cache.
    #[cfg(test)]
    #[allow(dead_code, reason = "for the model checker, which compiles this file another time")]
    pub fn kept(&self) -> usize {
        self.lock().kept().count()
    }

    fn lock(&self) -> MutexGuard<'_, State<V, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V, E> State<V, E> {
    fn kept(&self) -> impl Iterator<Item = (u64, u64)> {
        self.entries.iter().filter_map(|(index, entry)| match entry {
            Entry::Loaded { used, .. } => Some((*used, *index)),
            Entry::Loading { .. } | Entry::Failed { .. } => None,
        })
    }

    /// The number of values that are being loaded or have failed.
    fn not_kept(&self) -> usize {
        self.entries.len() - self.kept().count()
    }

    /// Removes the least recently used values until no more than `most` are left.
    fn evict(&mut self, most: usize) -> Vec<Arc<V>> {
        let surplus = self.kept().count().saturating_sub(most);
        let mut evicted = Vec::new();
        for _ in 0..surplus {
            let oldest = self.kept().min().and_then(|(_, index)| self.entries.remove(&index));
            if let Some(Entry::Loaded { value, .. }) = oldest {
                evicted.push(value);
            }
        }
        evicted
    }
}

/// Releases the waiting threads if the one that loads panics.
struct Abandoned<'a, V, E: Clone> {
    cache: &'a FrameCache<V, E>,
    index: u64,
    armed: bool,
}

impl<V, E: Clone> Abandoned<'_, V, E> {
    fn disarm(mut self) {
        self.armed = false;
    }
}

impl<V, E: Clone> Drop for Abandoned<'_, V, E> {
    fn drop(&mut self) {
        if self.armed {
            self.cache.lock().entries.remove(&self.index);
            self.cache.loaded.notify_all();
        }
    }
}
