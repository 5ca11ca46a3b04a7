//! A source that may change while it is read: a stream that is salvaged while it grows.

use super::{Source, Taken};
use crate::{
    stage::{Frame, FrameBuffer},
    stream::StreamError,
};

/// A source whose input may have changed by the end.
pub(in crate::pipeline) struct UnconfirmedSource<T>(pub T);

impl<S, T: Source<S>> Source<S> for UnconfirmedSource<T> {
    fn take(&self, empty: &mut Vec<FrameBuffer>, frames: &mut Vec<Frame<S>>) -> Option<Taken> {
        self.0.take(empty, frames)
    }

    fn most_frames(&self) -> Option<u64> {
        self.0.most_frames()
    }

    fn most_at_once(&self) -> usize {
        self.0.most_at_once()
    }

    fn confirm(&self) -> Result<(), StreamError> {
        Ok(())
    }

    fn interrupt(&self) {
        self.0.interrupt();
    }
}
