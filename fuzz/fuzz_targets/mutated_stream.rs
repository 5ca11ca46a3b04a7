//! One sound stream, mutated: whatever is released is a true prefix, only the stream itself is whole, and a survey by
//! many workers finds no other whole.
#![no_main]

use std::{io::Write, num::NonZero, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use reelseal::{
    container::FrameSize,
    keys::Credential,
    pipeline::{CiphertextSource, Opening, SurveySink, Workers},
    stream::{Clock, ReaderInput, StreamHeader, Writer},
};
use reelseal_fuzz::MUTATION;

static PLAINTEXT: LazyLock<Vec<u8>> = LazyLock::new(|| (0..3 * 4096 + 9).map(|at| (at % 251) as u8).collect());
static STREAM: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let (header, keys) = reelseal_fuzz::header(FrameSize::MIN);
    let mut writer = Writer::new(Vec::new(), &header, &keys, Vec::new(), Clock::None).unwrap();
    writer.write_all(&PLAINTEXT).unwrap();
    writer.finish().unwrap()
});

fuzz_target!(|mutations: &[u8]| {
    let mut stream = STREAM.clone();
    reelseal_fuzz::mutate(&mut stream, &mutations[..mutations.len().min(8 * MUTATION)]);
    let (released, whole) = reelseal_fuzz::read(&stream);
    assert!(PLAINTEXT.starts_with(&released));
    // Either copy of the header is enough.
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
