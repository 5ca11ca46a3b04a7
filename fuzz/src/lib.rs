//! The fixed streams that the targets share.

pub mod streams;

use reelseal::{
    container::{Features, FrameSize, Header, HeaderLength, IV_LENGTH, Prefix, Slot},
    keys::{Key, KeyFile, StageKeys, new_key_file_slot},
    stream::Reader,
};
use std::io::Read;

/// The key file that opens the fixed streams.
pub fn key_file() -> KeyFile {
    KeyFile::from_key(Key::from_bytes([4; 32]))
}

/// The header of a stream without features, and the keys that go with it.
pub fn header(frame_size: FrameSize) -> (Header, StageKeys) {
    header_of(frame_size, Features::NONE)
}

/// The header of a stream with these features, and the keys that go with it.
pub fn header_of(frame_size: FrameSize, features: Features) -> (Header, StageKeys) {
    let file_key = Key::from_bytes([9; 32]);
    let slot = Slot::KeyFile(new_key_file_slot(&file_key, &key_file(), [3; 32]));
    let prefix = Prefix { frame_size, features, iv: [7; IV_LENGTH] };
    let records = vec![(&slot).into()];
    (Header { prefix, length: HeaderLength::MIN, generation: 1, records }, StageKeys::derive(&file_key, &prefix))
}

/// What a reader releases of `stream`, and whether it says that this is all.
pub fn read(stream: &[u8]) -> (Vec<u8>, bool) {
    let mut released = Vec::new();
    let whole = Reader::open(stream, key_file())
        .is_ok_and(|mut reader| reader.read_to_end(&mut released).is_ok());
    (released, whole)
}

/// Bytes of one mutation.
pub const MUTATION: usize = 6;

/// Applies mutations to `stream`: an operation, two places and a byte each.
pub fn mutate(stream: &mut Vec<u8>, mutations: &[u8]) {
    for mutation in mutations.chunks_exact(MUTATION) {
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
}
