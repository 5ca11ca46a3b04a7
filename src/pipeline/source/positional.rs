//! Sources that read a regular file, each frame at its own position, so that workers read in parallel.

use std::{
    fs::File,
    io::{self, ErrorKind},
    ops::{Range, RangeInclusive},
    os::unix::fs::FileExt,
    sync::{Mutex, PoisonError},
};

use super::{FileSnapshot, Source, Taken};
use crate::{
    container::FrameSize,
    pipeline::{DamageListener, DamagedFrame, FrameDamage},
    stage::{Clear, Frame, FrameBuffer, FrameFault, Received},
    stream::{Clock, Ending, FrameMaker, StreamError, StreamFile},
};

/// A file of plaintext, as frames to be sealed.
pub struct PlaintextFile<'a> {
    file: &'a File,
    snapshot: FileSnapshot<'a>,
    hands: Hands,
    frame_size: FrameSize,
    maker: FrameMaker,
}

/// A file that holds a stream, as frames to be opened.
pub struct CiphertextFile<'a> {
    stream: StreamFile<&'a File>,
    hands: Hands,
    past_unreadable: Option<&'a dyn DamageListener>,
}

/// Frame indexes, dealt out in order.
struct Hands {
    first_index: u64,
    last_index: u64,
    next: Mutex<Next>,
}

struct Next {
    index: u64,
    hand: u64,
}

/// The frame indexes of one hand, and the time at which it was dealt.
struct Hand {
    number: u64,
    indexes: Range<u64>,
    time: i64,
}

impl Hands {
    fn new(indexes: RangeInclusive<u64>) -> Self {
        let (first_index, last_index) = indexes.into_inner();
        Self { first_index, last_index, next: Mutex::new(Next { index: first_index, hand: 0 }) }
    }

    /// How many indexes there are in all, dealt or not.
    fn count(&self) -> u64 {
        self.last_index - self.first_index + 1
    }

    /// The next indexes, at most `most`; `None` once all are dealt. Times never fall from hand to hand.
    fn deal(&self, most: usize, clock: &Clock) -> Option<Hand> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let left = (self.last_index + 1).checked_sub(next.index).filter(|&left| left > 0)?;
        let indexes = next.index..next.index + left.min(most as u64);
        let hand = Hand { number: next.hand, indexes, time: clock.now() };
        *next = Next { index: hand.indexes.end, hand: next.hand + 1 };
        Some(hand)
    }

    /// Fills `frames` with those of one hand, up to the first failure of `read`, which returns `None` for a frame to be
    /// skipped.
    fn take<S>(
        &self,
        hand: &Hand,
        empty: &mut Vec<FrameBuffer>,
        frames: &mut Vec<Frame<S>>,
        mut read: impl FnMut(FrameBuffer, u64) -> Result<Option<Frame<S>>, StreamError>,
    ) -> Option<Taken> {
        for index in hand.indexes.clone() {
            let buffer = empty.pop()?;
            match read(buffer, index) {
                Ok(frame) => frames.extend(frame),
                Err(error) => {
                    return Some(Taken { hand: hand.number, next_index: index, failure: Some(error), ends: false });
                }
            }
        }
        let next_index = hand.indexes.end;
        Some(Taken { hand: hand.number, next_index, failure: None, ends: next_index > self.last_index })
    }
}

impl<'a> PlaintextFile<'a> {
    /// The whole of `file` in frames of `frame_size`, with times from `clock`. `snapshot` is the file's state before
    /// reading began.
    ///
    /// # Errors
    ///
    /// [`StreamError::TooLong`] if the file is longer than the counter allows.
    pub fn new(
        file: &'a File,
        frame_size: FrameSize,
        clock: Clock,
        snapshot: FileSnapshot<'a>,
    ) -> Result<Self, StreamError> {
        let last_index = snapshot.size() / frame_size.payload() as u64;
        if last_index >= frame_size.max_frames() {
            return Err(StreamError::TooLong);
        }
        let (hands, maker) = (Hands::new(0..=last_index), FrameMaker::new(frame_size, clock));
        Ok(Self { file, snapshot, hands, frame_size, maker })
    }
}

