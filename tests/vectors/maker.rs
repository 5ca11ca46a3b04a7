//! Makes streams of any kind, sound or wrong, the same each time.

use aes::Aes256;
use ctr::{
    Ctr128BE,
    cipher::{KeyIvInit, StreamCipher},
};
use reelseal::{
    container::{
        Features, FrameSize, FrameTag, Header, HeaderLength, IV_LENGTH, PassphraseSlot, Prefix, RecipientSlot, Record,
        Slot, TagFlags,
    },
    keys::{Key, KeyFile, Lock, Passphrase, ScryptCost, StageKeys, new_key_file_slot},
    stream::{Clock, Writer},
};

pub const SIZE: FrameSize = FrameSize::MIN;
pub const PAYLOAD: usize = SIZE.payload();
pub const WIRE: usize = SIZE.wire();
pub const HEADER: usize = 512;
/// Where the record area starts, and how much of it a key-file slot takes.
pub const RECORDS_START: usize = 48;
pub const KEY_FILE_SLOT: usize = 76;
pub const PHRASE: &str = "caf\u{e9} noir";
/// The file key as an age file, for the X25519 identity whose 32 bytes are all 5.
pub const FILE_KEY_FOR_AGE: &[u8] = include_bytes!("file-key.age");
/// Likewise, with a stanza for nobody.
pub const FILE_KEY_WITH_GREASE: &[u8] = include_bytes!("file-key-and-grease.age");
/// The file key, for the same identity, after an X25519 stanza without an argument.
pub const MALFORMED_STANZA_AND_FILE_KEY: &[u8] = include_bytes!("malformed-stanza.age");
/// Another file key, for the same identity.
pub const OTHER_FILE_KEY_FOR_AGE: &[u8] = include_bytes!("other-file-key.age");

/// The secrets that vectors name.
pub fn key_file() -> KeyFile {
    KeyFile::from_key(Key::from_bytes([4; 32]))
}

pub fn file_key() -> Key {
    Key::from_bytes([9; 32])
}

/// A stream under construction: everything in it is fixed, and anything can be made wrong where a vector needs that.
pub struct Maker {
    pub prefix: Prefix,
    pub file_key: Key,
    pub slots: Vec<Slot>,
    pub header_length: HeaderLength,
    pub generation: u64,
}

impl Maker {
    pub fn new(features: Features) -> Self {
        let slot = Slot::KeyFile(new_key_file_slot(&file_key(), &key_file(), [3; 32]));
        let prefix = Prefix { frame_size: SIZE, features, iv: [7; IV_LENGTH] };
        Self { prefix, file_key: file_key(), slots: vec![slot], header_length: HeaderLength::MIN, generation: 1 }
    }

    pub fn plain() -> Self {
        Self::new(Features::NONE)
    }

    pub fn with_slots(slots: Vec<Slot>) -> Self {
        let taken: usize = slots.iter().map(|slot| Record::from(slot).encoded_length()).sum();
        // Nine slots take more than the smallest header.
        let shortest = HeaderLength::from_units(if slots.len() > 4 { 16 } else { 8 }).unwrap();
        let header_length = shortest.at_least_for(taken);
        Self { slots, header_length, ..Self::plain() }
    }

    fn keys(&self) -> StageKeys {
        StageKeys::derive(&self.file_key, &self.prefix)
    }

    fn whole_header(&self) -> Header {
        let records = self.slots.iter().map(Into::into).collect();
        Header { prefix: self.prefix, length: self.header_length, generation: self.generation, records }
    }

    /// The library's own writer of such a stream.
    pub fn writer(&self, clock: Clock) -> Writer<Vec<u8>> {
        Writer::new(Vec::new(), &self.whole_header(), &self.keys(), Vec::new(), clock).unwrap()
    }

    pub fn copy(&self) -> Vec<u8> {
        let mut copies = self.keys().seal_header(&self.whole_header()).unwrap();
        copies.truncate(copies.len() / 2);
        copies
    }

    pub fn header(&self) -> Vec<u8> {
        self.copy().repeat(2)
    }

    /// A header whose first copy was altered by `change` and authenticated again, unless the change is after the MAC.
    pub fn altered(&self, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut copy = self.copy();
        change(&mut copy);
        let mac_start = copy.len() - 48;
        let mac = self.keys().header_mac(&copy[..mac_start]);
        copy[mac_start..mac_start + 32].copy_from_slice(mac.as_bytes());
        checked(copy).repeat(2)
    }

