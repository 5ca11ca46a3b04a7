//! Streams frozen in tests/vectors, each with a line in its INDEX of what must happen: the name, the secret, the
//! outcome and the bytes released. With REELSEAL_WRITE_VECTORS=1, this file, which makes them all, writes them again.

#![cfg(feature = "age")]
#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

#[path = "vectors/maker.rs"]
mod maker;
mod support;

use std::{
    env, fs,
    io::{self, Read, Write},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Command, Output},
};

use maker::{
    FILE_KEY_FOR_AGE, FILE_KEY_WITH_GREASE, HEADER, KEY_FILE_SLOT, MALFORMED_STANZA_AND_FILE_KEY, Maker,
    OTHER_FILE_KEY_FOR_AGE, PAYLOAD, PHRASE, RECORDS_START, WIRE, checked, costly_slot, crafted_slot, file_key,
    flipped, key_file, passphrase_slot, passphrase_slot_at_cost, plaintext, recipient_slot, tag,
};
use reelseal::{
    container::{
        Features, FrameSize, FrameTag, HeaderError, HeaderLength, IV_LENGTH, Prefix, RecordError, Slot, TagFlags,
    },
    keys::{Credential, Identities, KdfError, Key, KeyFile, Passphrase, ScryptCost, UnlockError, new_key_file_slot},
    stage::FrameFault,
    stream::{Clock, HeaderReadError, OpenError, Reader, SealedFile, StreamError},
};
use support::Folder;

