//! Live streams: what leaves, when, and how the stream ends.

use std::{
    io::{self, Read, Write},
    sync::{Arc, Mutex, atomic::AtomicI64, atomic::Ordering},
    time::Duration,
};

use super::{SIZE, chain, that_ends, workers};
use crate::{
    container::{Features, FrameTag},
    pipeline::{CiphertextSource, ConfirmedSource, Opening, OrderedSink, PlaintextSource, Sealing, Sink, Source},
    stage::{Clear, Frame, FrameBuffer, Sealed},
    stream::{Clock, DescriptorInput, Input, ReaderInput, Readiness, Wait},
};

const LIVE_AND_TIMED: Features = Features::LIVE.union(Features::TIMED);
/// Longer than any test runs.
const NEVER: Duration = Duration::from_secs(1 << 40);

/// Records the tags of the frames that are written to it, those of one hand together.
#[derive(Default)]
struct Tags(Mutex<Vec<Vec<FrameTag>>>);

impl Tags {
    fn into_tags(self) -> Vec<FrameTag> {
        self.0.into_inner().unwrap().concat()
    }
}

impl Sink<Sealed> for Tags {
    const IN_TURN: bool = true;

    fn write(&self, frames: &[Frame<Sealed>]) -> io::Result<()> {
        self.0.lock().unwrap().push(frames.iter().map(|frame| *frame.tag()).collect());
        Ok(())
    }
}

/// Always has more, a given number of bytes at a time, until all have been read. Counts how often it returned the end.
struct Pieces<'a> {
    lengths: &'a [usize],
    ends: usize,
}

impl Input for Pieces<'_> {
    fn readiness(&mut self, _wait: Wait) -> io::Result<Readiness> {
        Ok(Readiness::Ready)
    }

    fn read(&mut self, area: &mut [u8]) -> io::Result<usize> {
        let Some((length, rest)) = self.lengths.split_first() else {
            self.ends += 1;
            assert_eq!(self.ends, 1, "the end was read twice");
            return Ok(0);
        };
        self.lengths = rest;
        area[..*length].fill(7);
        Ok(*length)
    }
}

fn lengths(tags: &[FrameTag]) -> Vec<u32> {
    tags.iter().map(|tag| tag.length).collect()
}

/// The tags of a live stream of `input` with times from `clock`.
fn live_tags(input: impl Input, clock: Clock, max_delay: Duration, count: usize) -> Vec<FrameTag> {
    let chain = chain(Features::LIVE.union(clock.features()));
    let source = PlaintextSource::new(input, SIZE, clock, None).live(max_delay);
    let sink = Tags::default();
    workers(count).run(&source, &Sealing::new(&chain), &sink).unwrap();
    sink.into_tags()
}

#[test]
fn a_frame_that_is_not_full_leaves_though_its_writer_never_writes_again_and_is_opened_with_no_more_input() {
    that_ends(|| {
        let (reader, mut writer) = io::pipe().unwrap();
        let (sealed, sealed_end) = io::pipe().unwrap();
        let (mut opened, opened_end) = io::pipe().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let input = DescriptorInput::new(reader).unwrap();
                let source = PlaintextSource::new(input, SIZE, Clock::system(), None).live(Duration::from_millis(1));
                workers(2).run(&source, &Sealing::new(&chain(LIVE_AND_TIMED)), &OrderedSink::new(sealed_end)).unwrap();
            });
            scope.spawn(move || {
                let source = CiphertextSource::new(DescriptorInput::new(sealed).unwrap(), SIZE);
                let chain = chain(LIVE_AND_TIMED);
                workers(2).run(&source, &Opening::new(&chain), &OrderedSink::new(opened_end)).unwrap();
            });
            for piece in [b"a".as_slice(), b"few", b"bytes"] {
                writer.write_all(piece).unwrap();
                let mut area = vec![0; piece.len()];
                opened.read_exact(&mut area).unwrap();
                assert_eq!(area, piece);
            }
            drop(writer);
            assert_eq!(opened.read_to_end(&mut Vec::new()).unwrap(), 0);
        });
    });
}

#[test]
fn a_frame_that_is_due_leaves_even_if_there_is_always_more_to_read() {
    let input = Pieces { lengths: &[1, 2, 3, SIZE.payload(), 5], ends: 0 };
    let tags = live_tags(input, Clock::Fixed(5), Duration::ZERO, 1);
    assert_eq!(lengths(&tags), [1, 2, 3, SIZE.payload() as u32, 5, 0]);
}

#[test]
fn a_frame_that_is_not_due_is_filled() {
    let half = SIZE.payload() / 2;
    for count in [1, 3] {
        let input = Pieces { lengths: &[half, half, half, 1], ends: 0 };
        let tags = live_tags(input, Clock::Fixed(5), NEVER, count);
        assert_eq!(lengths(&tags), [2 * half as u32, half as u32 + 1, 0]);
    }
}

