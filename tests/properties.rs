//! For any length, frame size, number of workers and way in which readers and writers take pieces: the same bytes.

mod support;

use std::{
    io::{self, ErrorKind, Read, Write},
    iter::Cycle,
    num::NonZero,
    slice,
};

use proptest::prelude::*;
use reelseal::{
    container::{Features, FrameSize, IV_LENGTH, Prefix},
    keys::{Key, StageKeys},
    pipeline::{CiphertextSource, Clock, Opening, OrderedSink, PlaintextSource, ReaderInput, Sealing, Workers},
    stage::Chain,
};
use support::plaintext;

/// Gives or takes the next of `pieces` bytes, over and over; 0 stands for an interruption.
struct Pieces<'a, T> {
    inner: T,
    pieces: Cycle<slice::Iter<'a, usize>>,
}

impl<'a, T> Pieces<'a, T> {
    fn new(inner: T, pieces: &'a [usize]) -> Self {
        Self { inner, pieces: pieces.iter().cycle() }
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

impl<T: Write> Write for Pieces<'_, T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let most = self.next()?.min(bytes.len());
        self.inner.write(&bytes[..most])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Ways to take pieces, each with at least one that is not an interruption.
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
        let chain = Chain::new(&StageKeys::derive(&Key::from_bytes([1; 32]), &prefix), &prefix, Vec::new());
        let plaintext = plaintext(length);
        let seal = |workers: usize, reading: &[usize], writing: &[usize]| {
            let input = ReaderInput(Pieces::new(plaintext.as_slice(), reading));
            let source = PlaintextSource::new(input, frame_size, Clock::Fixed(3), None);
            let sink = OrderedSink::new(Pieces::new(Vec::new(), writing));
            Workers::new(NonZero::new(workers).unwrap(), frame_size).run(&source, &Sealing(&chain), &sink).unwrap();
            sink.into_inner().inner
        };
        let stream = seal(1, &[usize::MAX], &[usize::MAX]);
        prop_assert!(seal(workers, &reading, &writing) == stream);

        let source = CiphertextSource::new(ReaderInput(Pieces::new(stream.as_slice(), &reading)), frame_size, None);
        let sink = OrderedSink::new(Pieces::new(Vec::new(), &writing));
        let workers = Workers::new(NonZero::new(workers).unwrap(), frame_size);
        workers.run(&source, &Opening::new(&chain, Features::TIMED), &sink).unwrap();
        prop_assert!(sink.into_inner().inner == plaintext);
    }
}