/// A vector: its name, the secret to open it with, the outcome, how much plaintext is released, its bytes.
type Vector = (&'static str, &'static str, &'static str, usize, Vec<u8>);

/// The body of a record of kind 0x81: the end was missing, as were bytes 4096 to 8191 and three more ranges.
const RESEALED: [u8; 28] = [
    1, 1, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, //
    0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0, 0,
];

/// A frame of a live stream, full on the wire unless it is the last.
fn live_frame(live: &Maker, index: u64, offset: usize, length: usize, time: i64, last: bool) -> Vec<u8> {
    let flags = if last { TagFlags::FINAL } else { TagFlags::NONE };
    let tag = FrameTag { index, time, offset: offset as u64, length: length as u32, flags };
    let mut field = plaintext(offset + length)[offset..].to_vec();
    if !last {
        field.resize(PAYLOAD, 0);
    }
    live.frame(index, tag, &field)
}

/// The frames of a live stream with times, as a writer makes it: one that was flushed, a full one, the rest, and the
/// empty final one.
fn live_frames(live: &Maker) -> [Vec<u8>; 4] {
    [
        live_frame(live, 0, 0, 100, 5, false),
        live_frame(live, 1, 100, PAYLOAD, 5, false),
        live_frame(live, 2, PAYLOAD + 100, 9, 5, false),
        live_frame(live, 3, PAYLOAD + 109, 0, 5, true),
    ]
}

fn sound() -> Vec<Vector> {
    let plain = Maker::plain();
    let live = Maker::new(Features::LIVE.union(Features::TIMED));
    let wrapping = Maker { prefix: Prefix { iv: [0xff; IV_LENGTH], ..plain.prefix }, ..Maker::plain() };
    let newer = Maker { generation: 2, ..Maker::plain() };
    let largest_frames = Maker { prefix: Prefix { frame_size: FrameSize::MAX, ..plain.prefix }, ..Maker::plain() };
    let largest_header = Maker { header_length: HeaderLength::MAX, ..Maker::plain() };
    let last_generation = Maker { generation: u64::MAX, ..Maker::plain() };
    let at_cost = |log_n, r, p| {
        let cost = ScryptCost::new(log_n, r, p).unwrap();
        Maker::with_slots(vec![passphrase_slot_at_cost(PHRASE, 1, cost)]).stream(5)
    };
    let own_slot = plain.slots[0].clone();
    let foreign_slot = Slot::KeyFile(new_key_file_slot(&Key::from_bytes([8; 32]), &key_file(), [4; 32]));
    let second_opens = Maker::with_slots(vec![passphrase_slot("another", 1), passphrase_slot(PHRASE, 2)]);
    let with_record = |kind, body| [plain.header_with_record(kind, body), plain.frames(5).concat()].concat();
    let for_recipient = |body| Maker::with_slots(vec![recipient_slot(body)]).stream(5);
    let untimed_live = Maker::new(Features::LIVE);
    let live_stream = [
        live.header(),
        live_frame(&live, 0, 0, 100, 5, false),
        live_frame(&live, 1, 100, 0, 5, false),
        live_frame(&live, 2, 100, 9, 7, true),
    ];
    let live_from_an_empty_frame = [
        untimed_live.header(),
        live_frame(&untimed_live, 0, 0, 0, 0, false),
        live_frame(&untimed_live, 1, 0, 100, 0, false),
        live_frame(&untimed_live, 2, 100, 5, 0, true),
    ];
    let live_to_an_empty_frame = [
        live.header(),
        live_frame(&live, 0, 0, 100, 5, false),
        live_frame(&live, 1, 100, 9, 7, false),
        live_frame(&live, 2, 109, 0, 8, true),
    ];
    vec![
        ("empty", "key", "whole", 0, plain.stream(0)),
        ("one-byte", "key", "whole", 1, plain.stream(1)),
        ("one-byte-less-than-a-frame", "key", "whole", PAYLOAD - 1, plain.stream(PAYLOAD - 1)),
        ("full-frame-and-empty-final-frame", "key", "whole", PAYLOAD, plain.stream(PAYLOAD)),
        ("three-frames", "key", "whole", 2 * PAYLOAD + 9, plain.stream(2 * PAYLOAD + 9)),
        ("past-256-frames", "key", "whole", 256 * PAYLOAD + 9, plain.stream(256 * PAYLOAD + 9)),
        ("largest-frame-size", "key", "whole", 5, largest_frames.final_frame(|_| {})),
        ("largest-header", "key", "whole", 5, largest_header.stream(5)),
        ("last-generation", "key", "whole", 5, last_generation.stream(5)),
        ("counter-wraps", "key", "whole", PAYLOAD + 9, wrapping.stream(PAYLOAD + 9)),
        ("live-and-timed", "key", "whole", 109, live_stream.concat()),
        ("interrupted", "key", "whole", 5, plain.final_frame(|tag| tag.flags = TagFlags::from_bits(3))),
        ("advisory-flags", "key", "whole", 5, plain.final_frame(|tag| tag.flags = TagFlags::from_bits(0xffff_0001))),
        ("passphrase", "passphrase", "whole", 5, Maker::with_slots(vec![passphrase_slot(PHRASE, 1)]).stream(5)),
        ("second-slot-opens", "passphrase", "whole", 5, second_opens.stream(5)),
        ("cost-least", "passphrase", "whole", 5, at_cost(1, 1, 1)),
        ("cost-most-r-and-p", "passphrase", "whole", 5, at_cost(1, 32, 16)),
        (
            "slot-of-another-file-key-first",
            "key",
            "whole",
            5,
            Maker::with_slots(vec![foreign_slot, own_slot]).stream(5),
        ),
        ("unknown-record", "key", "whole", 5, with_record(0x90, &[1, 2])),
        ("damaged-first-copy", "key", "whole-but-a-copy", 5, flipped(plain.stream(5), &[100])),
        ("damaged-magic-of-first-copy", "key", "whole-but-a-copy", 5, flipped(plain.stream(5), &[0])),
        ("damaged-length-of-first-copy", "key", "whole-but-a-copy", 5, flipped(plain.stream(5), &[32])),
        ("damaged-length-of-first-copy-past-the-end", "key", "whole-but-a-copy", 5, flipped(plain.stream(5), &[33])),
        ("damaged-second-copy", "key", "whole-but-a-copy", 5, flipped(plain.stream(5), &[HEADER + 100])),
        ("older-second-copy", "key", "whole", 5, [newer.copy(), plain.copy(), plain.frames(5).concat()].concat()),
        (
            "newer-second-copy",
            "key",
            "whole",
            5,
            [Maker::with_slots(vec![passphrase_slot("old", 1)]).copy(), newer.copy(), newer.frames(5).concat()]
                .concat(),
        ),
        ("cost-n-2-to-15-and-r-1", "passphrase", "whole", 5, at_cost(15, 1, 1)),
        ("unknown-record-0xbf", "key", "whole", 5, with_record(0xbf, &[1, 2])),
        ("resealed", "key", "whole", 5, with_record(0x81, &RESEALED)),
        ("resealed-with-a-malformed-record", "key", "whole", 5, with_record(0x81, &[1, 2])),
        ("age-recipient-slot", "key", "whole", 5, with_record(3, FILE_KEY_FOR_AGE)),
        ("recipient", "identity", "whole", 5, for_recipient(FILE_KEY_FOR_AGE)),
        ("recipient-and-grease", "identity", "whole", 5, for_recipient(FILE_KEY_WITH_GREASE)),
        ("recipient-after-a-key", "identity", "whole", 5, with_record(3, FILE_KEY_FOR_AGE)),
        (
            "recipient-after-others",
            "identity",
            "whole",
            5,
            Maker::with_slots(vec![
                recipient_slot(&flipped(FILE_KEY_FOR_AGE.to_vec(), &[40])),
                recipient_slot(OTHER_FILE_KEY_FOR_AGE),
                crafted_slot("-> other a b\n\n", 64),
                crafted_slot("-> X25519\n\n", 64),
                recipient_slot(FILE_KEY_FOR_AGE),
            ])
            .stream(5),
        ),
        (
            "recipient-16-stanzas-and-a-key",
            "key",
            "whole",
            5,
            Maker::with_slots(vec![plain.slots[0].clone(), crafted_slot(&"-> a\n\n".repeat(16), 64)]).stream(5),
        ),
        ("recipients-32", "identity", "whole", 5, {
            let slots = [vec![crafted_slot("-> a\n\n", 64); 31], vec![recipient_slot(FILE_KEY_FOR_AGE)]].concat();
            Maker::with_slots(slots).stream(5)
        }),
        ("continued", "key", "whole", 5, plain.final_frame(|tag| tag.flags = TagFlags::from_bits(1 | 1 << 16))),
        ("live-empty-full-frame", "key", "whole", 105, live_from_an_empty_frame.concat()),
        ("timed-live-empty-final-frame", "key", "whole", 109, live_to_an_empty_frame.concat()),
        ("live-as-written", "key", "whole", PAYLOAD + 109, [live.header(), live_frames(&live).concat()].concat()),
        ("live-nothing-but-the-end", "key", "whole", 0, [live.header(), live_frame(&live, 0, 0, 0, 5, true)].concat()),
        ("live-interrupted", "key", "whole", 100, {
            let tag = FrameTag { time: 5, offset: 100, ..tag(1, 0, TagFlags::from_bits(3)) };
            [live.header(), live_frame(&live, 0, 0, 100, 5, false), live.frame(1, tag, &[])].concat()
        }),
    ]
}

fn bad_headers() -> Vec<Vector> {
    let plain = Maker::plain();
    let field = |place: usize, value: &'static [u8]| {
        plain.altered(|copy| copy[place..place + value.len()].copy_from_slice(value))
    };
    let slot_field = |place: usize, value: &'static [u8]| {
        let maker = Maker::with_slots(vec![passphrase_slot(PHRASE, 1)]);
        let start = 48 + 4 + place;
        maker.altered(|copy| copy[start..start + value.len()].copy_from_slice(value))
    };
    let with_record = |kind| [plain.header_with_record(kind, &[1, 2]), plain.frames(5).concat()].concat();
    let of_slots = |slots| Maker::with_slots(slots).stream(5);
    let of_length = |length| {
        let slots = vec![plain.slots[0].clone(), recipient_slot(&vec![b'a'; length])];
        Maker::with_slots(slots).stream(5)
    };
    let unauthenticated = checked(flipped(plain.copy(), &[40])).repeat(2);
    let distinct = |log_n, p, count: u8| {
        Maker::with_slots((0..count).map(|salt| costly_slot(log_n, 8, p, salt)).collect()).header()
    };
    let unauthenticated_newer = checked(flipped(Maker { generation: 2, ..Maker::plain() }.copy(), &[40]));
    let for_a_passphrase = Maker::with_slots(vec![passphrase_slot(PHRASE, 1)]);
    let two_keys = Maker { file_key: Key::from_bytes([8; 32]), ..Maker::plain() };
    let utf16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(plain.stream(5).into_iter().flat_map(|byte| [byte, 0])).collect();
    let text: Vec<u8> = {
        let stream = plain.stream(5);
        [&stream[..4], b"\n\x1a\n", &stream[8..]].concat()
    };
    vec![
        ("nothing", "key", "cut", 0, Vec::new()),
        ("other-file", "key", "magic", 0, b"\0\0\0\x20ftypisom".repeat(200)),
        ("mangled-utf16", "key", "magic", 0, utf16),
        ("mangled-text", "key", "magic", 0, text),
        ("version-0", "key", "version", 0, field(8, &[0])),
        ("version-2", "key", "version", 0, field(8, &[2])),
        ("frame-size-2-to-11", "key", "frame-size", 0, field(9, &[11])),
        ("frame-size-2-to-25", "key", "frame-size", 0, field(9, &[25])),
        ("header-length-448", "key", "header-length", 0, field(32, &[7, 0])),
        ("header-length-65600", "key", "header-length", 0, field(32, &[1, 4])),
        ("header-cut-in-the-magic", "key", "cut", 0, plain.header()[..5].to_vec()),
        ("header-cut-in-the-first-copy", "key", "cut", 0, plain.header()[..300].to_vec()),
        ("header-cut-in-the-second-copy", "key", "cut", 0, plain.header()[..800].to_vec()),
        ("both-copies-damaged", "key", "damaged", 0, flipped(plain.stream(5), &[100, HEADER + 100])),
        ("unknown-feature", "key", "features", 0, field(12, &[4])),
        ("private-stage", "key", "features", 0, field(15, &[0x80])),
        ("reserved-at-10", "key", "reserved", 0, field(10, &[1])),
        ("reserved-at-34", "key", "reserved", 0, field(34, &[1])),
        ("reserved-in-a-record", "key", "reserved", 0, field(49, &[1])),
        ("bytes-behind-the-records", "key", "reserved", 0, field(48 + 76 + 9, &[1])),
        ("reserved-in-a-slot", "passphrase", "reserved", 0, slot_field(2, &[1])),
        ("record-overrun", "key", "record-overrun", 0, field(50, &[0xff, 0xff])),
        ("slot-too-short", "key", "slot-length", 0, field(50, &[71, 0])),
        ("cost-n-2-to-0", "passphrase", "cost-bounds", 0, slot_field(0, &[0])),
        ("cost-n-2-to-31", "passphrase", "cost-bounds", 0, slot_field(0, &[31])),
        ("cost-n-2-to-255", "passphrase", "cost-bounds", 0, slot_field(0, &[255])),
        ("cost-r-0", "passphrase", "cost-bounds", 0, slot_field(4, &[0])),
        ("cost-r-33", "passphrase", "cost-bounds", 0, slot_field(4, &[33])),
        ("cost-r-overflows-u32", "passphrase", "cost-bounds", 0, slot_field(4, &[0xff; 4])),
        ("cost-p-0", "passphrase", "cost-bounds", 0, slot_field(8, &[0])),
        ("cost-p-17", "passphrase", "cost-bounds", 0, slot_field(8, &[17])),
        (
            "cost-all-overflow-u64",
            "passphrase",
            "cost-bounds",
            0,
            slot_field(0, &[255, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]),
        ),
        ("cost-memory", "passphrase", "cost", 0, distinct(20, 1, 1)),
        ("cost-most-memory", "passphrase", "cost", 0, Maker::with_slots(vec![costly_slot(30, 32, 16, 1)]).header()),
        ("cost-work", "passphrase", "cost", 0, distinct(19, 3, 3)),
        ("cost-work-of-two-slots", "passphrase", "cost", 0, distinct(19, 5, 2)),
        (
            "nine-passphrase-slots",
            "passphrase",
            "too-many-slots",
            0,
            Maker::with_slots(vec![passphrase_slot(PHRASE, 1); 9]).header(),
        ),
        (
            "nine-passphrase-slots-and-a-key",
            "key",
            "too-many-slots",
            0,
            Maker::with_slots(vec![passphrase_slot(PHRASE, 1); 9]).header(),
        ),
        ("no-slots", "key", "no-slot", 0, Maker::with_slots(Vec::new()).stream(5)),
        ("no-slot-for-a-passphrase", "passphrase", "no-slot", 0, plain.stream(5)),
        (
            "wrong-passphrase",
            "passphrase",
            "wrong-secret",
            0,
            Maker::with_slots(vec![passphrase_slot("another", 1)]).stream(5),
        ),
        (
            "wrong-key",
            "key",
            "wrong-secret",
            0,
            Maker::with_slots(vec![Slot::KeyFile(new_key_file_slot(
                &file_key(),
                &KeyFile::from_key(Key::from_bytes([5; 32])),
                [3; 32],
            ))])
            .stream(5),
        ),
        ("right-checksum-wrong-mac", "key", "altered", 0, [unauthenticated, plain.frames(5).concat()].concat()),
        (
            "right-checksum-wrong-mac-for-a-passphrase",
            "passphrase",
            "altered",
            0,
            [checked(flipped(for_a_passphrase.copy(), &[40])).repeat(2), plain.frames(5).concat()].concat(),
        ),
        (
            "newer-copy-with-wrong-mac",
            "key",
            "altered",
            0,
            [plain.copy(), unauthenticated_newer, plain.frames(5).concat()].concat(),
        ),
        ("slot-of-another-file-key", "key", "altered", 0, two_keys.stream(5)),
        ("cost-n-2-to-16-and-r-1", "passphrase", "cost-bounds", 0, slot_field(0, &[16, 0, 0, 0, 1, 0, 0, 0])),
        ("critical-record-0xc0", "key", "critical-record", 0, with_record(0xc0)),
        ("critical-record-0xff", "key", "critical-record", 0, with_record(0xff)),
        ("no-slot-for-an-identity", "identity", "no-slot", 0, plain.stream(5)),
        ("no-slot-for-a-key", "key", "no-slot", 0, of_slots(vec![recipient_slot(FILE_KEY_FOR_AGE)])),
        (
            "wrong-identity",
            "identity",
            "wrong-secret",
            0,
            of_slots(vec![recipient_slot(&flipped(FILE_KEY_FOR_AGE.to_vec(), &[40]))]),
        ),
        (
            "recipient-damaged-payload",
            "identity",
            "wrong-secret",
            0,
            of_slots(vec![recipient_slot(&flipped(FILE_KEY_FOR_AGE.to_vec(), &[FILE_KEY_FOR_AGE.len() - 1]))]),
        ),
        (
            "recipient-damaged-mac",
            "identity",
            "wrong-secret",
            0,
            of_slots(vec![recipient_slot(&flipped(FILE_KEY_FOR_AGE.to_vec(), &[FILE_KEY_FOR_AGE.len() - 80]))]),
        ),
        (
            "recipient-of-another-file-key",
            "identity",
            "altered",
            0,
            of_slots(vec![recipient_slot(OTHER_FILE_KEY_FOR_AGE)]),
        ),
        ("recipient-empty", "key", "slot-length", 0, of_slots(vec![plain.slots[0].clone(), recipient_slot(&[])])),
        ("recipient-longest", "key", "recipient-slot", 0, of_length(16_384)),
        ("recipient-too-long", "key", "slot-length", 0, of_length(16_385)),
        ("recipient-armoured", "key", "recipient-slot", 0, {
            of_slots(vec![plain.slots[0].clone(), recipient_slot(b"-----BEGIN AGE ENCRYPTED FILE-----\n")])
        }),
        ("recipient-of-age-2", "key", "recipient-slot", 0, {
            of_slots(vec![plain.slots[0].clone(), recipient_slot(b"age-encryption.org/v2\n")])
        }),
        ("recipient-scrypt", "identity", "recipient-slot", 0, of_slots(vec![crafted_slot("-> scrypt a 30\n\n", 64)])),
        (
            "recipient-scrypt-and-a-key",
            "key",
            "recipient-slot",
            0,
            of_slots(vec![plain.slots[0].clone(), crafted_slot("-> X25519 a\n\n-> scrypt a 30\n\n", 64)]),
        ),
        (
            "recipient-17-stanzas",
            "identity",
            "recipient-slot",
            0,
            of_slots(vec![crafted_slot(&"-> a\n\n".repeat(17), 64)]),
        ),
        ("recipient-no-stanza", "identity", "recipient-slot", 0, of_slots(vec![crafted_slot("", 64)])),
        ("recipient-31-bytes", "identity", "recipient-slot", 0, of_slots(vec![crafted_slot("-> a\n\n", 63)])),
        ("recipient-33-bytes", "identity", "recipient-slot", 0, of_slots(vec![crafted_slot("-> a\n\n", 65)])),
        (
            "recipient-long-line",
            "identity",
            "recipient-slot",
            0,
            of_slots(vec![crafted_slot(&format!("-> a\n{}\n", "A".repeat(65)), 64)]),
        ),
        (
            "recipient-mac-not-canonical",
            "identity",
            "recipient-slot",
            0,
            of_slots(vec![recipient_slot(&flipped(FILE_KEY_FOR_AGE.to_vec(), &[FILE_KEY_FOR_AGE.len() - 66]))]),
        ),
        ("recipient-one-column", "identity", "recipient-slot", 0, of_slots(vec![crafted_slot("-> a\nA\n", 64)])),
        ("recipient-not-canonical", "identity", "recipient-slot", 0, of_slots(vec![crafted_slot("-> a\nAB\n", 64)])),
        // age refuses it as a whole because of its first stanza.
        (
            "recipient-malformed-stanza",
            "identity",
            "wrong-secret",
            0,
            of_slots(vec![recipient_slot(MALFORMED_STANZA_AND_FILE_KEY)]),
        ),
        ("recipients-33", "key", "too-many-slots", 0, {
            let slots = [plain.slots.clone(), vec![crafted_slot("-> a\n\n", 64); 33]].concat();
            Maker::with_slots(slots).stream(5)
        }),
    ]
}