    /// A header with one more record, after the one key-file slot.
    pub fn header_with_record(&self, kind: u8, body: &[u8]) -> Vec<u8> {
        let [low, high] = u16::try_from(body.len()).unwrap().to_le_bytes();
        let record = [&[kind, 0, low, high], body].concat();
        let start = RECORDS_START + KEY_FILE_SLOT;
        self.altered(|copy| copy[start..start + record.len()].copy_from_slice(&record))
    }

    /// A frame with any tag and field: sealed here, without using the library's chain.
    pub fn frame(&self, index: u64, tag: FrameTag, field: &[u8]) -> Vec<u8> {
        let keys = self.keys();
        let block = index as u128 * ((PAYLOAD + 32) / 16) as u128;
        let counter = u128::from_be_bytes(self.prefix.iv).wrapping_add(block).to_be_bytes();
        let mut wire = [tag.encode().as_slice(), field].concat();
        Ctr128BE::<Aes256>::new(keys.frame_encryption.bytes().into(), &counter.into()).apply_keystream(&mut wire);
        let authenticated = [wire.as_slice(), &index.to_le_bytes()].concat();
        wire.extend(blake3::keyed_hash(keys.frame_authentication.bytes(), &authenticated).as_bytes());
        wire
    }

    pub fn frames(&self, length: usize) -> Vec<Vec<u8>> {
        let plaintext = plaintext(length);
        let last = length / PAYLOAD;
        (0..=last)
            .map(|index| {
                let field = &plaintext[index * PAYLOAD..length.min((index + 1) * PAYLOAD)];
                let tag = tag(index as u64, field.len(), if index == last { TagFlags::FINAL } else { TagFlags::NONE });
                self.frame(index as u64, tag, field)
            })
            .collect()
    }

    pub fn stream(&self, length: usize) -> Vec<u8> {
        [self.header(), self.frames(length).concat()].concat()
    }

    /// A stream of one final frame with this tag and the bytes "frame".
    pub fn final_frame(&self, change: impl FnOnce(&mut FrameTag)) -> Vec<u8> {
        let mut tag = tag(0, 5, TagFlags::FINAL);
        change(&mut tag);
        [self.header(), self.frame(0, tag, &plaintext(5))].concat()
    }
}

pub fn tag(index: u64, length: usize, flags: TagFlags) -> FrameTag {
    FrameTag { index, time: 0, offset: index * PAYLOAD as u64, length: length as u32, flags }
}

pub fn plaintext(length: usize) -> Vec<u8> {
    crate::support::plaintext(length)
}

/// `copy` with its checksum corrected.
pub fn checked(mut copy: Vec<u8>) -> Vec<u8> {
    let start = copy.len() - 16;
    let checksum = blake3::hash(&copy[..start]);
    copy[start..].copy_from_slice(&checksum.as_bytes()[..16]);
    copy
}

pub fn passphrase_slot(passphrase: &str, salt: u8) -> Slot {
    passphrase_slot_at_cost(passphrase, salt, ScryptCost::new(10, 8, 1).unwrap())
}

pub fn passphrase_slot_at_cost(passphrase: &str, salt: u8, cost: ScryptCost) -> Slot {
    let passphrase = Passphrase::new(passphrase).unwrap();
    Lock::with_salted_passphrase(&passphrase, [salt; 32], cost).unwrap().new_slots(&file_key()).unwrap().remove(0)
}

pub fn recipient_slot(body: &[u8]) -> Slot {
    Slot::Recipient(RecipientSlot { body: body.to_vec() })
}

/// A recipient's slot that opens with nothing: the stanzas, a MAC, and this many bytes of payload.
pub fn crafted_slot(stanzas: &str, payload: usize) -> Slot {
    let header = format!("age-encryption.org/v1\n{stanzas}--- {}\n", "A".repeat(43));
    recipient_slot(&[header.into_bytes(), vec![6; payload]].concat())
}

pub fn costly_slot(log_n: u8, r: u32, p: u32, salt: u8) -> Slot {
    Slot::Passphrase(PassphraseSlot { log_n, r, p, salt: [salt; 32], wrapped: [0; 40] })
}

pub fn flipped(mut stream: Vec<u8>, places: &[usize]) -> Vec<u8> {
    for &place in places {
        stream[place] ^= 1;
    }
    stream
}