impl Source<Clear> for PlaintextFile<'_> {
    fn take(&self, empty: &mut Vec<FrameBuffer>, frames: &mut Vec<Frame<Clear>>) -> Option<Taken> {
        let hand = self.hands.deal(empty.len(), self.maker.clock())?;
        let payload = self.frame_size.payload() as u64;
        let mut maker = self.maker.starting_at(hand.indexes.start, hand.time);
        self.hands.take(&hand, empty, frames, |mut buffer, index| {
            let offset = index * payload;
            let length = payload.min(self.snapshot.size() - offset) as usize;
            let area = buffer.payload_area().get_mut(..length).unwrap_or_default();
            read_exact_at(self.file, area, offset)?;
            let frame = if index == self.hands.last_index {
                maker.last(buffer, length, Ending::Finished)
            } else {
                maker.next(buffer, length)
            };
            frame.map(Some)
        })
    }

    fn most_frames(&self) -> Option<u64> {
        Some(self.hands.count())
    }

    fn confirm(&self) -> Result<(), StreamError> {
        self.snapshot.confirm()
    }

    fn interrupt(&self) {}
}

impl<'a> CiphertextFile<'a> {
    /// The frames of `stream`, up to the first that cannot be read.
    pub fn new(stream: StreamFile<&'a File>) -> Self {
        Self { hands: Hands::new(0..=stream.last_index()), stream, past_unreadable: None }
    }

    /// The frames of `stream` with these `indexes`, up to the first that cannot be read. `indexes` must not be empty.
    pub fn frames(stream: StreamFile<&'a File>, indexes: RangeInclusive<u64>) -> Self {
        Self { hands: Hands::new(indexes), ..Self::new(stream) }
    }

    /// The frames of `stream` that can be read; the others are reported to `listener`.
    pub fn past_unreadable(stream: StreamFile<&'a File>, listener: &'a dyn DamageListener) -> Self {
        Self { past_unreadable: Some(listener), ..Self::new(stream) }
    }

    /// Like [`CiphertextFile::past_unreadable`], up to the last frame that is long enough to be one. There must be at
    /// least one.
    pub fn salvaged(stream: StreamFile<&'a File>, listener: &'a dyn DamageListener) -> Self {
        let hands = Hands::new(0..=stream.frames().saturating_sub(1));
        Self { hands, ..Self::past_unreadable(stream, listener) }
    }

    fn read(&self, buffer: FrameBuffer, index: u64) -> Result<Option<Frame<Received>>, StreamError> {
        match (self.stream.read(buffer, index), self.past_unreadable) {
            (Err(StreamError::ReadFrame { index, error }), Some(listener)) => {
                let damage = FrameDamage::Unreadable { os_error: error.raw_os_error() };
                listener.on_damage(DamagedFrame { index, wire_length: self.stream.wire_length(index), damage });
                Ok(None)
            }
            (read, _) => read.map(Some),
        }
    }
}

impl Source<Received> for CiphertextFile<'_> {
    fn take(&self, empty: &mut Vec<FrameBuffer>, frames: &mut Vec<Frame<Received>>) -> Option<Taken> {
        let hand = self.hands.deal(empty.len(), &Clock::None)?;
        self.hands.take(&hand, empty, frames, |buffer, index| self.read(buffer, index))
    }

    fn most_frames(&self) -> Option<u64> {
        Some(self.hands.count())
    }

    /// A stream needs no check, except for bytes appended after its length was taken: these are refused here, as they
    /// would have been at the start.
    fn confirm(&self) -> Result<(), StreamError> {
        if self.stream.has_grown()? {
            return Err(StreamError::Frame { index: self.stream.last_index(), fault: FrameFault::Mac });
        }
        Ok(())
    }

    fn interrupt(&self) {}
}

/// Fills `area`. A file that ends too early has been truncated since its size was taken.
fn read_exact_at(file: &File, area: &mut [u8], position: u64) -> Result<(), StreamError> {
    file.read_exact_at(area, position).map_err(|error: io::Error| match error.kind() {
        ErrorKind::UnexpectedEof => StreamError::InputChanged,
        _ => StreamError::Read(error),
    })
}
