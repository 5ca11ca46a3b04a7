//! Once a run is under way, frames cost no allocations.

use std::{io, num::NonZero, os::unix::fs::FileExt, time::Duration};

use reelseal::{
    container::{Features, FrameSize, HeaderLength, IV_LENGTH, Layout, Prefix},
    keys::{Key, StageKeys},
    pipeline::{CiphertextFile, Opening, OrderedSink, PlaintextSource, PositionalSink, Sealing, SurveySink, Workers},
    stage::Chain,
    stream::{Clock, Input, ReaderInput, Readiness, StreamFile, Wait},
};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

// Small enough that even 100 frames make several hands.
const SIZE: FrameSize = FrameSize::from_log2(14).expect("16 KiB is within bounds");
const LAYOUT: Layout = Layout { frame_size: SIZE, header_length: HeaderLength::MIN };

fn allocations(work: impl FnOnce()) -> u64 {
    let before = dhat::HeapStats::get().total_blocks;
    work();
    dhat::HeapStats::get().total_blocks - before
}

/// Gives 100 bytes with each read.
struct Hundreds<R>(ReaderInput<R>);

impl<R: io::Read + Send> Input for Hundreds<R> {
    fn readiness(&mut self, wait: Wait) -> io::Result<Readiness> {
        self.0.readiness(wait)
    }

    fn read(&mut self, area: &mut [u8]) -> io::Result<usize> {
        self.0.read(&mut area[..100])
    }
}

// A single test, since the counter is for the whole process.
#[test]
fn a_run_of_100_frames_allocates_as_often_as_one_of_10_000() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let prefix = Prefix { frame_size: SIZE, features: Features::NONE, iv: [7; IV_LENGTH] };
    let chain = Chain::new(&StageKeys::derive(&Key::from_bytes([1; 32]), &prefix), &prefix);
    let workers = Workers::new(NonZero::new(2).unwrap(), SIZE);
    let sealed = |frames: u64| {
        let input = ReaderInput(io::Read::take(io::repeat(7), frames * SIZE.payload() as u64));
        PlaintextSource::new(input, SIZE, Clock::None, None)
    };

    let seal = |frames| {
        allocations(|| workers.run(&sealed(frames), &Sealing::new(&chain), &OrderedSink::new(io::sink())).unwrap())
    };
    seal(100);
    assert_eq!(seal(100), seal(10_000), "sealing in order");

    let live_features = Features::LIVE.union(Features::TIMED);
    let live_prefix = Prefix { features: live_features, ..prefix };
    let live_chain = Chain::new(&StageKeys::derive(&Key::from_bytes([1; 32]), &live_prefix), &live_prefix);
    let seal_live = |frames: u64| {
        let input = ReaderInput(io::Read::take(io::repeat(7), frames * 100));
        let source = PlaintextSource::new(Hundreds(input), SIZE, Clock::system(), None).live(Duration::ZERO);
        allocations(|| workers.run(&source, &Sealing::new(&live_chain), &OrderedSink::new(io::sink())).unwrap())
    };
    assert_eq!(seal_live(100), seal_live(10_000), "sealing live");

    let open = |frames| {
        let file = tempfile::tempfile().unwrap();
        workers.run(&sealed(frames), &Sealing::new(&chain), &PositionalSink::new(&file, LAYOUT)).unwrap();
        let output = tempfile::tempfile().unwrap();
        let source = CiphertextFile::new(StreamFile::new(&file, file.metadata().unwrap().len(), 0, LAYOUT));
        let opening = Opening::new(&chain);
        let counted = allocations(|| workers.run(&source, &opening, &PositionalSink::new(&output, LAYOUT)).unwrap());
        let mut last = [0];
        output.read_exact_at(&mut last, frames * SIZE.payload() as u64 - 1).unwrap();
        assert_eq!(last, [7]);
        counted
    };
    assert_eq!(open(100), open(10_000), "opening at places");

    let survey = |frames| {
        let file = tempfile::tempfile().unwrap();
        workers.run(&sealed(frames), &Sealing::new(&chain), &PositionalSink::new(&file, LAYOUT)).unwrap();
        let stream = StreamFile::new(&file, file.metadata().unwrap().len(), 0, LAYOUT);
        let sink = SurveySink::default();
        let opening = Opening::across_gaps(&chain);
        let counted = {
            let source = CiphertextFile::past_unreadable(stream, &sink);
            allocations(|| workers.run(&source, &opening, &sink).unwrap())
        };
        assert_eq!(sink.into_survey().sound, frames + 1);
        counted
    };
    assert_eq!(survey(100), survey(10_000), "surveying");
}
