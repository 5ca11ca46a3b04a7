//! Whole runs over every pair of source and sink.

use std::{io, os::unix::fs::FileExt};

use super::{LAYOUT, SIZE, chain, workers};
use crate::{
    container::Features,
    pipeline::{
        CiphertextFile, CiphertextSource, FileSnapshot, Opening, OrderedSink, PlaintextFile, PlaintextSource,
        PositionalSink, Sealing, Source,
    },
    stage::FrameFault,
    stream::{Clock, DescriptorInput, ReaderInput, StreamError, StreamFile},
};

fn seal(plaintext: &[u8], count: usize) -> Vec<u8> {
    let (source, sink) =
        (PlaintextSource::new(ReaderInput(plaintext), SIZE, Clock::Fixed(9), None), OrderedSink::new(Vec::new()));
    workers(count).run(&source, &Sealing::new(&chain(Features::TIMED)), &sink).unwrap();
    sink.into_inner()
}

fn open(wire: &[u8], count: usize) -> (Vec<u8>, Result<(), StreamError>) {
    let (source, sink) = (CiphertextSource::new(ReaderInput(wire), SIZE), OrderedSink::new(Vec::new()));
    let chain = chain(Features::TIMED);
    let result = workers(count).run(&source, &Opening::new(&chain), &sink);
    (sink.into_inner(), result)
}

fn file_with(bytes: &[u8]) -> std::fs::File {
    let file = tempfile::tempfile().unwrap();
    file.write_all_at(bytes, 0).unwrap();
    file
}