fn bad_frames() -> Vec<Vector> {
    let plain = Maker::plain();
    let frames = plain.frames(3 * PAYLOAD + 5);
    let of = |frames: &[&Vec<u8>]| {
        [vec![plain.header()], frames.iter().map(|&frame| frame.clone()).collect()].concat().concat()
    };
    let [first, second, third, last] = frames.as_slice() else { unreachable!() };
    let other_iv =
        Maker { prefix: Prefix { iv: [6; IV_LENGTH], ..plain.prefix }, ..Maker::plain() }.frames(3 * PAYLOAD);
    let other_key = Maker { file_key: Key::from_bytes([8; 32]), ..Maker::plain() }.frames(3 * PAYLOAD);
    let early_final = plain.frame(1, tag(1, 5, TagFlags::FINAL), &plaintext(5));
    let full_final = plain.frame(1, tag(1, PAYLOAD, TagFlags::FINAL), &plaintext(PAYLOAD));
    let short_not_final = plain.frame(1, tag(1, 5, TagFlags::NONE), &plaintext(5));
    let end = HEADER * 2;
    let cut = |length: usize| plain.stream(3 * PAYLOAD + 5)[..length].to_vec();
    let garbage = |length: usize| [plain.stream(5), vec![0xaa; length]].concat();
    let tagged = |change: fn(&mut FrameTag)| plain.final_frame(change);
    let (live, timed) = (Maker::new(Features::LIVE), Maker::new(Features::TIMED));
    let live_pair = |offset: u64, padding: u8| {
        let mut field = plaintext(100);
        field.resize(PAYLOAD, padding);
        let full = live.frame(0, FrameTag { length: 100, ..tag(0, 0, TagFlags::NONE) }, &field);
        let last = live.frame(1, FrameTag { offset, ..tag(1, 5, TagFlags::FINAL) }, &plaintext(105)[100..]);
        [live.header(), full, last].concat()
    };
    // Three frames of 100, 9 and 5 bytes, with valid MACs over their changed tags.
    let live_triple = |lie: fn(&mut [FrameTag; 3])| {
        let mut tags = [
            FrameTag { length: 100, ..tag(0, 0, TagFlags::NONE) },
            FrameTag { offset: 100, ..tag(1, 9, TagFlags::NONE) },
            FrameTag { offset: 109, ..tag(2, 5, TagFlags::FINAL) },
        ];
        lie(&mut tags);
        let payloads = [0..100, 100..109, 109..114].map(|places| plaintext(114)[places].to_vec());
        let fields = payloads.into_iter().zip([PAYLOAD, PAYLOAD, 5]).map(|(mut field, length)| {
            field.resize(length, 0);
            field
        });
        let frames = tags.into_iter().zip(fields).map(|(tag, field)| live.frame(tag.index, tag, &field));
        [vec![live.header()], frames.collect()].concat().concat()
    };
    let timed_pair = |one: i64, two: i64| {
        let full = timed.frame(0, FrameTag { time: one, ..tag(0, PAYLOAD, TagFlags::NONE) }, &plaintext(PAYLOAD));
        let last =
            timed.frame(1, FrameTag { time: two, ..tag(1, 5, TagFlags::FINAL) }, &plaintext(PAYLOAD + 5)[PAYLOAD..]);
        [timed.header(), full, last].concat()
    };
    vec![
        ("no-frames", "key", "end", 0, plain.header()),
        ("cut-between-frames", "key", "end", PAYLOAD, cut(end + WIRE)),
        ("cut-before-the-final-frame", "key", "end", 3 * PAYLOAD, cut(end + 3 * WIRE)),
        ("cut-after-one-byte-of-a-frame", "key", "cut-frame", PAYLOAD, cut(end + WIRE + 1)),
        ("cut-in-a-tag", "key", "cut-frame", PAYLOAD, cut(end + WIRE + 63)),
        ("cut-in-a-payload", "key", "mac", PAYLOAD, cut(end + WIRE + 64)),
        ("cut-by-one-byte", "key", "mac", 3 * PAYLOAD, cut(end + 3 * WIRE + 64 + 4)),
        ("last-mac-missing", "key", "mac", 0, plain.stream(100)[..end + 64 + 100 - 32].to_vec()),
        ("short-middle-frame", "key", "mac", PAYLOAD, of(&[first, &short_not_final, third, last])),
        ("one-byte-behind-the-end", "key", "mac", 0, garbage(1)),
        ("a-frame-behind-the-end", "key", "mac", 0, garbage(WIRE)),
        ("more-than-a-frame-behind-the-end", "key", "mac", 0, garbage(2 * WIRE + 9)),
        ("damaged-first-frame", "key", "mac", 0, flipped(plain.stream(2 * PAYLOAD), &[end])),
        ("damaged-second-frame", "key", "mac", PAYLOAD, flipped(plain.stream(2 * PAYLOAD), &[end + WIRE + 40])),
        ("damaged-last-mac", "key", "mac", 2 * PAYLOAD, flipped(plain.stream(2 * PAYLOAD), &[end + 2 * WIRE + 63])),
        ("frame-dropped", "key", "mac", PAYLOAD, of(&[first, third, last])),
        ("first-frame-dropped", "key", "mac", 0, of(&[second, third, last])),
        ("frames-swapped", "key", "mac", PAYLOAD, of(&[first, third, second, last])),
        ("frame-doubled", "key", "mac", PAYLOAD, of(&[first, first, second, third, last])),
        ("final-frame-moved-up", "key", "mac", PAYLOAD, of(&[first, last])),
        ("spliced-same-key-other-iv", "key", "mac", PAYLOAD, of(&[first, &other_iv[1], third, last])),
        ("spliced-other-key", "key", "mac", PAYLOAD, of(&[first, &other_key[1], third, last])),
        ("final-frame-in-the-middle", "key", "mac", PAYLOAD, of(&[first, &early_final, third, last])),
        ("two-final-frames", "key", "mac", PAYLOAD, of(&[first, &early_final, &early_final])),
        ("full-frame-marked-final", "key", "final-but-full", PAYLOAD, of(&[first, &full_final])),
        ("short-frame-not-marked-final", "key", "not-final", PAYLOAD, of(&[first, &short_not_final])),
        ("interrupted-but-not-final", "key", "not-final", 0, {
            let tag = tag(0, PAYLOAD, TagFlags::INTERRUPTED);
            [plain.header(), plain.frame(0, tag, &plaintext(PAYLOAD)), early_final.clone()].concat()
        }),
        ("wrong-index", "key", "index", 0, tagged(|tag| tag.index = 1)),
        ("wrong-offset", "key", "offset", 0, tagged(|tag| tag.offset = 1)),
        ("length-too-small", "key", "length", 0, tagged(|tag| tag.length = 4)),
        ("length-too-large", "key", "length", 0, tagged(|tag| tag.length = 6)),
        ("length-overflows", "key", "length", 0, tagged(|tag| tag.length = u32::MAX)),
        ("critical-flag-2", "key", "flags", 0, tagged(|tag| tag.flags = TagFlags::from_bits(1 | 1 << 2))),
        ("critical-flag-15", "key", "flags", 0, tagged(|tag| tag.flags = TagFlags::from_bits(1 | 1 << 15))),
        ("time-in-an-untimed-stream", "key", "time", 0, tagged(|tag| tag.time = 1)),
        ("negative-time-in-an-untimed-stream", "key", "time", 0, tagged(|tag| tag.time = -1)),
        ("no-time-in-a-timed-stream", "key", "time", PAYLOAD, timed_pair(5, 0)),
        ("negative-time", "key", "time", 0, timed_pair(-5, 5)),
        ("falling-time", "key", "time", PAYLOAD, timed_pair(5, 4)),
        ("live-gap", "key", "offset", 100, live_pair(101, 0)),
        ("live-overlap", "key", "offset", 100, live_pair(99, 0)),
        ("live-dirty-padding", "key", "padding", 0, live_pair(100, 1)),
        ("live-gap-in-the-middle", "key", "offset", 100, live_triple(|tags| tags[1].offset = 101)),
        ("live-overlap-in-the-middle", "key", "offset", 100, live_triple(|tags| tags[1].offset = 99)),
        ("live-first-offset-not-0", "key", "offset", 0, live_triple(|tags| tags[0].offset = 1)),
        ("live-offset-2-to-62-in-the-middle", "key", "offset", 100, live_triple(|tags| tags[1].offset = 1 << 62)),
        ("live-offset-2-to-62-in-the-final-frame", "key", "offset", 109, live_triple(|tags| tags[2].offset = 1 << 62)),
        ("live-end-beyond-64-bits", "key", "offset", 109, live_triple(|tags| tags[2].offset = u64::MAX - 4)),
    ]
}

