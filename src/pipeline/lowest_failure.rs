//! The failure that comes first in the stream.

use super::sync::{Mutex, PoisonError};

/// The failure with the lowest index so far.
pub(super) struct LowestFailure<E>(Mutex<Option<(u64, E)>>);

impl<E> LowestFailure<E> {
    pub fn none() -> Self {
        Self(Mutex::new(None))
    }

    /// Keeps `error`, which concerns frame `index`, unless one with a lower index is known.
    pub fn publish(&self, index: u64, error: E) {
        let mut lowest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lowest.as_ref().is_none_or(|(known, _)| index < *known) {
            *lowest = Some((index, error));
        }
    }

    pub fn is_some(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    pub fn into_result(self) -> Result<(), E> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), |(_, error)| Err(error))
    }
}
