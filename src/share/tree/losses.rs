//! What readers have been unable to get from a tree's streams since it was made.

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
};

use rustix::io::Errno;

use crate::stream::StreamError;

/// What the readers of all streams of a tree have met with.
#[derive(Default)]
pub(crate) struct Losses {
    /// Frames were damaged.
    damage: AtomicBool,
    /// The system could not read frames.
    unreadable: AtomicBool,
    /// A file that was being read was replaced or removed.
    replaced: AtomicBool,
    /// Somebody read to the end of a stream that has no proper end.
    missing_end: AtomicBool,
}

/// A kind of loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    Damage,
    Unreadable,
    Replaced,
    MissingEnd,
}

impl Losses {
    pub(super) fn note(&self, loss: Loss) {
        self.of(loss).store(true, Ordering::Relaxed);
    }

    /// Whether a reader has met with this.
    pub fn has(&self, loss: Loss) -> bool {
        self.of(loss).load(Ordering::Relaxed)
    }

    fn of(&self, loss: Loss) -> &AtomicBool {
        match loss {
            Loss::Damage => &self.damage,
            Loss::Unreadable => &self.unreadable,
            Loss::Replaced => &self.replaced,
            Loss::MissingEnd => &self.missing_end,
        }
    }
}

impl Loss {
    /// What is lost to a reader who gets `error`.
    pub(super) fn of(error: &StreamError) -> Self {
        match error {
            StreamError::Read(error) | StreamError::ReadFrame { error, .. } => Self::of_read(error),
            StreamError::EndBeforeFinalFrame { .. } => Self::MissingEnd,
            _ => Self::Damage,
        }
    }

    fn of_read(error: &io::Error) -> Self {
        if error.raw_os_error() == Some(Errno::STALE.raw_os_error()) { Self::Replaced } else { Self::Unreadable }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::FrameFault;

    #[test]
    fn every_error_counts_as_the_right_kind_of_loss() {
        let read = |errno: Errno| StreamError::ReadFrame { index: 1, error: errno.into() };
        let cases = [
            (StreamError::Frame { index: 1, fault: FrameFault::Offset(1) }, Loss::Damage),
            (StreamError::CutFrame { index: 1 }, Loss::Damage),
            (read(Errno::IO), Loss::Unreadable),
            (read(Errno::STALE), Loss::Replaced),
            (StreamError::EndBeforeFinalFrame { index: 1 }, Loss::MissingEnd),
        ];
        for (error, loss) in cases {
            let losses = Losses::default();
            losses.note(Loss::of(&error));
            for kind in [Loss::Damage, Loss::Unreadable, Loss::Replaced, Loss::MissingEnd] {
                assert_eq!(losses.has(kind), kind == loss, "{error}: {kind:?}");
            }
        }
    }
}
