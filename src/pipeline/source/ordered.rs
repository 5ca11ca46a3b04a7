//! Sources that read their input in order: pipes, sockets, terminals, and files from their current position on.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{FileSnapshot, Source, Taken};
use crate::{
    container::FrameSize,
    mutex::lock,
    stage::{Clear, Frame, FrameBuffer, Received},
    stream::{Clock, FrameReader, Input, PlaintextFrames, Stop, StreamError, Wait},
};

/// Plaintext, read in order from `R`, as frames to be sealed.
pub struct PlaintextSource<'a, R> {
    frames: Mutex<Dealer<PlaintextFrames<R>>>,
    stop: Option<Arc<Stop>>,
    snapshot: Option<FileSnapshot<'a>>,
    frame_size: FrameSize,
    live: bool,
}

/// The frames of a stream, read in order from `R`, to be opened.
pub struct CiphertextSource<R> {
    frames: Mutex<Dealer<FrameReader<R>>>,
    stop: Option<Arc<Stop>>,
}

/// Frames that follow one another.
trait Frames<S> {
    /// The next frame, in a buffer of `empty`; `None` if it has not all arrived and `wait` says not to wait for it.
    fn next(&mut self, empty: &mut Vec<FrameBuffer>, wait: Wait) -> Result<Option<Frame<S>>, StreamError>;

    /// Whether the frame just given is the last one.
    fn have_ended(&self) -> bool;
}

impl<R: Input> Frames<Clear> for PlaintextFrames<R> {
    fn next(&mut self, empty: &mut Vec<FrameBuffer>, wait: Wait) -> Result<Option<Frame<Clear>>, StreamError> {
        self.next(empty, wait)
    }

    fn have_ended(&self) -> bool {
        self.has_ended()
    }
}

impl<R: Input> Frames<Received> for FrameReader<R> {
    fn next(&mut self, empty: &mut Vec<FrameBuffer>, wait: Wait) -> Result<Option<Frame<Received>>, StreamError> {
        self.next(empty, wait)
    }

    fn have_ended(&self) -> bool {
        self.has_ended()
    }
}

/// Deals out frames in hands.
struct Dealer<F> {
    frames: F,
    next_index: u64,
    hand: u64,
    ended: bool,
}

impl<F> Dealer<F> {
    fn new(frames: F) -> Mutex<Self> {
        Mutex::new(Self { frames, next_index: 0, hand: 0, ended: false })
    }

    fn deal<S>(&mut self, empty: &mut Vec<FrameBuffer>, frames: &mut Vec<Frame<S>>) -> Option<Taken>
    where
        F: Frames<S>,
    {
        if self.ended {
            return None;
        }
        let (hand, most) = (self.hand, empty.len());
        let (mut failure, mut wait) = (None, Wait::ForInput);
        self.hand += 1;
        while !self.ended && frames.len() < most {
            match self.frames.next(empty, wait) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => {
                    self.ended = true;
                    failure = Some(error);
                    break;
                }
            }
            self.next_index += 1;
            self.ended = self.frames.have_ended();
            wait = Wait::Never;
        }
        let ends = self.ended && failure.is_none();
        Some(Taken { hand, next_index: self.next_index, failure, ends })
    }
}

impl<'a, R: Input> PlaintextSource<'a, R> {
    /// All of `input` in frames of `frame_size`, with times from `clock`. If the input is a file, `snapshot` is its
    /// state before reading began.
    pub fn new(input: R, frame_size: FrameSize, clock: Clock, snapshot: Option<FileSnapshot<'a>>) -> Self {
        let stop = input.stop();
        let frames = Dealer::new(PlaintextFrames::new(input, frame_size, clock));
        Self { frames, stop, snapshot, frame_size, live: false }
    }

    /// Makes the frames of a live stream: each leaves once it is full or `max_delay` has passed since its first byte
    /// arrived, whichever comes first. Needs a chain of a stream that is [live](crate::container::Features::LIVE).
    #[must_use]
    pub fn live(mut self, max_delay: Duration) -> Self {
        self.frames.get_mut().unwrap_or_else(PoisonError::into_inner).frames.set_live(max_delay);
        Self { live: true, ..self }
    }
}

impl<R: Input> Source<Clear> for PlaintextSource<'_, R> {
    fn take(&self, empty: &mut Vec<FrameBuffer>, frames: &mut Vec<Frame<Clear>>) -> Option<Taken> {
        lock(&self.frames).deal(empty, frames)
    }

    /// As many as a file of the size in the snapshot has. A file that claims to be empty may contain anything, and live
    /// frames may be short.
    fn most_frames(&self) -> Option<u64> {
        if self.live {
            return None;
        }
        let size = self.snapshot.as_ref().map(FileSnapshot::size).filter(|&size| size > 0)?;
        Some(size / self.frame_size.payload() as u64 + 1)
    }

    fn most_at_once(&self) -> usize {
        if self.live { 1 } else { usize::MAX }
    }

    fn confirm(&self) -> Result<(), StreamError> {
        self.snapshot.as_ref().map_or(Ok(()), FileSnapshot::confirm)
    }

    fn interrupt(&self) {
        self.stop.iter().for_each(|stop| stop.request());
    }
}

impl<R: Input> CiphertextSource<R> {
    /// All of `input`, from the end of the header on, in frames of `frame_size`.
    pub fn new(input: R, frame_size: FrameSize) -> Self {
        let stop = input.stop();
        Self { frames: Dealer::new(FrameReader::new(input, frame_size)), stop }
    }
}

impl<R: Input> Source<Received> for CiphertextSource<R> {
    fn take(&self, empty: &mut Vec<FrameBuffer>, frames: &mut Vec<Frame<Received>>) -> Option<Taken> {
        lock(&self.frames).deal(empty, frames)
    }

    /// A stream needs no check: its frames are authenticated.
    fn confirm(&self) -> Result<(), StreamError> {
        Ok(())
    }

    fn interrupt(&self) {
        self.stop.iter().for_each(|stop| stop.request());
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, os::unix::fs::FileExt, time::UNIX_EPOCH};

    use super::*;
    use crate::stream::ReaderInput;

    #[test]
    fn a_plaintext_file_that_was_written_to_while_it_was_read_in_order_is_not_confirmed() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(b"frames", 0).unwrap();
        let before = Some(FileSnapshot::take(&file).unwrap());
        let source = PlaintextSource::new(ReaderInput(&file), FrameSize::MIN, Clock::None, before);
        assert!(source.confirm().is_ok());
        File::set_modified(&file, UNIX_EPOCH).unwrap();
        assert!(matches!(source.confirm(), Err(StreamError::InputChanged)));
    }
}