fn content(file: &std::fs::File) -> Vec<u8> {
    let mut bytes = vec![0; file.metadata().unwrap().len() as usize];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

fn plaintext(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

fn boundary_lengths() -> impl Iterator<Item = usize> {
    let payload = SIZE.payload();
    [0, 1, payload - 1, payload, payload + 1, 2 * payload, 64 * payload, 257 * payload, 257 * payload + 5].into_iter()
}

#[test]
fn every_length_around_the_frame_boundaries_comes_back_with_the_same_bytes_from_one_worker_and_eight() {
    for length in boundary_lengths() {
        let plaintext = plaintext(length);
        let wire = seal(&plaintext, 1);
        assert!(seal(&plaintext, 8) == wire, "{length}");
        for count in [1, 8] {
            let (opened, result) = open(&wire, count);
            assert!(result.is_ok() && opened == plaintext, "{length}, {count} workers");
        }
    }
}

#[test]
fn positional_ends_give_the_bytes_of_ordered_ones() {
    let chain = chain(Features::NONE);
    for (length, count) in boundary_lengths().flat_map(|length| [(length, 1), (length, 8)]) {
        let plaintext = plaintext(length);
        let (input, sealed, opened) = (file_with(&plaintext), file_with(&[]), file_with(&[]));
        let snapshot = FileSnapshot::take(&input).unwrap();
        let source = PlaintextFile::new(&input, SIZE, Clock::None, snapshot).unwrap();
        workers(count).run(&source, &Sealing::new(&chain), &PositionalSink::new(&sealed, LAYOUT)).unwrap();

        let ordered = OrderedSink::new(Vec::new());
        let source = PlaintextSource::new(ReaderInput(plaintext.as_slice()), SIZE, Clock::None, None);
        workers(count).run(&source, &Sealing::new(&chain), &ordered).unwrap();
        let start = LAYOUT.frames_start() as usize;
        assert!(content(&sealed)[start..] == ordered.into_inner(), "{length}, {count} workers");

        let stream = StreamFile::new(&sealed, sealed.metadata().unwrap().len(), 0, LAYOUT);
        let last = stream.verify_final_frame(&chain).unwrap();
        assert_eq!(last.tag().offset + u64::from(last.tag().length), length as u64);
        workers(count)
            .run(&CiphertextFile::new(stream), &Opening::new(&chain), &PositionalSink::new(&opened, LAYOUT))
            .unwrap();
        assert!(content(&opened) == plaintext, "{length}, {count} workers");
    }
}

#[test]
fn a_damaged_frame_releases_just_the_frames_before_it() {
    let plaintext = plaintext(200 * SIZE.payload());
    let mut wire = seal(&plaintext, 2);
    wire[70 * SIZE.wire() + 100] ^= 1;
    for count in [1, 2, 8] {
        let (opened, result) = open(&wire, count);
        assert!(opened == plaintext[..70 * SIZE.payload()]);
        assert!(matches!(result, Err(StreamError::Frame { index: 70, fault: FrameFault::Mac })));
    }
}

#[test]
fn the_first_of_two_damaged_frames_is_the_one_reported_whoever_reads_it() {
    let chain = chain(Features::NONE);
    let mut wire = vec![0; LAYOUT.frames_start() as usize];
    let sealed = OrderedSink::new(Vec::new());
    let plaintext = plaintext(400 * SIZE.payload());
    let source = PlaintextSource::new(ReaderInput(plaintext.as_slice()), SIZE, Clock::None, None);
    workers(1).run(&source, &Sealing::new(&chain), &sealed).unwrap();
    wire.extend(sealed.into_inner());
    for index in [130, 131, 260] {
        wire[LAYOUT.frame_position(index) as usize] ^= 1;
    }
    let file = file_with(&wire);
    for count in [1, 3, 8] {
        let source = CiphertextFile::new(StreamFile::new(&file, wire.len() as u64, 0, LAYOUT));
        let sink = file_with(&[]);
        let result = workers(count).run(&source, &Opening::new(&chain), &PositionalSink::new(&sink, LAYOUT));
        assert!(matches!(result, Err(StreamError::Frame { index: 130, .. })), "{count} workers: {result:?}");
    }
}

#[test]
fn a_stream_cut_anywhere_is_refused() {
    let wire = seal(&plaintext(2 * SIZE.payload() + 9), 1);
    for length in 0..wire.len() {
        let (_, result) = open(&wire[..length], 2);
        let expected = match length % SIZE.wire() {
            0 => matches!(result, Err(StreamError::EndBeforeFinalFrame { .. })),
            1..64 => matches!(result, Err(StreamError::CutFrame { .. })),
            _ => matches!(result, Err(StreamError::Frame { fault: FrameFault::Mac, .. })),
        };
        assert!(expected, "cut to {length}: {result:?}");
    }
}

#[test]
fn a_writer_that_fails_ends_the_run() {
    let source = PlaintextSource::new(ReaderInput(std::io::repeat(1)), SIZE, Clock::None, None);
    let room = &mut [0; 3 * 4096][..];
    let result = workers(4).run(&source, &Sealing::new(&chain(Features::NONE)), &OrderedSink::new(room));
    assert!(matches!(result, Err(StreamError::Write(_))));
}

#[test]
fn a_failure_ends_the_wait_for_a_silent_peer() {
    let (reader, writer) = io::pipe().unwrap();
    let mut wire = seal(&plaintext(3 * SIZE.payload()), 1);
    wire.truncate(2 * SIZE.wire());
    wire[SIZE.wire()] ^= 1;
    std::thread::scope(|scope| {
        // The pipe stays open until the run has ended.
        scope.spawn(|| io::Write::write_all(&mut &writer, &wire).unwrap());
        let source = CiphertextSource::new(DescriptorInput::new(reader).unwrap(), SIZE);
        let (chain, sink) = (chain(Features::TIMED), OrderedSink::new(Vec::new()));
        let result = workers(4).run(&source, &Opening::new(&chain), &sink);
        assert!(matches!(result, Err(StreamError::Frame { index: 1, fault: FrameFault::Mac })), "{result:?}");
        assert!(sink.into_inner() == plaintext(SIZE.payload()));
    });
}

#[test]
fn a_frame_leaves_a_pipe_before_the_next_one_is_there() {
    let (reader, mut writer) = io::pipe().unwrap();
    let (sealed, sink) = io::pipe().unwrap();
    let chain = &chain(Features::NONE);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let input = DescriptorInput::new(reader).unwrap();
            let source = PlaintextSource::new(input, SIZE, Clock::None, None);
            workers(2).run(&source, &Sealing::new(chain), &OrderedSink::new(sink)).unwrap();
        });
        let mut sealed = sealed;
        let mut wire = vec![0; SIZE.wire()];
        for _ in 0..20 {
            io::Write::write_all(&mut writer, &plaintext(SIZE.payload())).unwrap();
            // If the frame were held back for a second one, this would wait for ever.
            io::Read::read_exact(&mut sealed, &mut wire).unwrap();
        }
        drop(writer);
        assert_eq!(io::Read::read_to_end(&mut sealed, &mut wire).unwrap(), 64);
    });
}

