//! The ends of a run: what frames come from and what they go to.

use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::FileExt,
    sync::{Mutex, PoisonError},
};

use super::{
    Clock, Input, PipelineError,
    input::{Filled, Wait, fill},
};
use crate::{
    container::{FrameSize, FrameTag, Layout, TagFlags},
    stage::{Clear, Frame, FrameBuffer, Received, Sealed, Verified},
};

/// A hand of frames that a worker took.
pub struct Taken {
    /// The hand's number, from 0.
    pub hand: u64,
    /// The index that a failure of the source has, if there is one: right behind the frames of the hand.
    pub failure: Option<PipelineError>,
}

/// What frames in state `S` come from, in order of their indexes.
pub trait Source<S>: Sync {
    /// Fills the buffers in `empty` and moves them to `frames`; `None` once there is nothing more.
    fn take(&self, empty: &mut Vec<FrameBuffer>, frames: &mut Vec<Frame<S>>) -> Option<Taken>;
}

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

/// How far a source that is read in order has come.
struct Progress<R> {
    reader: R,
    hand: u64,
    index: u64,
    ended: bool,
}

impl<R: Input> Progress<R> {
    fn new(reader: R) -> Mutex<Self> {
        Mutex::new(Self { reader, hand: 0, index: 0, ended: false })
    }

    /// Reads until `area` is full or the input ends; `started` is called when the first byte has arrived.
    fn fill(&mut self, area: &mut [u8], mut started: impl FnMut()) -> Result<usize, PipelineError> {
        let mut filled = 0;
        let first = area.get_mut(..1).unwrap_or_default();
        let mut state = fill(&mut self.reader, first, &mut filled, Wait::ForInput).map_err(PipelineError::Read)?;
        if state == Filled::Full {
            started();
            state = fill(&mut self.reader, area, &mut filled, Wait::ForInput).map_err(PipelineError::Read)?;
        }
        if state == Filled::Stopped { Err(PipelineError::Stopped) } else { Ok(filled) }
    }

    fn take<S>(
        &mut self,
        frame_size: FrameSize,
        empty: &mut Vec<FrameBuffer>,
        frames: &mut Vec<Frame<S>>,
        mut next: impl FnMut(&mut Self, FrameBuffer) -> Result<Frame<S>, PipelineError>,
    ) -> Option<Taken> {
        if self.ended {
            return None;
        }
        let hand = self.hand;
        self.hand += 1;
        // A plain reader does not tell whether more is ready: a second frame is never waited for.
        let buffer = empty.pop()?;
        let frame =
            if self.index >= frame_size.max_frames() { Err(PipelineError::TooLong) } else { next(self, buffer) };
        self.index += 1;
        match frame {
            Ok(frame) => {
                frames.push(frame);
                Some(Taken { hand, failure: None })
            }
            Err(failure) => {
                self.ended = true;
                Some(Taken { hand, failure: Some(failure) })
            }
        }
    }
}

/// Plaintext, read in order from `R`, as frames to be sealed.
pub struct PlaintextSource<R> {
    progress: Mutex<Progress<R>>,
    frame_size: FrameSize,
    clock: Clock,
}

impl<R: Input> PlaintextSource<R> {
    /// All of `reader` in frames of `frame_size`, with times from `clock`.
    pub fn new(reader: R, frame_size: FrameSize, clock: Clock) -> Self {
        Self { progress: Progress::new(reader), frame_size, clock }
    }
}

impl<R: Input> Source<Clear> for PlaintextSource<R> {
    fn take(&self, empty: &mut Vec<FrameBuffer>, frames: &mut Vec<Frame<Clear>>) -> Option<Taken> {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let payload = self.frame_size.payload();
        progress.take(self.frame_size, empty, frames, |progress, mut buffer| {
            let (index, mut time) = (progress.index, 0);
            let length = progress.fill(buffer.payload_area(), || time = self.clock.now())?;
            let mut flags = TagFlags::NONE;
            if length < payload {
                // The time of the final frame is the end.
                (progress.ended, flags, time) = (true, TagFlags::FINAL, self.clock.now());
            }
            let offset = index * payload as u64;
            Ok(Frame::clear(buffer, FrameTag { index, time, offset, length: length as u32, flags }))
        })
    }
}

/// The frames of a stream, read in order from `R`, to be opened.
pub struct CiphertextSource<R> {
    progress: Mutex<Progress<R>>,
    frame_size: FrameSize,
}

impl<R: Input> CiphertextSource<R> {
    /// All of `reader`, which stands behind the header, in frames of `frame_size`.
    pub fn new(reader: R, frame_size: FrameSize) -> Self {
        Self { progress: Progress::new(reader), frame_size }
    }
}

impl<R: Input> Source<Received> for CiphertextSource<R> {
    fn take(&self, empty: &mut Vec<FrameBuffer>, frames: &mut Vec<Frame<Received>>) -> Option<Taken> {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.take(self.frame_size, empty, frames, |progress, mut buffer| {
            let index = progress.index;
            let length = progress.fill(buffer.wire_area(), || {})?;
            progress.ended = length < self.frame_size.wire();
            if length == 0 {
                return Err(PipelineError::EndBeforeFinalFrame { index });
            }
            Frame::received(buffer, index, length).ok_or(PipelineError::CutFrame { index })
        })
    }
}

/// The bytes that a frame has for an output; only for the two states that may leave.
pub trait Outgoing {
    /// A sealed frame's wire bytes, a verified frame's payload.
    fn bytes(&self) -> &[u8];
}

impl Outgoing for Frame<Sealed> {
    fn bytes(&self) -> &[u8] {
        self.wire()
    }
}

impl Outgoing for Frame<Verified> {
    fn bytes(&self) -> &[u8] {
        self.payload()
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

/// A file of ours that takes sealed frames at their places, in any order.
pub struct PositionalSink<'a> {
    file: &'a File,
    layout: Layout,
}

impl<'a> PositionalSink<'a> {
    /// Frames go to `file`, which is to hold a stream of this layout.
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
