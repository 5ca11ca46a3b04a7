//! The bars on the terminal, which give way to lines.

use std::sync::{Mutex, PoisonError};

use indicatif::MultiProgress;

static BARS: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// While this lives, its bars are on the screen.
pub(super) struct Shown(());

/// Shows `bars`.
pub(super) fn show(bars: &MultiProgress) -> Shown {
    *BARS.lock().unwrap_or_else(PoisonError::into_inner) = Some(bars.clone());
    Shown(())
}

/// Writes with `write`, with no bar in the way.
pub(super) fn give_way<T>(write: impl FnOnce() -> T) -> T {
    match &*BARS.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(bars) => bars.suspend(write),
        None => write(),
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        *BARS.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