/// The same changes that are made to the plain stream above, made to a live one with times.
fn bad_live_frames() -> Vec<Vector> {
    let live = Maker::new(Features::LIVE.union(Features::TIMED));
    let frames = live_frames(&live);
    let of = |frames: &[&Vec<u8>]| {
        [vec![live.header()], frames.iter().map(|&frame| frame.clone()).collect()].concat().concat()
    };
    let [first, second, third, last] = &frames;
    let whole = of(&[first, second, third, last]);
    let end = HEADER * 2;
    let cut = |length: usize| whole[..length].to_vec();
    let other_iv = live_frames(&Maker {
        prefix: Prefix { iv: [6; IV_LENGTH], ..live.prefix },
        ..Maker::new(live.prefix.features)
    });
    let tagged = |length: usize, flags: TagFlags, change: fn(&mut FrameTag)| {
        let mut tag = FrameTag { time: 5, offset: 100, length: 9, ..tag(1, 9, flags) };
        change(&mut tag);
        let mut field = plaintext(109)[100..].to_vec();
        field.resize(length, 0);
        let frame = live.frame(1, tag, &field);
        // After a short frame, anything would be read as the rest of it.
        if length < PAYLOAD { of(&[first, &frame]) } else { of(&[first, &frame, last]) }
    };
    vec![
        ("live-cut-between-frames", "key", "end", 100, cut(end + WIRE)),
        ("live-cut-before-the-final-frame", "key", "end", PAYLOAD + 109, cut(end + 3 * WIRE)),
        ("live-cut-in-a-tag", "key", "cut-frame", 100, cut(end + WIRE + 63)),
        ("live-cut-in-the-padding", "key", "mac", PAYLOAD + 100, cut(end + 2 * WIRE + 1000)),
        ("live-cut-by-one-byte", "key", "cut-frame", PAYLOAD + 109, cut(end + 3 * WIRE + 63)),
        ("live-one-byte-behind-the-end", "key", "mac", PAYLOAD + 109, [whole.as_slice(), &[0xaa]].concat()),
        ("live-a-frame-behind-the-end", "key", "mac", PAYLOAD + 109, [whole.as_slice(), &[0xaa; WIRE]].concat()),
        ("live-damaged-payload", "key", "mac", 0, flipped(whole.clone(), &[end + 40])),
        ("live-damaged-padding", "key", "mac", 0, flipped(whole.clone(), &[end + 1000])),
        ("live-damaged-last-mac", "key", "mac", PAYLOAD + 109, flipped(whole.clone(), &[end + 3 * WIRE + 63])),
        ("live-frame-dropped", "key", "mac", 100, of(&[first, third, last])),
        ("live-first-frame-dropped", "key", "mac", 0, of(&[second, third, last])),
        ("live-frames-swapped", "key", "mac", 100, of(&[first, third, second, last])),
        ("live-frame-doubled", "key", "mac", 100, of(&[first, first, second, third, last])),
        ("live-final-frame-moved-up", "key", "mac", 100, of(&[first, last])),
        ("live-spliced-same-key-other-iv", "key", "mac", 100, of(&[first, &other_iv[1], third, last])),
        ("live-full-frame-marked-final", "key", "final-but-full", 100, tagged(PAYLOAD, TagFlags::FINAL, |_| {})),
        ("live-short-frame-not-marked-final", "key", "not-final", 100, tagged(9, TagFlags::NONE, |_| {})),
        ("live-length-too-large", "key", "length", 100, {
            tagged(PAYLOAD, TagFlags::NONE, |tag| tag.length = PAYLOAD as u32 + 1)
        }),
        ("live-length-too-small", "key", "padding", 100, tagged(PAYLOAD, TagFlags::NONE, |tag| tag.length = 8)),
        ("live-final-length-too-small", "key", "length", 100, tagged(9, TagFlags::FINAL, |tag| tag.length = 8)),
        ("live-falling-time", "key", "time", 100, tagged(PAYLOAD, TagFlags::NONE, |tag| tag.time = 4)),
        ("live-no-time-in-a-timed-stream", "key", "time", 100, tagged(PAYLOAD, TagFlags::NONE, |tag| tag.time = 0)),
    ]
}

