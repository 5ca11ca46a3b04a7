//! For any length, frame size, number of workers and way in which readers and writers split the data: the same bytes.

mod support;

use std::{
    io::{self, ErrorKind, Read, Write},
    iter::Cycle,
    num::NonZero,
    slice,
};

use proptest::prelude::*;
use reelseal::{
    container::{Features, FrameSize, Header, HeaderLength, IV_LENGTH, Prefix, Slot},
    keys::{Key, KeyFile, StageKeys, new_key_file_slot},
    pipeline::{CiphertextSource, Opening, OrderedSink, PlaintextSource, Sealing, Workers},
    stage::Chain,
    stream::{Clock, Input, Reader, Readiness, Wait, Writer},
};
use support::plaintext;

/// Reads or writes `pieces` bytes at a time, cyclically; 0 means an interruption. As an input it occasionally stalls,
/// anywhere in a frame.
struct Pieces<'a, T> {
    inner: T,
    pieces: Cycle<slice::Iter<'a, usize>>,
    asked: usize,
}

impl<'a, T> Pieces<'a, T> {
    fn new(inner: T, pieces: &'a [usize]) -> Self {
        Self { inner, pieces: pieces.iter().cycle(), asked: 0 }
    }

    fn next(&mut self) -> io::Result<usize> {
        match self.pieces.next() {
            None | Some(0) => Err(ErrorKind::Interrupted.into()),
            Some(&piece) => Ok(piece),
        }
    }
}

impl<T: Read> Read for Pieces<'_, T> {
    fn read(&mut self, area: &mut [u8]) -> io::Result<usize> {
        let most = self.next()?.min(area.len());
        self.inner.read(&mut area[..most])
    }
}

impl<T: Read + Send> Input for Pieces<'_, T> {
    fn readiness(&mut self, wait: Wait) -> io::Result<Readiness> {
        self.asked += 1;
        let stalls = wait == Wait::Never && self.asked.is_multiple_of(3);
        Ok(if stalls { Readiness::NotReady } else { Readiness::Ready })
    }

    fn read(&mut self, area: &mut [u8]) -> io::Result<usize> {
        Read::read(self, area)
    }
}

impl<T: Write> Write for Pieces<'_, T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let most = self.next()?.min(bytes.len());
        self.inner.write(&bytes[..most])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Ways to split the data, each with at least one piece that is not an interruption.
fn pieces() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        Just(vec![1]),
        Just(vec![0, 1]),
        prop::collection::vec(0..10_000usize, 0..5).prop_map(|mut pieces| {
            pieces.push(4096);
            pieces
        }),
    ]
}

/// A header of the shortest length, and the keys of its stream.
fn header(key_file: &KeyFile) -> (Header, StageKeys) {
    let file_key = Key::from_bytes([1; 32]);
    let prefix = Prefix { frame_size: FrameSize::MIN, features: Features::TIMED, iv: [7; IV_LENGTH] };
    let slot = Slot::KeyFile(new_key_file_slot(&file_key, key_file, [3; 32]));
    let header = Header { prefix, length: HeaderLength::MIN, generation: 1, records: vec![(&slot).into()] };
    (header, StageKeys::derive(&file_key, &prefix))
}

#[test]
fn a_read_or_write_that_stops_short_at_any_byte_of_a_stream_changes_nothing() {
    let key_file = KeyFile::from_key(Key::from_bytes([4; 32]));
    let (header, keys) = header(&key_file);
    let plaintext = plaintext(FrameSize::MIN.payload() + 9);
    let write = |pieces: &[usize]| {
        let inner = Pieces::new(Vec::new(), pieces);
        let mut writer = Writer::new(inner, &header, &keys, Vec::new(), Clock::Fixed(3)).unwrap();
        writer.write_all(&plaintext).unwrap();
        writer.finish().unwrap().inner
    };
    let stream = write(&[usize::MAX]);
    for place in 1..=stream.len() {
        let pieces = [place, usize::MAX];
        assert!(write(&pieces) == stream, "{place}");
        let inner = Pieces::new(stream.as_slice(), &pieces);
        let mut reader = Reader::open(inner, &key_file).unwrap();
        let mut opened = Vec::new();
        reader.read_to_end(&mut opened).unwrap();
        assert!(opened == plaintext, "{place}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_stream_is_the_same_whatever_the_pieces_and_comes_back(
        length in prop_oneof![0..3usize, 4090..4100usize, 0..60_000usize],
        log2 in 12..15u8,
        workers in 1..9usize,
        reading in pieces(),
        writing in pieces(),
    ) {
        let frame_size = FrameSize::from_log2(log2).unwrap();
        let prefix = Prefix { frame_size, features: Features::TIMED, iv: [0xff; IV_LENGTH] };
        let chain = Chain::new(&StageKeys::derive(&Key::from_bytes([1; 32]), &prefix), &prefix);
        let plaintext = plaintext(length);
        let seal = |workers: usize, reading: &[usize], writing: &[usize]| {
            let input = Pieces::new(plaintext.as_slice(), reading);
            let source = PlaintextSource::new(input, frame_size, Clock::Fixed(3), None);
            let sink = OrderedSink::new(Pieces::new(Vec::new(), writing));
            Workers::new(NonZero::new(workers).unwrap(), frame_size).run(&source, &Sealing::new(&chain), &sink).unwrap();
            sink.into_inner().inner
        };
        let stream = seal(1, &[usize::MAX], &[usize::MAX]);
        prop_assert!(seal(workers, &reading, &writing) == stream);

        let source = CiphertextSource::new(Pieces::new(stream.as_slice(), &reading), frame_size);
        let sink = OrderedSink::new(Pieces::new(Vec::new(), &writing));
        let workers = Workers::new(NonZero::new(workers).unwrap(), frame_size);
        workers.run(&source, &Opening::new(&chain), &sink).unwrap();
        prop_assert!(sink.into_inner().inner == plaintext);
    }
}
