//! How much a run takes at once, and at most.

use std::{num::NonZero, sync::Mutex};

use super::{HAND, SIZE, chain, workers};
use crate::{
    container::{Features, FrameSize, HeaderLength, Layout},
    pipeline::{FileSnapshot, PlaintextFile, Sealing, Sink, Workers},
    stage::{Frame, FrameBuffer, Sealed},
    stream::{Clock, StreamError, StreamFile},
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

/// Notes how many frames it is given at once.
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
    let source = PlaintextFile::new(&file, snapshot, SIZE, Clock::None).unwrap();
    let sink = Hands(Mutex::default());
    workers(1).run(&source, &Sealing(&chain(Features::NONE)), &sink).unwrap();
    assert_eq!(sink.0.into_inner().unwrap(), [HAND as usize, HAND as usize, 301 - 2 * HAND as usize]);
}

#[test]
fn a_file_of_more_than_one_counter_allows_is_neither_sealed_nor_opened() {
    let most = SIZE.max_frames() * SIZE.payload() as u64;
    // In memory, a file may be of any length as long as nothing is in it.
    let file = std::fs::File::from(rustix::fs::memfd_create("sparse", rustix::fs::MemfdFlags::CLOEXEC).unwrap());
    for (length, fits) in [(most - 1, true), (most, false), (most + 1, false)] {
        file.set_len(length).unwrap();
        let source = PlaintextFile::new(&file, FileSnapshot::take(&file).unwrap(), SIZE, Clock::None);
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
