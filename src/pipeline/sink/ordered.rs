//! A sink that writes frames in turn, to any writer.

use std::{
    io::{self, Write},
    sync::{Mutex, PoisonError},
};

use super::{Outgoing, Sink, write_all};
use crate::stage::Frame;

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
