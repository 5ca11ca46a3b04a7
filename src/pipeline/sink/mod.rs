//! What a run gives frames to.

mod comparison;
mod ordered;
mod positional;
mod range;
mod survey;

pub use comparison::ComparisonSink;
pub use ordered::OrderedSink;
pub use positional::PositionalSink;
pub use range::{PlaintextRange, RangeSink};
pub use survey::{DamagedFrames, Survey, SurveySink};

use std::io::{self, ErrorKind, IoSlice};

use super::DamageListener;
use crate::stage::{Frame, Sealed, Verified};

/// What frames in state `S` go to.
pub trait Sink<S>: Sync {
    /// Whether frames are to be written in the order of their indexes.
    const IN_TURN: bool;

    /// Writes frames that follow one another, at most [`MAX_HAND`] of them. After damage that the run goes past, some may
    /// be missing between them.
    ///
    /// # Errors
    ///
    /// What the output says.
    fn write(&self, frames: &[Frame<S>]) -> io::Result<()>;

    /// Who hears of damaged frames, which are left out, if the run is to go on past them; without anybody, the first one
    /// ends it.
    fn past_damage(&self) -> Option<&dyn DamageListener> {
        None
    }
}

/// The most frames that are written at once.
pub const MAX_HAND: usize = 256;

/// A frame in a state in which it may leave: sealed or verified.
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

/// Writes `pieces` one after the other, at most [`MAX_HAND`] of them, with `write` from how many bytes are written already.
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
