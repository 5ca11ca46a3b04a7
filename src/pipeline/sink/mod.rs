//! What a run gives frames to.

mod comparison;
mod survey;

pub use comparison::ComparisonSink;
pub use survey::{DamagedFrames, FrameDamage, Survey, Surveying};

use std::{
    fs::File,
    io::{self, ErrorKind, IoSlice, Write},
    sync::{Mutex, PoisonError},
};

use rustix::io::pwritev;

use crate::{
    container::Layout,
    stage::{Frame, Sealed, Verified},
};

/// What frames in state `S` go to.
pub trait Sink<S>: Sync {
    /// Whether frames are to be written in the order of their indexes.
    const IN_TURN: bool;

    /// Writes frames that follow one another, at most [`MAX_HAND`] of them.
    ///
    /// # Errors
    ///
    /// What the output says.
    fn write(&self, frames: &[Frame<S>]) -> io::Result<()>;
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

/// An output that takes frames in turn.
pub struct OrderedSink<W>(Mutex<W>);

impl<W: Write + Send> OrderedSink<W> {
    /// Frames go to `writer`.
    pub fn new(writer: W) -> Self {
        Self(Mutex::new(writer))
    }

    /// The writer.
    pub fn into_inner(self) -> W {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S, W: Write + Send> Sink<S> for OrderedSink<W>
where
    Frame<S>: Outgoing,
{
    const IN_TURN: bool = true;

    fn write(&self, frames: &[Frame<S>]) -> io::Result<()> {
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        write_all(frames, |slices, _| writer.write_vectored(slices))
    }
}

/// A file of ours that takes frames at their places, in any order: sealed ones where the layout puts them, verified ones
/// at the offset in their tag.
pub struct PositionalSink<'a> {
    file: &'a File,
    layout: Layout,
}

impl<'a> PositionalSink<'a> {
    /// Frames of a stream of this layout go to `file`.
    pub fn new(file: &'a File, layout: Layout) -> Self {
        Self { file, layout }
    }
}

impl Sink<Sealed> for PositionalSink<'_> {
    const IN_TURN: bool = false;

    fn write(&self, frames: &[Frame<Sealed>]) -> io::Result<()> {
        let Some(first) = frames.first() else { return Ok(()) };
        self.write_at(frames, self.layout.frame_position(first.index()))
    }
}

impl Sink<Verified> for PositionalSink<'_> {
    const IN_TURN: bool = false;

    fn write(&self, frames: &[Frame<Verified>]) -> io::Result<()> {
        let Some(first) = frames.first() else { return Ok(()) };
        self.write_at(frames, first.tag().offset)
    }
}

impl PositionalSink<'_> {
    fn write_at<S>(&self, frames: &[Frame<S>], position: u64) -> io::Result<()>
    where
        Frame<S>: Outgoing,
    {
        // One call for all: writers of one file wait for each other at each.
        write_all(frames, |slices, written| Ok(pwritev(self.file, slices, position + written)?))
    }
}

/// Drops what it is given, in any order: for a run that is made for what its transform sees.
pub struct Discard;

impl<S> Sink<S> for Discard {
    const IN_TURN: bool = false;

    fn write(&self, _frames: &[Frame<S>]) -> io::Result<()> {
        Ok(())
    }
}

/// Writes the bytes of `frames` one after the other, with `write` from how many are written already.
fn write_all<S>(frames: &[Frame<S>], mut write: impl FnMut(&[IoSlice<'_>], u64) -> io::Result<usize>) -> io::Result<()>
where
    Frame<S>: Outgoing,
{
    let mut slices = [IoSlice::new(&[]); MAX_HAND];
    for (slice, frame) in slices.iter_mut().zip(frames) {
        *slice = IoSlice::new(frame.bytes());
    }
    let mut left = slices.get_mut(..frames.len()).unwrap_or_default();
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
