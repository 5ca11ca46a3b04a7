//! The fixed stream that the targets share.

use reelseal::{
    container::{Features, FrameSize, Header, HeaderLength, IV_LENGTH, Prefix, Slot},
    keys::{Key, KeyFile, StageKeys, new_key_file_slot},
    stream::Reader,
};
use std::io::Read;

/// The key file that opens it.
pub fn key_file() -> KeyFile {
    KeyFile::from_key(Key::from_bytes([4; 32]))
}

/// Its header, and the keys that go with it.
pub fn header(frame_size: FrameSize) -> (Header, StageKeys) {
    let file_key = Key::from_bytes([9; 32]);
    let slot = Slot::KeyFile(new_key_file_slot(&file_key, &key_file(), [3; 32]));
    let prefix = Prefix { frame_size, features: Features::NONE, iv: [7; IV_LENGTH] };
    let records = vec![(&slot).into()];
    (Header { prefix, length: HeaderLength::MIN, generation: 1, records }, StageKeys::derive(&file_key, &prefix))
}

/// What a reader releases of `stream`, and whether it says that this is all.
pub fn read(stream: &[u8]) -> (Vec<u8>, bool) {
    let mut released = Vec::new();
    let whole = Reader::new(stream, &mut key_file().into(), Vec::new())
        .is_ok_and(|mut reader| reader.read_to_end(&mut released).is_ok());
    (released, whole)
}
