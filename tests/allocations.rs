//! Once a run is under way, no frame costs an allocation.

use std::{io, num::NonZero, os::unix::fs::FileExt};

use reelseal::{
    container::{Features, FrameSize, HeaderLength, IV_LENGTH, Layout, Prefix},
    keys::{Key, StageKeys},
    pipeline::{CiphertextFile, Opening, OrderedSink, PlaintextSource, PositionalSink, Sealing, SurveySink, Workers},
    stage::Chain,
    stream::{Clock, ReaderInput, StreamFile},
};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

// Several hands even in 100 frames.
const SIZE: FrameSize = FrameSize::from_log2(14).expect("16 KiB is within bounds");
const LAYOUT: Layout = Layout { frame_size: SIZE, header_length: HeaderLength::MIN };

fn allocations(work: impl FnOnce()) -> u64 {
    let before = dhat::HeapStats::get().total_blocks;
    work();
    dhat::HeapStats::get().total_blocks - before
}

// One test, as the counter is the whole process's.
#[test]
fn a_run_of_100_frames_allocates_as_often_as_one_of_10_000() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let prefix = Prefix { frame_size: SIZE, features: Features::NONE, iv: [7; IV_LENGTH] };
    let chain = Chain::new(&StageKeys::derive(&Key::from_bytes([1; 32]), &prefix), &prefix, Vec::new());
    let workers = Workers::new(NonZero::new(2).unwrap(), SIZE);
    let sealed = |frames: u64| {
        let input = ReaderInput(io::Read::take(io::repeat(7), frames * SIZE.payload() as u64));
        PlaintextSource::new(input, SIZE, Clock::None, None)
    };

    let seal =
        |frames| allocations(|| workers.run(&sealed(frames), &Sealing(&chain), &OrderedSink::new(io::sink())).unwrap());
    seal(100);
    assert_eq!(seal(100), seal(10_000), "sealing in order");

    let open = |frames| {
        let file = tempfile::tempfile().unwrap();
        workers.run(&sealed(frames), &Sealing(&chain), &PositionalSink::new(&file, LAYOUT)).unwrap();
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
        workers.run(&sealed(frames), &Sealing(&chain), &PositionalSink::new(&file, LAYOUT)).unwrap();
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
