//! What a run takes frames from.

mod file_snapshot;
mod ordered;
mod positional;
mod stream_source;

pub use file_snapshot::FileSnapshot;
pub use ordered::{CiphertextSource, PlaintextSource};
pub use positional::{CiphertextFile, PlaintextFile};
pub use stream_source::StreamSource;

use crate::{
    stage::{Frame, FrameBuffer},
    stream::StreamError,
};

/// A hand of frames that a worker took.
pub struct Taken {
    /// The hand's number, from 0.
    pub hand: u64,
    /// The index after the frames of the hand: that of the frame in which the source failed, if it did.
    pub next_index: u64,
    /// How the source failed after these frames, if it did.
    pub failure: Option<StreamError>,
    /// Whether the final frame is the last of these.
    pub ends: bool,
}

/// What frames in state `S` come from, in order of their indexes.
pub trait Source<S>: Sync {
    /// Fills buffers from `empty` and moves them to `frames`: at least one, and then only what is ready. `None` once
    /// there is nothing more.
    fn take(&self, empty: &mut Vec<FrameBuffer>, frames: &mut Vec<Frame<S>>) -> Option<Taken>;

    /// The most frames that there are in all, if that is known before they are read: no more buffers are made.
    fn most_frames(&self) -> Option<u64> {
        None
    }

    /// Whether the input, now read to its end, is still what it was when reading began.
    ///
    /// # Errors
    ///
    /// [`StreamError::InputChanged`] for plaintext, the [`StreamError`] of a damaged frame for a stream;
    /// [`StreamError::Read`] if the system does not say.
    fn confirm(&self) -> Result<(), StreamError>;

    /// Ends a wait for input in [`Source::take`], which then fails with [`StreamError::Stopped`]. Called when the run has
    /// failed; anybody may call it to end the run. Does nothing where no wait can be long.
    fn interrupt(&self);
}
