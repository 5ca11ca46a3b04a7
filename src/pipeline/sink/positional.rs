//! A sink that writes frames to a file, each at its own position.

use std::{fs::File, io};

use rustix::io::pwritev;

use super::{Outgoing, Sink, write_all};
use crate::{
    container::Layout,
    stage::{Frame, Sealed, Verified},
};

/// A file that takes frames in any order: sealed ones at the position that the layout gives them, verified ones at the
/// offset in their tag.
pub struct PositionalSink<'a> {
    file: &'a File,
    layout: Layout,
}

impl<'a> PositionalSink<'a> {
    /// A sink that writes frames of a stream with this layout to `file`.
    pub fn new(file: &'a File, layout: Layout) -> Self {
        Self { file, layout }
    }
}

impl Sink<Sealed> for PositionalSink<'_> {
    const IN_TURN: bool = false;

    fn write(&self, frames: &[Frame<Sealed>]) -> io::Result<()> {
        let Some(first) = frames.first() else { return Ok(()) };
        self.write_pieces(frames.iter().map(Outgoing::bytes), self.layout.frame_position(first.index()))
    }
}

impl Sink<Verified> for PositionalSink<'_> {
    const IN_TURN: bool = false;

    fn write(&self, frames: &[Frame<Verified>]) -> io::Result<()> {
        let Some(first) = frames.first() else { return Ok(()) };
        self.write_pieces(frames.iter().map(Outgoing::bytes), first.tag().offset)
    }
}

impl PositionalSink<'_> {
    /// Writes `pieces`, at most [`MAX_HAND`](super::MAX_HAND) of them, one after another from `position` on.
    pub(super) fn write_pieces<'a>(
        &self,
        pieces: impl ExactSizeIterator<Item = &'a [u8]>,
        position: u64,
    ) -> io::Result<()> {
        // One call for all of them: the writers of a file wait for each other at every call.
        write_all(pieces, |slices, written| Ok(pwritev(self.file, slices, position + written)?))
    }
}
