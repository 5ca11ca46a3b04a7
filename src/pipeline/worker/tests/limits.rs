//! How much a run takes at once, and at most.

use std::{io, num::NonZero, sync::Mutex};

use super::{HAND, SIZE, chain, workers};
use crate::{
    container::{Features, FrameSize, HeaderLength, Layout},
    pipeline::{FileSnapshot, PlaintextFile, PlaintextSource, Sealing, Sink, Source, Taken, Workers},
    stage::{Clear, Frame, FrameBuffer, Sealed},
    stream::{Clock, DescriptorInput, ReaderInput, StreamError, StreamFile},
};

#[test]
fn a_hand_is_half_a_mebibyte_of_frames_and_at_least_one() {
    for (log2, expected) in [(12, 126), (13, 63), (16, 7), (18, 1), (24, 1)] {
        let size = FrameSize::from_log2(log2).unwrap();
        assert_eq!(Workers::bytes_each(size), expected * size.wire(), "2^{log2}");
    }
}

#[test]
fn the_buffers_of_all_workers_stay_within_256_mib() {
    for log2 in 12..=24 {
        let size = FrameSize::from_log2(log2).unwrap();
        let workers = Workers::new(NonZero::new(100_000).unwrap(), size);
        let bytes = workers.count * Workers::bytes_each(size);
        assert!(bytes <= 256 << 20 && bytes + Workers::bytes_each(size) > 256 << 20, "2^{log2}: {bytes}");
        assert_eq!(Workers::new(NonZero::new(3).unwrap(), size).count, 3);
    }
}

/// Records how many frames are written to it at once.
struct Hands(Mutex<Vec<usize>>);

impl Sink<Sealed> for Hands {
    const IN_TURN: bool = true;

    fn write(&self, frames: &[Frame<Sealed>]) -> std::io::Result<()> {
        self.0.lock().unwrap().push(frames.len());
        Ok(())
    }
}

#[test]
fn a_file_is_sealed_in_whole_hands() {
    let file = tempfile::tempfile().unwrap();
    file.set_len(300 * SIZE.payload() as u64).unwrap();
    let snapshot = FileSnapshot::take(&file).unwrap();
    let source = PlaintextFile::new(&file, SIZE, Clock::None, snapshot).unwrap();
    let sink = Hands(Mutex::default());
    workers(1).run(&source, &Sealing::new(&chain(Features::NONE)), &sink).unwrap();
    assert_eq!(sink.0.into_inner().unwrap(), [HAND as usize, HAND as usize, 301 - 2 * HAND as usize]);
}

/// Records how many buffers it gets at once, and fills one of them.
struct Counting<S> {
    source: S,
    given: Mutex<Vec<usize>>,
}

impl<S: Source<Clear>> Source<Clear> for Counting<S> {
    fn take(&self, empty: &mut Vec<FrameBuffer>, frames: &mut Vec<Frame<Clear>>) -> Option<Taken> {
        self.given.lock().unwrap().push(empty.len());
        self.source.take(empty, frames)
    }

    fn most_frames(&self) -> Option<u64> {
        self.source.most_frames()
    }

    fn confirm(&self) -> Result<(), StreamError> {
        self.source.confirm()
    }

    fn interrupt(&self) {
        self.source.interrupt();
    }
}

#[test]
fn no_more_buffers_are_made_than_a_file_has_frames_however_it_is_read() {
    fn given(source: impl Source<Clear>) -> Vec<usize> {
        let counting = Counting { source, given: Mutex::default() };
        workers(1).run(&counting, &Sealing::new(&chain(Features::NONE)), &Hands(Mutex::default())).unwrap();
        counting.given.into_inner().unwrap()
    }
    for (length, buffers) in [(1, 1), (SIZE.payload() as u64, 2), (3 * SIZE.payload() as u64 - 1, 3)] {
        let file = tempfile::tempfile().unwrap();
        file.set_len(length).unwrap();
        let snapshot = || FileSnapshot::take(&file).unwrap();
        let at_places = PlaintextFile::new(&file, SIZE, Clock::None, snapshot()).unwrap();
        assert_eq!(given(at_places).first(), Some(&buffers), "{length}");
        let in_order = PlaintextSource::new(DescriptorInput::new(&file).unwrap(), SIZE, Clock::None, Some(snapshot()));
        assert_eq!(given(in_order).first(), Some(&buffers), "{length}");
    }
    let of_unknown_length = PlaintextSource::new(ReaderInput(io::empty()), SIZE, Clock::None, None);
    assert_eq!(given(of_unknown_length).first(), Some(&(HAND as usize)));
}

#[test]
fn a_file_that_grew_is_read_to_its_end_with_the_buffers_for_its_former_size() {
    let file = tempfile::tempfile().unwrap();
    file.set_len(1).unwrap();
    let source = |snapshot| PlaintextSource::new(DescriptorInput::new(&file).unwrap(), SIZE, Clock::None, snapshot);
    let snapshot = FileSnapshot::take(&file).unwrap();
    file.set_len(5 * SIZE.payload() as u64).unwrap();
    let sink = Hands(Mutex::default());
    let refused = workers(1).run(&source(Some(snapshot)), &Sealing::new(&chain(Features::NONE)), &sink).unwrap_err();
    assert!(matches!(refused, StreamError::InputChanged));
    assert_eq!(sink.0.into_inner().unwrap(), [1, 1, 1, 1, 1, 0]);
}

#[test]
fn a_file_longer_than_one_counter_allows_is_neither_sealed_nor_opened() {
    let most = SIZE.max_frames() * SIZE.payload() as u64;
    // A file in memory may have any length if it is all one hole.
    let file = std::fs::File::from(rustix::fs::memfd_create("sparse", rustix::fs::MemfdFlags::CLOEXEC).unwrap());
    for (length, fits) in [(most - 1, true), (most, false), (most + 1, false)] {
        file.set_len(length).unwrap();
        let source = PlaintextFile::new(&file, SIZE, Clock::None, FileSnapshot::take(&file).unwrap());
        assert_eq!(source.is_ok(), fits, "{length}");
        assert!(fits || matches!(source.err(), Some(StreamError::TooLong)));
    }
    let layout = Layout { frame_size: SIZE, header_length: HeaderLength::MIN };
    for (frames, fits) in [(SIZE.max_frames() - 1, true), (SIZE.max_frames(), false)] {
        let stream = StreamFile::new(&file, layout.frame_position(frames) + 64, 0, layout);
        let read = stream.read(FrameBuffer::new(SIZE), frames);
        assert_eq!((stream.check_length().is_ok(), matches!(read, Err(StreamError::TooLong))), (fits, !fits));
    }
}
