//! Sources that read their input in order: pipes, sockets, terminals, and files that stand at an offset of their own.

use std::{
    mem,
    sync::{Mutex, PoisonError},
};

use super::{FileSnapshot, Source, Taken};
use crate::{
    container::{FrameSize, FrameTag, TagFlags},
    stage::{Clear, Frame, FrameBuffer, Received},
    stream::{Clock, Filled, Input, StreamError, Wait, fill},
};

/// Plaintext, read in order from `R`, as frames to be sealed.
pub struct PlaintextSource<'a, R> {
    frames: Mutex<FrameReader<R>>,
    frame_size: FrameSize,
    clock: Clock,
    snapshot: Option<FileSnapshot<'a>>,
}

/// The frames of a stream, read in order from `R`, to be opened.
pub struct CiphertextSource<'a, R> {
    frames: Mutex<FrameReader<R>>,
    frame_size: FrameSize,
    snapshot: Option<FileSnapshot<'a>>,
}

/// How far the input was read. A frame that is not ready yet waits here, half filled, for whoever comes next.
struct FrameReader<R> {
    input: R,
    buffer: FrameBuffer,
    filled: usize,
    /// When the first byte of the frame in `buffer` arrived.
    time: i64,
    index: u64,
    hand: u64,
    ended: bool,
}

/// What was read for one frame: its buffer, the bytes in it, and whether the input ended there.
struct Read {
    buffer: FrameBuffer,
    filled: usize,
    ended: bool,
}

impl<R: Input> FrameReader<R> {
    fn new(input: R, frame_size: FrameSize) -> Self {
        let buffer = FrameBuffer::new(frame_size);
        Self { input, buffer, filled: 0, time: 0, index: 0, hand: 0, ended: false }
    }

    /// Reads on until `area` of the buffer is full or the input ends, and hands the buffer out for `empty`'s last;
    /// `None` if, without waiting, it is not.
    fn read(
        &mut self,
        empty: &mut Vec<FrameBuffer>,
        area: impl FnOnce(&mut FrameBuffer) -> &mut [u8],
        clock: &Clock,
        wait: Wait,
    ) -> Result<Option<Read>, StreamError> {
        let arrived = || self.time = clock.now();
        let filled = fill(&mut self.input, area(&mut self.buffer), &mut self.filled, wait, arrived);
        let ended = match filled.map_err(StreamError::Read)? {
            Filled::NotReady => return Ok(None),
            Filled::Stopped => return Err(StreamError::Stopped),
            Filled::Full => false,
            Filled::Ended => true,
        };
        let Some(next) = empty.pop() else { return Ok(None) };
        let buffer = mem::replace(&mut self.buffer, next);
        Ok(Some(Read { buffer, filled: mem::take(&mut self.filled), ended }))
    }

    fn take<S>(
        &mut self,
        frame_size: FrameSize,
        empty: &mut Vec<FrameBuffer>,
        frames: &mut Vec<Frame<S>>,
        mut next: impl FnMut(&mut Self, &mut Vec<FrameBuffer>, Wait) -> Result<Option<Frame<S>>, StreamError>,
    ) -> Option<Taken> {
        if self.ended {
            return None;
        }
        let (hand, mut failure, mut wait) = (self.hand, None, Wait::ForInput);
        self.hand += 1;
        while !self.ended && !empty.is_empty() {
            let frame =
                if self.index < frame_size.max_frames() { next(self, empty, wait) } else { Err(StreamError::TooLong) };
            match frame {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => {
                    self.ended = true;
                    failure = Some(error);
                    break;
                }
            }
            self.index += 1;
            wait = Wait::Never;
        }
        let ends = self.ended && failure.is_none();
        Some(Taken { hand, next_index: self.index, failure, ends, unreadable: Vec::new() })
    }
}

impl<'a, R: Input> PlaintextSource<'a, R> {
    /// All of `input` in frames of `frame_size`, with times from `clock`. If the input is a file, `snapshot` is what
    /// it was before.
    pub fn new(input: R, frame_size: FrameSize, clock: Clock, snapshot: Option<FileSnapshot<'a>>) -> Self {
        Self { frames: Mutex::new(FrameReader::new(input, frame_size)), frame_size, clock, snapshot }
    }
}

impl<R: Input> Source<Clear> for PlaintextSource<'_, R> {
    fn take(&self, empty: &mut Vec<FrameBuffer>, frames: &mut Vec<Frame<Clear>>) -> Option<Taken> {
        let mut reader = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        reader.take(self.frame_size, empty, frames, |reader, empty, wait| {
            let Some(read) = reader.read(empty, FrameBuffer::payload_area, &self.clock, wait)? else { return Ok(None) };
            reader.ended = read.ended;
            // The time of the final frame is the end.
            let (flags, time) =
                if read.ended { (TagFlags::FINAL, self.clock.now()) } else { (TagFlags::NONE, reader.time) };
            let offset = reader.index * self.frame_size.payload() as u64;
            let tag = FrameTag { index: reader.index, time, offset, length: read.filled as u32, flags };
            Ok(Some(Frame::clear(read.buffer, tag)))
        })
    }

    fn confirm(&self) -> Result<(), StreamError> {
        self.snapshot.as_ref().map_or(Ok(()), FileSnapshot::confirm)
    }
}

impl<'a, R: Input> CiphertextSource<'a, R> {
    /// All of `input`, which stands behind the header, in frames of `frame_size`. If the input is a file, `snapshot`
    /// is what it was before.
    pub fn new(input: R, frame_size: FrameSize, snapshot: Option<FileSnapshot<'a>>) -> Self {
        Self { frames: Mutex::new(FrameReader::new(input, frame_size)), frame_size, snapshot }
    }
}

impl<R: Input> Source<Received> for CiphertextSource<'_, R> {
    fn take(&self, empty: &mut Vec<FrameBuffer>, frames: &mut Vec<Frame<Received>>) -> Option<Taken> {
        let mut reader = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        reader.take(self.frame_size, empty, frames, |reader, empty, wait| {
            let index = reader.index;
            let read = reader.read(empty, FrameBuffer::wire_area, &Clock::None, wait);
            let Some(read) = read.map_err(|error| error.in_frame(index))? else { return Ok(None) };
            reader.ended = read.ended;
            if read.filled == 0 {
                return Err(StreamError::EndBeforeFinalFrame { index });
            }
            Frame::received(read.buffer, index, read.filled).map(Some).ok_or(StreamError::CutFrame { index })
        })
    }

    fn confirm(&self) -> Result<(), StreamError> {
        self.snapshot.as_ref().map_or(Ok(()), FileSnapshot::confirm)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, os::unix::fs::FileExt, time::UNIX_EPOCH};

    use super::*;
    use crate::stream::ReaderInput;

    #[test]
    fn a_file_that_was_written_to_while_it_was_read_in_order_is_not_confirmed() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(b"frames", 0).unwrap();
        let input = || (ReaderInput(&file), Some(FileSnapshot::take(&file).unwrap()));
        let ((plaintext, before), (ciphertext, likewise)) = (input(), input());
        let sealing = PlaintextSource::new(plaintext, FrameSize::MIN, Clock::None, before);
        let opening = CiphertextSource::new(ciphertext, FrameSize::MIN, likewise);
        assert!(sealing.confirm().is_ok() && opening.confirm().is_ok());
        File::set_modified(&file, UNIX_EPOCH).unwrap();
        assert!(matches!(sealing.confirm(), Err(StreamError::InputChanged)));
        assert!(matches!(opening.confirm(), Err(StreamError::InputChanged)));
    }
}
