//! What a run gives frames to.

use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::FileExt,
    sync::{Mutex, PoisonError},
};

use crate::{
    container::Layout,
    stage::{Frame, Sealed, Verified},
};

/// What frames in state `S` go to.
pub trait Sink<S>: Sync {
    /// Whether frames are to be written in the order of their indexes.
    const IN_TURN: bool;

    /// Writes one frame.
    ///
    /// # Errors
    ///
    /// What the output says.
    fn write(&self, frame: &Frame<S>) -> io::Result<()>;
}

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

    fn write(&self, frame: &Frame<S>) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(frame.bytes())
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

    fn write(&self, frame: &Frame<Sealed>) -> io::Result<()> {
        self.file.write_all_at(frame.wire(), self.layout.frame_position(frame.index()))
    }
}

impl Sink<Verified> for PositionalSink<'_> {
    const IN_TURN: bool = false;

    fn write(&self, frame: &Frame<Verified>) -> io::Result<()> {
        self.file.write_all_at(frame.payload(), frame.tag().offset)
    }
}
