//! One sound stream, mutated: whatever is released is a true prefix, only the stream itself is whole, and a survey by many
//! workers says so of no other.
#![no_main]

use std::{io::Write, num::NonZero, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use reelseal::{
    container::FrameSize,
    keys::Credential,
    pipeline::{CiphertextSource, Opening, SurveySink, Workers},
    stream::{Clock, ReaderInput, StreamHeader, Writer},
};

static PLAINTEXT: LazyLock<Vec<u8>> = LazyLock::new(|| (0..3 * 4096 + 9).map(|at| (at % 251) as u8).collect());
static STREAM: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let (header, keys) = reelseal_fuzz::header(FrameSize::MIN);
    let mut writer = Writer::new(Vec::new(), &header, &keys, Vec::new(), Clock::None).unwrap();
    writer.write_all(&PLAINTEXT).unwrap();
    writer.finish().unwrap()
});

// Mutations: an operation, two places, a byte; six bytes each.
fuzz_target!(|mutations: &[u8]| {
    let mut stream = STREAM.clone();
    for mutation in mutations.chunks_exact(6).take(8) {
        let place = |at: usize| usize::from(u16::from_le_bytes([mutation[at], mutation[at + 1]])) % (stream.len() + 1);
        let (one, other) = (place(1), place(3));
        let (start, end) = (one.min(other), one.max(other));
        match mutation[0] % 6 {
            0 if one < stream.len() => stream[one] ^= mutation[5],
            1 => stream.truncate(one),
            2 => drop(stream.drain(start..end)),
            3 => stream.extend_from_within(start..end),
            4 => stream.insert(one, mutation[5]),
            5 if end > start => stream[start..end].rotate_left(usize::from(mutation[5]) % (end - start)),
            _ => {}
        }
    }
    let (released, whole) = reelseal_fuzz::read(&stream);
    assert!(PLAINTEXT.starts_with(&released));
    // Of the header, either copy is enough.
    assert!(!whole || (released == *PLAINTEXT && stream[1024..] == STREAM[1024..]));
    assert_eq!(is_whole_by_survey(&stream), whole);
});

fn is_whole_by_survey(stream: &[u8]) -> bool {
    let Ok(header) = StreamHeader::read(ReaderInput(stream), Vec::new()) else { return false };
    let mut credential = Credential::from(reelseal_fuzz::key_file());
    let Ok((stream, input)) = header.open(&mut credential) else { return false };
    let frame_size = stream.header().prefix.frame_size;
    let source = CiphertextSource::new(input, frame_size);
    let (opening, sink) = (Opening::across_gaps(stream.chain()), SurveySink::default());
    let ended = Workers::new(NonZero::new(3).unwrap(), frame_size).run(&source, &opening, &sink);
    let survey = sink.into_survey();
    let is_whole = ended.is_ok() && survey.damaged_frames() == 0;
    assert!(!is_whole || survey.payload == PLAINTEXT.len() as u64);
    is_whole
}