#[test]
fn an_input_that_grew_or_shrank_is_an_error_and_gets_no_final_frame() {
    let chain = chain(Features::NONE);
    for new_size in [9 * SIZE.payload() as u64, 2 * SIZE.payload() as u64] {
        let file = file_with(&plaintext(7 * SIZE.payload()));
        let snapshot = FileSnapshot::take(&file).unwrap();
        let source = PlaintextFile::new(&file, SIZE, Clock::None, snapshot).unwrap();
        file.set_len(new_size).unwrap();
        let sink = OrderedSink::new(Vec::new());
        let result = workers(2).run(&source, &Sealing::new(&chain), &sink);
        assert!(matches!(result, Err(StreamError::InputChanged)), "{result:?}");
        assert!(sink.into_inner().len() <= 7 * SIZE.wire());
    }
}

#[test]
fn a_run_that_waits_for_a_silent_peer_ends_when_its_source_is_interrupted() {
    let (reader, _silent) = io::pipe().unwrap();
    let source = PlaintextSource::new(DescriptorInput::new(reader).unwrap(), SIZE, Clock::None, None);
    std::thread::scope(|scope| {
        let running = scope
            .spawn(|| workers(2).run(&source, &Sealing::new(&chain(Features::NONE)), &OrderedSink::new(Vec::new())));
        Source::interrupt(&source);
        assert!(matches!(running.join().unwrap(), Err(StreamError::Stopped)));
    });
}

#[test]
fn a_stream_that_was_appended_to_after_its_length_was_taken_is_refused() {
    let chain = chain(Features::TIMED);
    let wire = [vec![0; LAYOUT.frames_start() as usize], seal(&plaintext(5 * SIZE.payload()), 1)].concat();
    let file = file_with(&wire);
    let source = CiphertextFile::new(StreamFile::new(&file, wire.len() as u64, 0, LAYOUT));
    file.write_all_at(b"more", wire.len() as u64).unwrap();
    let sink = OrderedSink::new(Vec::new());
    let result = workers(2).run(&source, &Opening::new(&chain), &sink);
    assert!(matches!(result, Err(StreamError::Frame { index: 5, fault: FrameFault::Mac })), "{result:?}");
    assert!(sink.into_inner() == plaintext(5 * SIZE.payload()));
}

#[test]
fn a_stream_that_shrank_after_its_length_was_taken_is_refused_where_it_ends() {
    let chain = chain(Features::TIMED);
    let wire = [vec![0; LAYOUT.frames_start() as usize], seal(&plaintext(5 * SIZE.payload()), 1)].concat();
    for (left, expected) in [
        (LAYOUT.frame_position(3), "the stream ends before its final frame, at frame 3"),
        (LAYOUT.frame_position(3) + 63, "the stream is cut short, extended or damaged in frame 3"),
        (LAYOUT.frame_position(3) + 64, "frame 3: the frame does not authenticate"),
    ] {
        let file = file_with(&wire);
        let source = CiphertextFile::new(StreamFile::new(&file, wire.len() as u64, 0, LAYOUT));
        file.set_len(left).unwrap();
        let result = workers(2).run(&source, &Opening::new(&chain), &OrderedSink::new(Vec::new()));
        assert_eq!(result.unwrap_err().to_string(), expected);
    }
}
