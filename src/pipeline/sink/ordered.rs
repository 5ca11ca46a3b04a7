//! A sink that writes frames in order, to any writer.

use std::{
    io::{self, Write},
    sync::{Mutex, PoisonError},
};

use super::{Outgoing, Sink, write_all};
use crate::stage::Frame;

/// An output that takes frames in order.
pub struct OrderedSink<W>(Mutex<W>);

impl<W: Write + Send> OrderedSink<W> {
    /// A sink that writes frames to `writer`.
    pub fn new(writer: W) -> Self {
        Self(Mutex::new(writer))
    }

    /// Writes `pieces`, at most [`MAX_HAND`](super::MAX_HAND) of them.
    pub(super) fn write_pieces<'a>(&self, pieces: impl ExactSizeIterator<Item = &'a [u8]>) -> io::Result<()> {
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        write_all(pieces, |slices, _| writer.write_vectored(slices))
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
        self.write_pieces(frames.iter().map(Outgoing::bytes))
    }
}
