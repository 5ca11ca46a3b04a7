//! One sound stream, mutated: whatever is released is a true prefix, and only the stream itself is whole.
#![no_main]

use std::{io::Write, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use reelseal::{
    container::FrameSize,
    pipeline::{Clock, Writer},
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
});
