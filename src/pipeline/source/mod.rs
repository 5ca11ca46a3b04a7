//! What a run takes frames from.

mod confirmed;
mod either_source;
mod file_snapshot;
mod ordered;
mod positional;
mod unconfirmed;

pub use confirmed::ConfirmedSource;
pub use either_source::{EitherSource, StreamSource};
pub use file_snapshot::FileSnapshot;
pub use ordered::{CiphertextSource, PlaintextSource};
pub use positional::{CiphertextFile, PlaintextFile};
pub(super) use unconfirmed::UnconfirmedSource;

use crate::{
    stage::{Frame, FrameBuffer},
    stream::StreamError,
};

/// A hand of frames, as taken by a worker.
pub struct Taken {
    /// The hand's number, from 0.
    pub hand: u64,
    /// The index after the frames of the hand. If the source failed, that is the frame in which it failed.
    pub next_index: u64,
    /// The error with which the source failed after these frames, if it did.
    pub failure: Option<StreamError>,
    /// Whether the last of these is the final frame.
    pub ends: bool,
}

/// Where frames in state `S` come from, in the order of their indexes.
pub trait Source<S>: Sync {
    /// Fills buffers from `empty` and moves them to `frames`: waits for at least one, and then takes only what is
    /// ready. `None` once there is nothing more.
    fn take(&self, empty: &mut Vec<FrameBuffer>, frames: &mut Vec<Frame<S>>) -> Option<Taken>;

    /// An upper bound on the number of frames, if one is known before they are read: no more buffers than that are
    /// made.
    fn most_frames(&self) -> Option<u64> {
        None
    }

    /// How many frames a worker may take at once: only one if no frame may wait for the next.
    fn most_at_once(&self) -> usize {
        usize::MAX
    }

    /// Fails unless the input, now read to its end, is unchanged since reading began.
    ///
    /// # Errors
    ///
    /// [`StreamError::InputChanged`] for plaintext, the [`StreamError`] of a damaged frame for a stream;
    /// [`StreamError::Read`] if the system cannot tell.
    fn confirm(&self) -> Result<(), StreamError>;

    /// Ends a wait for input in [`Source::take`], which then fails with [`StreamError::Stopped`]. Called when the run
    /// has failed, and by any thread that wants to end the run. Does nothing if the source never waits for long.
    fn interrupt(&self);
}