#[test]
fn each_frame_of_a_live_stream_leaves_on_its_own() {
    let full = SIZE.payload();
    let sealed = |live: bool| {
        let input = Pieces { lengths: &[full, full, full, 9], ends: 0 };
        let mut source = PlaintextSource::new(input, SIZE, Clock::Fixed(5), None);
        if live {
            source = source.live(NEVER);
        }
        let sink = Tags::default();
        let features = if live { LIVE_AND_TIMED } else { Features::TIMED };
        workers(1).run(&source, &Sealing::new(&chain(features)), &sink).unwrap();
        sink.0.into_inner().unwrap().iter().map(Vec::len).collect::<Vec<_>>()
    };
    assert_eq!(sealed(true), [1; 5]);
    let source = PlaintextSource::new(ReaderInput(io::empty()), SIZE, Clock::None, None).live(NEVER);
    assert_eq!(ConfirmedSource::new(source, || Ok(())).most_at_once(), 1);
    assert_eq!(sealed(false), [3, 1]);
}

#[test]
fn whole_frames_do_not_wait_for_one_that_dribbles_in() {
    let full = SIZE.payload();
    let input = Pieces { lengths: &[full, full, 1, 1, 1, full - 3], ends: 0 };
    let source = PlaintextSource::new(input, SIZE, Clock::None, None);
    let mut empty: Vec<_> = (0..9).map(|_| FrameBuffer::new(SIZE)).collect();
    let mut frames: Vec<Frame<Clear>> = Vec::new();
    for (count, next_index) in [(2, 2), (2, 4)] {
        frames.clear();
        let taken = source.take(&mut empty, &mut frames).unwrap();
        assert_eq!((frames.len(), taken.next_index), (count, next_index));
    }
}

#[test]
fn a_reader_that_cannot_say_whether_there_is_more_gives_a_frame_with_each_read() {
    let input = ReaderInput(b"one".chain(b"two!".as_slice()));
    assert_eq!(lengths(&live_tags(input, Clock::Fixed(5), NEVER, 1)), [3, 4, 0]);
}

#[test]
fn offsets_run_on_from_length_to_length_up_to_the_final_frame() {
    let tags = live_tags(ReaderInput(b"one".chain(b"two!".as_slice())), Clock::Fixed(5), NEVER, 2);
    assert_eq!(tags.iter().map(|tag| (tag.offset, tag.length)).collect::<Vec<_>>(), [(0, 3), (3, 4), (7, 0)]);
    assert_eq!(tags.iter().map(|tag| tag.flags.is_final()).collect::<Vec<_>>(), [false, false, true]);
}

#[test]
fn only_a_live_stream_with_times_ends_with_an_empty_frame() {
    for (clock, pieces, expected) in [
        (Clock::None, [3].as_slice(), [3].as_slice()),
        (Clock::Fixed(5), &[3], &[3, 0]),
        (Clock::None, &[], &[0]),
        (Clock::Fixed(5), &[], &[0]),
        (Clock::Fixed(5), &[SIZE.payload()], &[SIZE.payload() as u32, 0]),
    ] {
        for count in [1, 3] {
            let input = Pieces { lengths: pieces, ends: 0 };
            assert_eq!(lengths(&live_tags(input, clock.clone(), NEVER, count)), expected);
        }
    }
}

/// Reads of the given numbers of bytes, each of which sets the clock to the given time.
struct Clocked<'a> {
    last: Arc<AtomicI64>,
    reads: &'a [(i64, usize)],
}

impl Read for Clocked<'_> {
    fn read(&mut self, area: &mut [u8]) -> io::Result<usize> {
        let Some((&(time, length), rest)) = self.reads.split_first() else { return Ok(0) };
        self.reads = rest;
        self.last.store(time, Ordering::Relaxed);
        area[..length].fill(7);
        Ok(length)
    }
}

#[test]
fn a_live_frame_has_the_time_of_its_first_byte_and_the_last_payload_keeps_its_own() {
    // Ahead of the wall clock, so that the clock repeats the last time that it gave.
    let far = i64::MAX - 100;
    let last = Arc::new(AtomicI64::new(far));
    let clock = Clock::System(Arc::clone(&last));
    let reads = [(far + 1, 10), (far + 2, SIZE.payload()), (far + 3, 20), (far + 9, 0)];
    let tags = live_tags(ReaderInput(Clocked { last, reads: &reads }), clock, NEVER, 1);
    assert_eq!(lengths(&tags), [10, SIZE.payload() as u32, 20, 0]);
    assert_eq!(tags.iter().map(|tag| tag.time - far).collect::<Vec<_>>(), [1, 2, 3, 9]);
}
