//! What is written in any pieces, in any frames, by any number of workers, comes back.
#![no_main]

use std::{
    io::{self, Read, Write},
    num::NonZero,
};

use libfuzzer_sys::fuzz_target;
use reelseal::{
    container::FrameSize,
    pipeline::{OrderedSink, PlaintextSource, Sealing, Workers}, stream::{Clock, ReaderInput, Writer},
    stage::Chain,
};

/// Gives at most so many bytes at a time.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, area: &mut [u8]) -> io::Result<usize> {
        let most = self.1.min(area.len());
        self.0.read(&mut area[..most])
    }
}

fuzz_target!(|input: (u8, u8, u16, u32, &[u8])| {
    let (log2, workers, piece, length, seed) = input;
    let frame_size = FrameSize::from_log2(12 + log2 % 4).unwrap();
    let piece = usize::from(piece).max(1);
    let plaintext: Vec<u8> = seed.iter().copied().chain([0]).cycle().take(length as usize % (1 << 18)).collect();
    let (header, keys) = reelseal_fuzz::header(frame_size);

    let mut writer = Writer::new(Vec::new(), &header, &keys, Vec::new(), Clock::None).unwrap();
    for piece in plaintext.chunks(piece) {
        writer.write_all(piece).unwrap();
    }
    let stream = writer.finish().unwrap();
    assert!(reelseal_fuzz::read(&stream) == (plaintext.clone(), true));

    let source = PlaintextSource::new(ReaderInput(Pieces(&plaintext, piece)), frame_size, Clock::None, None);
    let sink = OrderedSink::new(keys.seal_header(&header).unwrap());
    let workers = Workers::new(NonZero::new(usize::from(workers % 8) + 1).unwrap(), frame_size);
    workers.run(&source, &Sealing(&Chain::new(&keys, &header.prefix, Vec::new())), &sink).unwrap();
    assert!(sink.into_inner() == stream);
});
