//! Arbitrary bytes, after a sound header or without one, never decrypt.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reelseal::container::FrameSize;

fuzz_target!(|bytes: &[u8]| {
    let (header, keys) = reelseal_fuzz::header(FrameSize::MIN);
    let _ = reelseal_fuzz::read(bytes);
    let (released, whole) = reelseal_fuzz::read(&[keys.seal_header(&header).unwrap(), bytes.to_vec()].concat());
    assert!(released.is_empty() && !whole);
});
