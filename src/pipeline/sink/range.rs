//! A sink that writes a range of the plaintext, and drops what the first and last frames hold outside it.

use std::{
    io::{self, Write},
    ops::Range,
};

use super::{OrderedSink, PositionalSink, Sink};
use crate::stage::{Frame, Verified};

/// A range of the plaintext, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaintextRange(pub Range<u64>);

impl PlaintextRange {
    /// The part of the payload of `frame` that is in the range.
    pub fn of<'a>(&self, frame: &'a Frame<Verified>) -> &'a [u8] {
        let Range { start, end } = self.0;
        let (offset, payload) = (frame.tag().offset, frame.payload());
        let within = |place: u64| place.saturating_sub(offset).min(payload.len() as u64) as usize;
        payload.get(within(start)..within(end)).unwrap_or_default()
    }

    /// Where that part begins, counted from the start of the range.
    fn position_of(&self, frame: &Frame<Verified>) -> u64 {
        frame.tag().offset.saturating_sub(self.0.start)
    }
}

/// Writes the part of each payload that is in a range, and drops the rest.
/// [`frames_of_range`](crate::pipeline::frames_of_range) has an example.
pub struct RangeSink<S> {
    sink: S,
    range: PlaintextRange,
}

impl<S> RangeSink<S> {
    /// Writes what is in `range` to `sink`: in order, or to a file whose first byte is the first of the range.
    pub fn new(sink: S, range: PlaintextRange) -> Self {
        Self { sink, range }
    }

    /// The sink.
    pub fn into_inner(self) -> S {
        self.sink
    }
}

impl<W: Write + Send> Sink<Verified> for RangeSink<OrderedSink<W>> {
    const IN_TURN: bool = true;

    fn write(&self, frames: &[Frame<Verified>]) -> io::Result<()> {
        self.sink.write_pieces(frames.iter().map(|frame| self.range.of(frame)))
    }

    fn delivered_bytes(&self, frame: &Frame<Verified>) -> u64 {
        self.range.of(frame).len() as u64
    }
}

impl Sink<Verified> for RangeSink<PositionalSink<'_>> {
    const IN_TURN: bool = false;

    fn write(&self, frames: &[Frame<Verified>]) -> io::Result<()> {
        let Some(first) = frames.first() else { return Ok(()) };
        self.sink.write_pieces(frames.iter().map(|frame| self.range.of(frame)), self.range.position_of(first))
    }

    fn delivered_bytes(&self, frame: &Frame<Verified>) -> u64 {
        self.range.of(frame).len() as u64
    }
}
