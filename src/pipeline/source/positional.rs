//! Sources that read a regular file, each frame at its own place, so that workers read side by side.

use std::{
    fs::File,
    io::{self, ErrorKind},
    os::unix::fs::FileExt,
    sync::{Mutex, PoisonError},
};

use super::{FileSnapshot, Source, Taken, Unreadable};
use crate::{
    container::{Extent, FrameSize, FrameTag, Layout, StreamCut, TagFlags},
    stage::{Chain, Clear, Frame, FrameBuffer, Received, Verified},
    stream::{Clock, StreamError},
};

/// A file of plaintext, as frames to be sealed.
pub struct PlaintextFile<'a> {
    file: &'a File,
    frames: Frames<'a>,
    frame_size: FrameSize,
    clock: Clock,
}

/// A file that holds a stream, as frames to be opened.
pub struct CiphertextFile<'a> {
    frames: Frames<'a>,
    stream: StreamFile<'a>,
    reads_on: bool,
}

/// A stream whose end is known: it stands in a file from `start` to the file's end.
#[derive(Clone, Copy)]
pub struct StreamFile<'a> {
    file: &'a File,
    start: u64,
    layout: Layout,
    extent: Extent,
}

struct Frames<'a> {
    snapshot: FileSnapshot<'a>,
    last_index: u64,
    next: Mutex<Next>,
}

#[derive(Default)]
struct Next {
    index: u64,
    hand: u64,
}

/// Indexes that a worker claimed, and the time of that.
struct Claim {
    first: u64,
    count: u64,
    hand: u64,
    time: i64,
}

impl<'a> Frames<'a> {
    fn new(snapshot: FileSnapshot<'a>, last_index: u64) -> Self {
        Self { snapshot, last_index, next: Mutex::default() }
    }

    fn claim(&self, most: usize, clock: &Clock) -> Option<Claim> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let left = (self.last_index + 1).checked_sub(next.index).filter(|&left| left > 0)?;
        let claim = Claim { first: next.index, count: left.min(most as u64), hand: next.hand, time: clock.now() };
        *next = Next { index: claim.first + claim.count, hand: claim.hand + 1 };
        Some(claim)
    }

    /// Fills the frames of one claim with `read`, up to the first failure that `passed_over` gives back.
    fn take<S>(
        &self,
        empty: &mut Vec<FrameBuffer>,
        frames: &mut Vec<Frame<S>>,
        clock: &Clock,
        read: impl Fn(FrameBuffer, u64, i64) -> Result<Frame<S>, StreamError>,
        passed_over: impl Fn(StreamError) -> Result<Unreadable, StreamError>,
    ) -> Option<Taken> {
        let claim = self.claim(empty.len(), clock)?;
        let (hand, mut unreadable) = (claim.hand, Vec::new());
        for index in claim.first..claim.first + claim.count {
            let buffer = empty.pop()?;
            match read(buffer, index, claim.time).map_err(&passed_over) {
                Ok(frame) => frames.push(frame),
                Err(Ok(frame)) => unreadable.push(frame),
                Err(Err(error)) => {
                    return Some(Taken { hand, next_index: index, failure: Some(error), ends: false, unreadable });
                }
            }
        }
        let next_index = claim.first + claim.count;
        Some(Taken { hand, next_index, failure: None, ends: next_index > self.last_index, unreadable })
    }
}

impl<'a> PlaintextFile<'a> {
    /// The whole of `file` in frames of `frame_size`, with times from `clock`.
    ///
    /// # Errors
    ///
    /// [`StreamError::TooLong`] if the file has more than one counter allows.
    pub fn new(
        file: &'a File,
        snapshot: FileSnapshot<'a>,
        frame_size: FrameSize,
        clock: Clock,
    ) -> Result<Self, StreamError> {
        let last_index = snapshot.size() / frame_size.payload() as u64;
        if last_index >= frame_size.max_frames() {
            return Err(StreamError::TooLong);
        }
        Ok(Self { frames: Frames::new(snapshot, last_index), file, frame_size, clock })
    }
}

impl Source<Clear> for PlaintextFile<'_> {
    fn take(&self, empty: &mut Vec<FrameBuffer>, frames: &mut Vec<Frame<Clear>>) -> Option<Taken> {
        let payload = self.frame_size.payload() as u64;
        let read = |mut buffer: FrameBuffer, index, time| {
            let offset = index * payload;
            let length = payload.min(self.frames.snapshot.size() - offset);
            let area = buffer.payload_area().get_mut(..length as usize).unwrap_or_default();
            read_exact_at(self.file, area, offset)?;
            let flags = if index == self.frames.last_index { TagFlags::FINAL } else { TagFlags::NONE };
            Ok(Frame::clear(buffer, FrameTag { index, time, offset, length: length as u32, flags }))
        };
        self.frames.take(empty, frames, &self.clock, read, Err)
    }

    fn confirm(&self) -> Result<(), StreamError> {
        self.frames.snapshot.confirm()
    }
}

