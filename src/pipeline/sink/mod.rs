//! Where a run writes its frames.

mod comparison;
mod ordered;
mod positional;
mod range;
mod reseal;
mod salvage;
mod salvage_output;
mod survey;

pub use comparison::ComparisonSink;
pub use ordered::OrderedSink;
pub use positional::PositionalSink;
pub use range::{PlaintextRange, RangeSink};
pub use reseal::ResealedOutput;
pub(super) use salvage::SalvageSink;
pub use salvage::{FinalFrame, SalvageOutput};
pub use salvage_output::{FilledOutput, Filling, SparseOutput};
pub use survey::{DamagedFrames, Survey, SurveySink};

use std::io::{self, ErrorKind, IoSlice};

use super::DamageListener;
use crate::stage::{Frame, Sealed, Verified};

/// Where frames in state `S` go.
pub trait Sink<S>: Sync {
    /// Whether frames must be written in the order of their indexes.
    const IN_TURN: bool;

    /// Writes consecutive frames, at most [`MAX_HAND`] of them. If the run goes on past damage, some may be missing
    /// between them.
    ///
    /// # Errors
    ///
    /// The output's error.
    fn write(&self, frames: &[Frame<S>]) -> io::Result<()>;

    /// How many bytes of `frame`'s payload the output gets: all of them, or fewer if a part is selected.
    fn delivered_bytes(&self, frame: &Frame<S>) -> u64
    where
        Frame<S>: Outgoing,
    {
        frame.payload_length() as u64
    }

    /// Where damaged frames are reported, if the run is to leave them out and go on; with `None`, the first one ends
    /// the run.
    fn past_damage(&self) -> Option<&dyn DamageListener> {
        None
    }
}

/// The most frames in one call of [`Sink::write`].
pub const MAX_HAND: usize = 256;

/// A frame in a state in which it may be written: sealed or verified.
pub trait Outgoing {
    /// A sealed frame's wire bytes, a verified frame's payload.
    fn bytes(&self) -> &[u8];

    /// The bytes of the frame's payload.
    fn payload_length(&self) -> usize;
}

impl Outgoing for Frame<Sealed> {
    fn bytes(&self) -> &[u8] {
        self.wire()
    }

    fn payload_length(&self) -> usize {
        self.tag().length as usize
    }
}

impl Outgoing for Frame<Verified> {
    fn bytes(&self) -> &[u8] {
        self.payload()
    }

    fn payload_length(&self) -> usize {
        self.payload().len()
    }
}

/// Writes `pieces` one after another, at most [`MAX_HAND`] of them. `write` is also passed the number of bytes already
/// written.
fn write_all<'a>(
    pieces: impl ExactSizeIterator<Item = &'a [u8]>,
    mut write: impl FnMut(&[IoSlice<'_>], u64) -> io::Result<usize>,
) -> io::Result<()> {
    let mut slices = [IoSlice::new(&[]); MAX_HAND];
    let count = pieces.len();
    for (slice, piece) in slices.iter_mut().zip(pieces) {
        *slice = IoSlice::new(piece);
    }
    let mut left = slices.get_mut(..count).unwrap_or_default();
    let mut written = 0;
    IoSlice::advance_slices(&mut left, 0);
    while !left.is_empty() {
        match write(left, written) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => {
                written += count as u64;
                IoSlice::advance_slices(&mut left, count);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
