//! What is written in any pieces, in any frames, flushed anywhere, by any number of workers, comes back.
#![no_main]

use std::{
    io::{self, Read, Write},
    num::NonZero,
    time::Duration,
};

use libfuzzer_sys::fuzz_target;
use reelseal::{
    container::{Features, FrameSize},
    pipeline::{OrderedSink, PlaintextSource, Sealing, Workers},
    stage::Chain,
    stream::{Clock, Input, ReaderInput, Readiness, SealedFile, Wait, Writer},
};

/// Gives at most this many bytes at a time.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, area: &mut [u8]) -> io::Result<usize> {
        let most = self.1.min(area.len());
        self.0.read(&mut area[..most])
    }
}

/// An input that always has more, so that a live frame ends only when it is full or due.
struct Ready<'a>(Pieces<'a>);

impl Input for Ready<'_> {
    fn readiness(&mut self, _wait: Wait) -> io::Result<Readiness> {
        Ok(Readiness::Ready)
    }

    fn read(&mut self, area: &mut [u8]) -> io::Result<usize> {
        Read::read(&mut self.0, area)
    }
}

fuzz_target!(|input: (u8, u8, u16, u32, [u64; 2], &[u8])| {
    let (log2, workers, piece, length, flushes, seed) = input;
    let frame_size = FrameSize::from_log2(12 + log2 % 4).unwrap();
    let piece = usize::from(piece).max(1);
    let plaintext: Vec<u8> = seed.iter().copied().chain([0]).cycle().take(length as usize % (1 << 18)).collect();
    let workers = Workers::new(NonZero::new(usize::from(workers % 8) + 1).unwrap(), frame_size);
    plain(frame_size, &plaintext, piece, &workers);
    live(frame_size, &plaintext, piece, &workers, flushes);
});

fn plain(frame_size: FrameSize, plaintext: &[u8], piece: usize, workers: &Workers<'_>) {
    let (header, keys) = reelseal_fuzz::header(frame_size);
    let mut writer = Writer::new(Vec::new(), &header, &keys, Vec::new(), Clock::None).unwrap();
    for piece in plaintext.chunks(piece) {
        writer.write_all(piece).unwrap();
    }
    let stream = writer.finish().unwrap();
    assert!(reelseal_fuzz::read(&stream) == (plaintext.to_vec(), true));

    let source = PlaintextSource::new(ReaderInput(Pieces(plaintext, piece)), frame_size, Clock::None, None);
    let sink = OrderedSink::new(keys.seal_header(&header).unwrap());
    workers.run(&source, &Sealing::new(&Chain::new(&keys, &header.prefix)), &sink).unwrap();
    assert!(sink.into_inner() == stream);
}

/// The first word of `flushes` says after which pieces the writer is flushed; the second says whether the stream is
/// timed, and how the workers read.
fn live(frame_size: FrameSize, plaintext: &[u8], piece: usize, workers: &Workers<'_>, flushes: [u64; 2]) {
    let [flushes, kind] = flushes;
    // Each piece may take a frame of its own, so their number is limited.
    let piece = piece.max(plaintext.len() / 256);
    let (timed, due, always_ready) = (kind & 1 != 0, kind & 2 != 0, kind & 4 != 0);
    let (features, clock) =
        if timed { (Features::LIVE.union(Features::TIMED), Clock::Fixed(5)) } else { (Features::LIVE, Clock::None) };
    let (header, keys) = reelseal_fuzz::header_of(frame_size, features);
    // The offsets at which frames must end, besides the end of the plaintext.
    let (mut ends, mut begun) = (Vec::new(), 0);
    let mut writer = Writer::new(Vec::new(), &header, &keys, Vec::new(), clock.clone()).unwrap();
    for (number, piece) in plaintext.chunks(piece).enumerate() {
        writer.write_all(piece).unwrap();
        begun += piece.len();
        if flushes.rotate_right(number as u32) & 1 != 0 {
            writer.flush().unwrap();
            writer.flush().unwrap();
            ends.push(begun);
        }
    }
    let stream = writer.finish().unwrap();
    assert_whole(&stream, plaintext, frame_size, timed, &ends);

    let delay = if due { Duration::ZERO } else { Duration::from_secs(1 << 30) };
    let chain = Chain::new(&keys, &header.prefix);
    let sink = OrderedSink::new(keys.seal_header(&header).unwrap());
    let pieces = Pieces(plaintext, piece);
    if always_ready {
        let source = PlaintextSource::new(Ready(pieces), frame_size, clock, None).live(delay);
        workers.run(&source, &Sealing::new(&chain), &sink).unwrap();
    } else {
        let source = PlaintextSource::new(ReaderInput(pieces), frame_size, clock, None).live(delay);
        workers.run(&source, &Sealing::new(&chain), &sink).unwrap();
    }
    assert_whole(&sink.into_inner(), plaintext, frame_size, timed, &[]);
}

/// Asserts that `stream` is whole and holds `plaintext`, that a frame ends at each of `ends`, and that no frame is
/// short for another reason; if `ends` is empty, any frame may be short.
fn assert_whole(stream: &[u8], plaintext: &[u8], frame_size: FrameSize, timed: bool, ends: &[usize]) {
    assert!(reelseal_fuzz::read(stream) == (plaintext.to_vec(), true));
    let file = SealedFile::open(stream, reelseal_fuzz::key_file()).unwrap();
    let tags: Vec<_> = (0..file.frames()).map(|index| *file.frame(index).unwrap().tag()).collect();
    let last = tags.last().unwrap();
    assert!(!timed || last.length == 0);
    let found: Vec<_> = tags.iter().map(|tag| tag.end().unwrap() as usize).collect();
    assert!(ends.iter().all(|end| found.contains(end)));
    if !ends.is_empty() {
        let short = tags.iter().filter(|tag| !tag.flags.is_final() && (tag.length as usize) < frame_size.payload());
        assert!(short.map(|tag| tag.end().unwrap() as usize).all(|end| ends.contains(&end) || end == plaintext.len()));
    }
}
