//! A counting semaphore.

use std::{
    num::NonZero,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

/// A number of permits.
pub(in crate::cli) struct Semaphore {
    free: Mutex<usize>,
    released: Condvar,
}

/// A permit; dropping it returns it.
pub(in crate::cli) struct Permit<'a>(&'a Semaphore);

impl Semaphore {
    pub fn new(permits: NonZero<usize>) -> Self {
        Self { free: Mutex::new(permits.get()), released: Condvar::new() }
    }

    /// Waits for a permit.
    pub fn acquire(&self) -> Permit<'_> {
        let mut free = self.released.wait_while(self.lock(), |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Permit(self)
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *self.0.lock() += 1;
        self.0.released.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        thread,
    };

    use super::*;

    #[test]
    fn no_more_hold_a_permit_than_there_are_and_none_is_lost() {
        let (semaphore, holders) = (Semaphore::new(NonZero::new(2).unwrap()), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        let _permit = semaphore.acquire();
                        assert!(holders.fetch_add(1, Ordering::SeqCst) < 2);
                        thread::yield_now();
                        holders.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        let _permits = [semaphore.acquire(), semaphore.acquire()];
    }
}
