//! Segments of recordings, dropped, duplicated, swapped, cut, altered and forged: each answer is the right one, and
//! nothing comes out that was not recorded there.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| reelseal::check_spoilt_recording(input));