fn vectors() -> Vec<Vector> {
    [sound(), bad_headers(), bad_frames(), bad_live_frames()].concat()
}

#[test]
fn a_writer_writes_live_streams_as_the_vectors_hold_them() {
    let vector = |name| vectors().into_iter().find(|vector| vector.0 == name).unwrap().4;
    let live = Maker::new(Features::LIVE.union(Features::TIMED));
    let mut writer = live.writer(Clock::Fixed(5));
    let text = plaintext(PAYLOAD + 109);
    writer.write_all(&text[..100]).unwrap();
    writer.flush().unwrap();
    writer.write_all(&text[100..]).unwrap();
    assert!(writer.finish().unwrap() == vector("live-as-written"));

    let mut writer = live.writer(Clock::Fixed(5));
    writer.write_all(&text[..100]).unwrap();
    assert!(writer.finish_interrupted().unwrap() == vector("live-interrupted"));
    assert!(live.writer(Clock::Fixed(5)).finish().unwrap() == vector("live-nothing-but-the-end"));
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

fn path(name: &str) -> PathBuf {
    folder().join(name).with_extension("reel")
}

#[test]
fn the_vectors_are_frozen_byte_for_byte() {
    let index: String = vectors()
        .iter()
        .map(|(name, secret, outcome, released, _)| format!("{name} {secret} {outcome} {released}\n"))
        .collect();
    if env::var_os("REELSEAL_WRITE_VECTORS").is_some() {
        fs::write(folder().join("INDEX"), &index).unwrap();
        fs::write(folder().join("key"), key_file().to_text().as_bytes()).unwrap();
        for (name, _, _, _, bytes) in vectors() {
            fs::write(path(name), bytes).unwrap();
        }
    }
    assert_eq!(fs::read_to_string(folder().join("INDEX")).unwrap(), index);
    for (name, _, _, _, bytes) in vectors() {
        assert!(fs::read(path(name)).unwrap() == bytes, "{name}");
    }
}

#[test]
fn the_independent_reader_is_short_enough_to_be_read() {
    let beside = independent_reader().with_file_name("age_slot.py");
    for (path, most) in [(independent_reader(), 215), (beside, 105)] {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= most, "{}: {lines}", path.display());
    }
}

