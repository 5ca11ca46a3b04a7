//! What a run takes frames from.

mod file_snapshot;
mod ordered;
mod positional;

pub use file_snapshot::FileSnapshot;
pub use ordered::{CiphertextSource, PlaintextSource};
pub use positional::{CiphertextFile, PlaintextFile, StreamFile};

use std::io;

use crate::{
    stage::{Frame, FrameBuffer},
    stream::StreamError,
};

/// A hand of frames that a worker took.
pub struct Taken {
    /// The hand's number, from 0.
    pub hand: u64,
    /// The index behind the frames of the hand, at which a failure of the source stands.
    pub next_index: u64,
    /// How the source failed behind these frames, if it did.
    pub failure: Option<StreamError>,
    /// Whether the final frame is the last of these.
    pub ends: bool,
    /// The frames among these that could not be read, of a source that reads on behind them.
    pub unreadable: Vec<Unreadable>,
}

/// A frame that could not be read.
#[derive(Debug)]
pub struct Unreadable {
    /// The frame's index.
    pub index: u64,
    /// Its bytes on the wire.
    pub wire: usize,
    /// What the system says.
    pub error: io::Error,
}

/// What frames in state `S` come from, in order of their indexes.
pub trait Source<S>: Sync {
    /// Fills buffers from `empty` and moves them to `frames`: at least one, and then only what is ready. `None` once
    /// there is nothing more. The buffers of frames that could not be read are gone.
    fn take(&self, empty: &mut Vec<FrameBuffer>, frames: &mut Vec<Frame<S>>) -> Option<Taken>;

    /// Whether the input, now read to its end, is still what it was when reading began.
    ///
    /// # Errors
    ///
    /// [`StreamError::InputChanged`] if not; [`StreamError::Read`] if the system does not say.
    fn confirm(&self) -> Result<(), StreamError>;
}
