//! The bars on the terminal, which make room for lines.

use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::MultiProgress;

static BARS: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// While this lives, its bars are on the screen, unless they are taken down.
pub(super) struct Shown(());

/// Shows `bars`.
pub(super) fn show(bars: &MultiProgress) -> Shown {
    *lock() = Some(bars.clone());
    Shown(())
}

/// Writes with `write`, with no bar in the way.
pub(super) fn give_way<T>(write: impl FnOnce() -> T) -> T {
    let shown = lock();
    if let Some(bars) = &*shown {
        return bars.suspend(write);
    }
    // The thread that shows bars must not wait for the reader of this.
    drop(shown);
    write()
}

/// Takes the bars down for good: what is written next is the last output.
pub(super) fn take_down() {
    if let Some(bars) = lock().take() {
        // If the terminal cannot be written to, there are no bars.
        let _ = bars.clear();
    }
}

impl Shown {
    /// Changes the bars with `change`, unless they have been taken down.
    pub fn change(&self, change: impl FnOnce()) {
        let bars = lock();
        if bars.is_some() {
            change();
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        *lock() = None;
    }
}

fn lock() -> MutexGuard<'static, Option<MultiProgress>> {
    BARS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use indicatif::ProgressDrawTarget;

    use super::*;

    #[test]
    fn bars_that_were_taken_down_no_longer_change() {
        let shown = show(&MultiProgress::with_draw_target(ProgressDrawTarget::hidden()));
        let mut changes = 0;
        shown.change(|| changes += 1);
        take_down();
        shown.change(|| changes += 1);
        assert_eq!(changes, 1);
    }
}