fn independent_reader() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reference/reelseal.py")
}

fn credential(secret: &str) -> Credential {
    match secret {
        "key" => key_file().into(),
        "identity" => {
            let mut identities = Identities::default();
            identities.add_file("identity", &fs::read(folder().join("identity")).unwrap(), &age::NoCallbacks).unwrap();
            identities.into()
        }
        _ => Passphrase::new(PHRASE).unwrap().into(),
    }
}

/// The verdict of a reader on `stream`, and what it released.
fn read(stream: &[u8], secret: &str) -> (&'static str, Vec<u8>) {
    let mut credential = credential(secret);
    let mut released = Vec::new();
    let outcome = match Reader::open_with(stream, &mut credential, Vec::new()) {
        Err(OpenError::Header(HeaderReadError::Refused(refused))) => header_outcome(&refused.error),
        Err(OpenError::Unlock(error)) => unlock_outcome(&error),
        Err(error) => panic!("{error}"),
        Ok(mut reader) => match reader.read_to_end(&mut released) {
            Ok(_) if reader.damaged_copy().is_some() => "whole-but-a-copy",
            Ok(_) => "whole",
            Err(error) => frame_outcome(&error),
        },
    };
    (outcome, released)
}

fn header_outcome(error: &HeaderError) -> &'static str {
    match error {
        HeaderError::NotReelseal(_) => "magic",
        HeaderError::Cut => "cut",
        HeaderError::Version(_) => "version",
        HeaderError::FrameSize(_) => "frame-size",
        HeaderError::HeaderLength(_) => "header-length",
        HeaderError::Damaged => "damaged",
        HeaderError::UnknownFeatures(_) => "features",
        HeaderError::ReservedNotZero => "reserved",
        HeaderError::Records(error) => match error {
            RecordError::Overrun => "record-overrun",
            RecordError::ReservedNotZero => "reserved",
            RecordError::SlotLength { .. } | RecordError::RecipientSlotLength { .. } => "slot-length",
            RecordError::UnknownCritical { .. } => "critical-record",
            other => panic!("{other}"),
        },
        other => panic!("{other}"),
    }
}

