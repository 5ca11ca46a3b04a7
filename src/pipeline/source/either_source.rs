//! A source of one of two kinds, depending on the input.

use super::{CiphertextFile, CiphertextSource, Source, Taken};
use crate::{
    stage::{Frame, FrameBuffer},
    stream::StreamError,
};

/// The frames of a file or of a pipe.
pub enum EitherSource<A, B> {
    /// Each frame is read at its own position.
    AtPlaces(A),
    /// The frames are read one after the other.
    InOrder(B),
}

/// The frames of a stream, not yet opened.
pub type StreamSource<'a, R> = EitherSource<CiphertextFile<'a>, CiphertextSource<R>>;

impl<S, A: Source<S>, B: Source<S>> Source<S> for EitherSource<A, B> {
    fn take(&self, empty: &mut Vec<FrameBuffer>, frames: &mut Vec<Frame<S>>) -> Option<Taken> {
        match self {
            Self::AtPlaces(source) => source.take(empty, frames),
            Self::InOrder(source) => source.take(empty, frames),
        }
    }

    fn most_frames(&self) -> Option<u64> {
        match self {
            Self::AtPlaces(source) => source.most_frames(),
            Self::InOrder(source) => source.most_frames(),
        }
    }

    fn most_at_once(&self) -> usize {
        match self {
            Self::AtPlaces(source) => source.most_at_once(),
            Self::InOrder(source) => source.most_at_once(),
        }
    }

    fn confirm(&self) -> Result<(), StreamError> {
        match self {
            Self::AtPlaces(source) => source.confirm(),
            Self::InOrder(source) => source.confirm(),
        }
    }

    fn interrupt(&self) {
        match self {
            Self::AtPlaces(source) => source.interrupt(),
            Self::InOrder(source) => source.interrupt(),
        }
    }
}
