//! The frames of a stream, however its input is read.

use super::{CiphertextFile, CiphertextSource, Source, Taken};
use crate::{
    stage::{Frame, FrameBuffer, Received},
    stream::{Input, StreamError},
};

/// The frames of a stream, not yet opened.
pub enum StreamSource<'a, R> {
    /// Each frame is read at its own position.
    AtPlaces(CiphertextFile<'a>),
    /// The frames are read one after the other.
    InOrder(CiphertextSource<R>),
}

impl<R: Input> Source<Received> for StreamSource<'_, R> {
    fn take(&self, empty: &mut Vec<FrameBuffer>, frames: &mut Vec<Frame<Received>>) -> Option<Taken> {
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