fn unlock_outcome(error: &UnlockError) -> &'static str {
    match error {
        UnlockError::Header(error) => header_outcome(error),
        UnlockError::TooManySlots(_) | UnlockError::TooManyRecipientSlots(_) => "too-many-slots",
        UnlockError::RecipientSlot(_) => "recipient-slot",
        UnlockError::Kdf(KdfError::OutOfBounds { .. }) => "cost-bounds",
        UnlockError::Kdf(KdfError::Memory { .. } | KdfError::Work { .. }) => "cost",
        UnlockError::NoSuchSlot { .. } => "no-slot",
        UnlockError::WrongSecret(_) => "wrong-secret",
        UnlockError::Altered => "altered",
        other => panic!("{other}"),
    }
}

fn frame_outcome(error: &io::Error) -> &'static str {
    match error.get_ref().unwrap().downcast_ref().unwrap() {
        StreamError::EndBeforeFinalFrame { .. } => "end",
        StreamError::CutFrame { .. } => "cut-frame",
        StreamError::Frame { fault, .. } => match fault {
            FrameFault::Mac => "mac",
            FrameFault::Index(_) => "index",
            FrameFault::Offset(_) => "offset",
            FrameFault::Length(_) => "length",
            FrameFault::Time(_) => "time",
            FrameFault::FinalButFull => "final-but-full",
            FrameFault::NotFinal => "not-final",
            FrameFault::UnknownFlags(_) => "flags",
            FrameFault::Padding => "padding",
            other => panic!("{other}"),
        },
        other => panic!("{other}"),
    }
}

/// The exit code of the command for an outcome.
fn exit_code(name: &str, outcome: &str) -> i32 {
    match outcome {
        "whole" | "whole-but-a-copy" => 0,
        "cost" => 2,
        // A secret of another kind opens the one stream, and nothing opens the other.
        "no-slot" => {
            if name == "no-slots" {
                4
            } else {
                2
            }
        }
        "wrong-secret" => 3,
        _ => 4,
    }
}

#[test]
fn the_library_does_with_each_vector_what_its_line_says() {
    for (name, secret, outcome, length, bytes) in vectors() {
        let (found, released) = read(&bytes, secret);
        assert_eq!((found, released.len()), (outcome, length), "{name}");
        assert!(released == plaintext(length), "{name}");
    }
}

/// Reads all of `file` in pieces, at many offsets and far beyond the end, starting from either end. Every byte read
/// must be the plaintext at its offset. Returns the bytes read, each offset once.
fn read_at_places(name: &str, file: &SealedFile<&[u8]>) -> usize {
    const PIECE: usize = 1000;
    let most = usize::try_from(file.len()).unwrap_or(usize::MAX).min(257 * PAYLOAD);
    let mut plaintext = plaintext(most + PIECE);
    if name == "interrupted-but-not-final" {
        // Its final frame holds the bytes of another offset.
        plaintext.copy_within(..5, PAYLOAD);
    }
    let mut area = [0; PIECE];
    let mut at = |place: usize| {
        let read = file.read_at(&mut area, place as u64).unwrap_or(0);
        assert!(area[..read] == plaintext[place..place + read], "{name}, {read} bytes at {place}");
        read
    };
    let around_frames = (0..most).step_by(PAYLOAD).flat_map(|place| [place.saturating_sub(1), place]);
    around_frames.for_each(|place| _ = at(place));
    (0..114).rev().for_each(|place| _ = at(place.min(most)));
    let count = (0..=most).step_by(PIECE).map(&mut at).sum();
    for place in [1 << 62, (1 << 62) + 100, u64::MAX - 4, u64::MAX] {
        assert_eq!(file.read_at(&mut area, place).unwrap_or(0), 0, "{name} at {place}");
    }
    count
}