impl<'a> StreamFile<'a> {
    /// The stream in `file`, of `size` bytes, that starts at `start` and has this layout.
    ///
    /// # Errors
    ///
    /// [`StreamError::EndBeforeFinalFrame`] or [`StreamError::CutFrame`] if its length shows that its end is missing.
    pub fn new(file: &'a File, size: u64, start: u64, layout: Layout) -> Result<Self, StreamError> {
        let extent = layout.extent(size.saturating_sub(start)).map_err(|StreamCut { index, at_boundary }| {
            if at_boundary { StreamError::EndBeforeFinalFrame { index } } else { StreamError::CutFrame { index } }
        })?;
        if extent.last_index >= layout.frame_size.max_frames() {
            return Err(StreamError::TooLong);
        }
        Ok(Self { file, start, layout, extent })
    }

    /// The final frame, authenticated: no size is believed before that, and a cut shows at once.
    ///
    /// # Errors
    ///
    /// [`StreamError`] of that frame, or of reading it.
    pub fn verify_final_frame(&self, chain: &Chain) -> Result<Frame<Verified>, StreamError> {
        self.verify_frame(self.extent.last_index, chain)
    }

    /// The first frame, authenticated.
    ///
    /// # Errors
    ///
    /// [`StreamError`] of that frame, or of reading it.
    pub fn verify_first_frame(&self, chain: &Chain) -> Result<Frame<Verified>, StreamError> {
        self.verify_frame(0, chain)
    }

    fn verify_frame(&self, index: u64, chain: &Chain) -> Result<Frame<Verified>, StreamError> {
        let frame = self.read(FrameBuffer::new(self.layout.frame_size), index)?;
        chain.open(frame).map_err(|fault| StreamError::Frame { index, fault })
    }

    fn read(&self, mut buffer: FrameBuffer, index: u64) -> Result<Frame<Received>, StreamError> {
        let length = self.wire_length(index);
        let position = self.start + self.layout.frame_position(index);
        let area = buffer.wire_area().get_mut(..length).unwrap_or_default();
        read_exact_at(self.file, area, position).map_err(|error| error.in_frame(index))?;
        Frame::received(buffer, index, length).ok_or(StreamError::CutFrame { index })
    }

    fn wire_length(&self, index: u64) -> usize {
        if index == self.extent.last_index { self.extent.last_wire } else { self.layout.frame_size.wire() }
    }
}

impl<'a> CiphertextFile<'a> {
    /// The frames of `stream`.
    pub fn new(stream: StreamFile<'a>, snapshot: FileSnapshot<'a>) -> Self {
        Self { frames: Frames::new(snapshot, stream.extent.last_index), stream, reads_on: false }
    }

    /// Reads on behind frames that cannot be read, and only names them: for a survey.
    #[must_use]
    pub fn past_unreadable_frames(mut self) -> Self {
        self.reads_on = true;
        self
    }

    fn passed_over(&self, error: StreamError) -> Result<Unreadable, StreamError> {
        match error {
            StreamError::ReadFrame { index, error } if self.reads_on => {
                Ok(Unreadable { index, wire: self.stream.wire_length(index), error })
            }
            error => Err(error),
        }
    }
}

impl Source<Received> for CiphertextFile<'_> {
    fn take(&self, empty: &mut Vec<FrameBuffer>, frames: &mut Vec<Frame<Received>>) -> Option<Taken> {
        let read = |buffer, index, _| self.stream.read(buffer, index);
        self.frames.take(empty, frames, &Clock::None, read, |error| self.passed_over(error))
    }

    fn confirm(&self) -> Result<(), StreamError> {
        self.frames.snapshot.confirm()
    }
}

/// Fills `area`; a file that ends too early has shrunk since its size was taken.
fn read_exact_at(file: &File, area: &mut [u8], position: u64) -> Result<(), StreamError> {
    file.read_exact_at(area, position).map_err(|error: io::Error| match error.kind() {
        ErrorKind::UnexpectedEof => StreamError::InputChanged,
        _ => StreamError::Read(error),
    })
}