#[test]
fn random_access_to_each_vector_gives_the_plaintext_at_its_offset_or_nothing() {
    for (name, secret, outcome, length, bytes) in vectors() {
        let open = || SealedFile::open(bytes.as_slice(), credential(secret));
        let open_unfinished = || SealedFile::open_unfinished(bytes.as_slice(), credential(secret));
        for file in [open(), open_unfinished()] {
            let is_whole = outcome.starts_with("whole");
            match file {
                Ok(file) => {
                    let read = read_at_places(name, &file);
                    if is_whole {
                        assert_eq!((read, file.len(), file.is_whole()), (length, length as u64, true), "{name}");
                    }
                }
                Err(error) => assert!(!is_whole, "{name}: {error}"),
            }
        }
    }
}

/// The path of one of the vectors' secrets, which from now on only its owner can read: a clone does not preserve that
/// mode.
fn private(name: &str) -> PathBuf {
    let path = folder().join(name);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

#[test]
fn the_command_does_with_each_vector_what_its_line_says_for_a_file_and_for_a_pipe() {
    let folder = Folder::new();
    for (name, secret, outcome, length, bytes) in vectors() {
        let command = |arguments: &[&str]| {
            let mut command = folder.reelseal(arguments);
            match secret {
                "key" => command.arg("--key-file").arg(private("key")),
                "identity" => command.arg("--identity").arg(private("identity")),
                _ => command.env("REELSEAL_PASSPHRASE", PHRASE),
            };
            command
        };
        let piped = support::feed(&mut command(&["decrypt", "--threads", "3"]), &bytes);
        assert_eq!(piped.status.code(), Some(exit_code(name, outcome)), "{name}: {}", support::text(&piped.stderr));
        assert!(piped.stdout == plaintext(length), "{name}");

        let output = folder.path("output");
        let file = command(&["decrypt", path(name).to_str().unwrap(), "-o", "output"]).output().unwrap();
        let reported = support::text(&file.stderr);
        assert_eq!(file.status.code(), Some(exit_code(name, outcome)), "{name}: {reported}");
        assert_eq!(reported.is_empty(), outcome == "whole", "{name}: {reported}");
        if outcome.starts_with("whole") {
            assert!(fs::read(&output).unwrap() == plaintext(length), "{name}");
            fs::remove_file(&output).unwrap();
        } else {
            assert!(reported.starts_with("reelseal: "), "{name}: {reported}");
        }
        assert_eq!(folder.names(), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn verify_calls_only_whole_vectors_whole() {
    let folder = Folder::new();
    for (name, secret, outcome, length, bytes) in vectors() {
        let verify = |input: &str| {
            let mut command = folder.reelseal(&["verify", input]);
            match secret {
                "key" => command.arg("--key-file").arg(private("key")),
                "identity" => command.arg("--identity").arg(private("identity")),
                _ => command.env("REELSEAL_PASSPHRASE", PHRASE),
            };
            command
        };
        let file = verify(path(name).to_str().unwrap()).output().unwrap();
        for output in [file, support::feed(&mut verify("-"), &bytes)] {
            let (said, reported) = (support::text(&output.stdout), support::text(&output.stderr));
            assert_eq!(output.status.code(), Some(exit_code(name, outcome)), "{name}: {reported}");
            if outcome.starts_with("whole") {
                let bytes = if length == 1 { "byte" } else { "bytes" };
                assert!(said.contains(&format!(": whole, {length} {bytes}, ")), "{name}: {said}");
            } else {
                assert_eq!(said, "", "{name}: {reported}");
            }
            assert_eq!(reported.is_empty(), outcome == "whole", "{name}: {reported}");
        }
        assert_eq!(folder.names(), Vec::<String>::new(), "{name}");
    }
}

/// Changes the key slots of a vector that opens with the key; returns the vector, the command's output, and the new
/// stream.
fn with_new_key_file(folder: &Folder, name: &str) -> (Vec<u8>, Output, Vec<u8>) {
    let bytes = fs::read(path(name)).unwrap();
    folder.write("stream", &bytes);
    let mut passwd = folder.reelseal(&["passwd", "stream", "--quiet", "--new-key-file", "key"]);
    let output = passwd.arg("--key-file").arg(private("key")).output().unwrap();
    (bytes, output, folder.read("stream"))
}

#[test]
fn a_rewritten_header_keeps_records_of_unknown_kinds_byte_for_byte() {
    let folder = Folder::new();
    for name in ["unknown-record", "unknown-record-0xbf", "age-recipient-slot"] {
        let (before, output, after) = with_new_key_file(&folder, name);
        support::assert_done(&output);
        let (slot, others) = (RECORDS_START..RECORDS_START + KEY_FILE_SLOT, RECORDS_START + KEY_FILE_SLOT..HEADER - 48);
        for copy in after[..2 * HEADER].chunks(HEADER) {
            assert_ne!(copy[slot.clone()], before[slot.clone()], "{name}");
            assert_eq!(copy[others.clone()], before[others.clone()], "{name}");
        }
        assert_eq!(folder.run(&["decrypt", "stream", "-o", "-"]).stdout, plaintext(5), "{name}");
    }
}

#[test]
fn a_header_with_an_unknown_critical_record_is_not_rewritten() {
    let folder = Folder::new();
    for (name, kind) in [("critical-record-0xc0", "0xc0"), ("critical-record-0xff", "0xff")] {
        let (before, output, after) = with_new_key_file(&folder, name);
        support::assert_refused(&output, 4, &format!("a critical record of unknown kind {kind}"));
        assert!(after == before, "{name}");
    }
}

#[test]
#[ignore = "needs python3 with cryptography and blake3"]
fn an_independent_reader_says_the_same_about_each_vector() {
    let reader = independent_reader();
    for (name, secret, outcome, length, _) in vectors() {
        let command = &mut Command::new("python3");
        command.arg(&reader).arg(path(name));
        match secret {
            "key" => command.arg("--key-file").arg(private("key")),
            "identity" => command.arg("--identity").arg(private("identity")),
            _ => command.args(["--passphrase", PHRASE]),
        };
        let output = command.output().unwrap();
        let reported = support::text(&output.stderr);
        let expected = match outcome {
            "whole" => "",
            "whole-but-a-copy" => "damaged-copy\n",
            outcome => &format!("{outcome}\n"),
        };
        assert_eq!(reported, expected, "{name}");
        assert!(output.stdout == plaintext(length), "{name}");
    }
}
