//! Segments of recordings, frozen in tests/vectors/recording, and series of them, each with a line in its INDEX of what
//! must be reported: the segments in order, and whether they are whole or which of them does not continue the one
//! before, and why. With REELSEAL_WRITE_VECTORS=1, this file, which makes them all, writes them again.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

#[path = "vectors/maker.rs"]
#[allow(dead_code, reason = "the other vectors use the rest of it")]
mod maker;
mod support;

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Output},
};

use maker::{Maker, PAYLOAD, WIRE, key_file, plaintext};
use reelseal::{
    container::{Features, FrameTag, IV_LENGTH, PREFIX_LENGTH, Prefix, Slot, TagFlags},
    keys::{Key, new_key_file_slot},
};
use support::{Folder, text};

const SEGMENT_LENGTH: usize = PAYLOAD + 100;
const SEGMENT_FEATURES: Features = Features::LIVE.union(Features::TIMED);

/// A segment under construction.
struct Segment {
    file_key: [u8; 32],
    prefix: [u8; PREFIX_LENGTH],
    /// The body of its record.
    record: Vec<u8>,
    offset: usize,
    header: Vec<u8>,
    frames: Vec<Vec<u8>>,
}

impl Segment {
    /// Segment `number` of the recording `recording`: a full frame, a shorter one, and the final one. `before` is the
    /// segment that it follows, with the number of its frames that its recorder knew of, and whether the last of those
    /// is the final one.
    fn new(recording: u8, number: u64, offset: usize, is_last: bool, before: Option<(&Self, usize, bool)>) -> Self {
        let mut fields = vec![recording; 16];
        fields.extend(number.to_le_bytes());
        fields.extend((offset as u64).to_le_bytes());
        let (frames, mac, is_final) = before.map_or((0, [0; 32], false), |(segment, frames, is_final)| {
            let last = frames.checked_sub(1).map(|last| &segment.frames[last]);
            (frames, last.map_or([0; 32], |last| last[last.len() - 32..].try_into().unwrap()), is_final)
        });
        fields.extend((frames as u64).to_le_bytes());
        fields.extend(mac);
        fields.extend(u32::from(is_final).to_le_bytes());
        Self::with_fields(recording, number, offset, is_last, &fields, before.map(|(segment, ..)| segment))
    }

    fn with_fields(
        recording: u8,
        number: u64,
        offset: usize,
        is_last: bool,
        fields: &[u8],
        linked_to: Option<&Self>,
    ) -> Self {
        let salt = recording.wrapping_mul(16).wrapping_add(number as u8);
        let maker = maker([salt; 32], [salt; IV_LENGTH], SEGMENT_FEATURES);
        Self::linked(&maker, offset, is_last, fields, linked_to)
    }

    /// The stream of `maker` with these fields, and the link to the segment before it.
    fn linked(maker: &Maker, offset: usize, is_last: bool, fields: &[u8], linked_to: Option<&Self>) -> Self {
        let link = linked_to.map_or([0; 32], |before| {
            let prefix = maker.prefix.encode();
            let derived =
                |context, file_key: &[u8], prefix: &[u8]| blake3::derive_key(context, &[file_key, prefix].concat());
            let key = derived("reelseal v1 recording link", &before.file_key, &before.prefix);
            let own = derived("reelseal v1 recording segment", maker.file_key.bytes(), &prefix);
            *blake3::keyed_hash(&key, &[fields, &prefix, &own].concat()).as_bytes()
        });
        Self::sealed(maker, offset, is_last, [fields, &link].concat())
    }

    /// The stream of `maker` with this record.
    fn sealed(maker: &Maker, offset: usize, is_last: bool, record: Vec<u8>) -> Self {
        let time = if maker.prefix.features.contains(Features::TIMED) { 5 } else { 0 };
        let header = maker.header_with_record(0x80, &record);
        let frame = |index: u64, from: usize, length: usize, flags: TagFlags| {
            let mut field = plaintext(offset + from + length)[offset + from..].to_vec();
            if !flags.is_final() {
                field.resize(PAYLOAD, 0);
            }
            maker.frame(index, FrameTag { index, time, offset: from as u64, length: length as u32, flags }, &field)
        };
        let last = if is_last { TagFlags::FINAL } else { TagFlags::FINAL.union(TagFlags::CONTINUED) };
        let frames = vec![
            frame(0, 0, PAYLOAD, TagFlags::NONE),
            frame(1, PAYLOAD, 100, TagFlags::NONE),
            frame(2, SEGMENT_LENGTH, 0, last),
        ];
        Self { file_key: *maker.file_key.bytes(), prefix: maker.prefix.encode(), record, offset, header, frames }
    }

    /// What can be made of this segment without its file key: a stream with the same prefix and the same whole record,
    /// but another file key.
    fn copied(&self, file_key: u8, is_last: bool) -> Self {
        let iv = *self.prefix.last_chunk().unwrap();
        Self::sealed(&maker([file_key; 32], iv, SEGMENT_FEATURES), self.offset, is_last, self.record.clone())
    }

    /// This segment, after the one before it, as a stream with these features.
    fn with_features(&self, features: Features, before: &Self) -> Self {
        let maker = maker(self.file_key, *self.prefix.last_chunk().unwrap(), features);
        Self::linked(&maker, self.offset, false, &self.record[..76], Some(before))
    }

    /// The first `frames` frames of the segment, and nothing after them.
    fn bytes(&self, frames: usize) -> Vec<u8> {
        [self.header.clone(), self.frames[..frames].concat()].concat()
    }

    fn next(&self, recording: u8, number: u64, is_last: bool) -> Self {
        Self::new(recording, number, self.offset + SEGMENT_LENGTH, is_last, Some((self, 3, true)))
    }
}

fn maker(file_key: [u8; 32], iv: [u8; IV_LENGTH], features: Features) -> Maker {
    let mut maker = Maker::new(features);
    maker.prefix = Prefix { iv, ..maker.prefix };
    maker.file_key = Key::from_bytes(file_key);
    maker.slots = vec![Slot::KeyFile(new_key_file_slot(&maker.file_key, &key_file(), [3; 32]))];
    maker
}

/// All segments, by name.
fn segments() -> Vec<(&'static str, Vec<u8>)> {
    let first = Segment::new(1, 1, 0, false, None);
    let second = first.next(1, 2, false);
    let third = second.next(1, 3, true);
    let other_first = Segment::new(2, 1, 0, false, None);
    let other_second = other_first.next(2, 2, true);
    // Everything that can be known without the file key of the first segment is right.
    let forged = {
        let forger = Segment::new(3, 1, 0, false, None);
        let mut fields = vec![1; 16];
        fields.extend(2_u64.to_le_bytes());
        fields.extend((SEGMENT_LENGTH as u64).to_le_bytes());
        fields.extend(3_u64.to_le_bytes());
        fields.extend(&first.frames[2][first.frames[2].len() - 32..]);
        fields.extend(1_u32.to_le_bytes());
        Segment::with_fields(3, 2, SEGMENT_LENGTH, true, &fields, Some(&forger))
    };
    let copied = second.copied(99, false);
    let after_copied = copied.next(1, 3, true);
    // The recorder could not write the final frame of the second segment, or not even the frames before it.
    let after_unfinished = Segment::new(1, 3, SEGMENT_LENGTH * 2, true, Some((&second, 2, false)));
    let after_one_frame = Segment::new(1, 3, SEGMENT_LENGTH + PAYLOAD, true, Some((&second, 1, false)));
    let after_no_frame = Segment::new(1, 3, SEGMENT_LENGTH, true, Some((&second, 0, false)));
    // Linked to the second segment, but to another state of it.
    let after_another_state = Segment::new(1, 3, SEGMENT_LENGTH * 2, true, Some((&second, 2, true)));
    let at_another_offset = Segment::new(1, 3, SEGMENT_LENGTH, true, Some((&second, 3, true)));
    vec![
        ("first", first.bytes(3)),
        ("second", second.bytes(3)),
        ("third", third.bytes(3)),
        ("other-first", other_first.bytes(3)),
        ("other-second", other_second.bytes(3)),
        ("forged-second", forged.bytes(3)),
        ("second-copied", copied.bytes(3)),
        ("second-copied-as-the-last", second.copied(99, true).bytes(3)),
        ("third-after-copied", after_copied.bytes(3)),
        ("second-not-timed", second.with_features(Features::LIVE, &first).bytes(3)),
        ("second-not-live", second.with_features(Features::TIMED, &first).bytes(3)),
        ("second-unfinished", second.bytes(2)),
        ("second-of-one-frame", second.bytes(1)),
        ("second-with-part-of-a-frame", [second.bytes(2), vec![0; WIRE / 2]].concat()),
        ("third-after-unfinished", after_unfinished.bytes(3)),
        ("third-after-one-frame", after_one_frame.bytes(3)),
        ("third-after-no-frame", after_no_frame.bytes(3)),
        ("third-after-another-state", after_another_state.bytes(3)),
        ("third-at-another-offset", at_another_offset.bytes(3)),
    ]
}

/// Series of segments: their names, the outcome, and how many bytes are delivered.
fn series() -> Vec<(&'static str, &'static str, usize)> {
    vec![
        ("first second third", "whole", 3 * SEGMENT_LENGTH),
        ("second third", "whole", 2 * SEGMENT_LENGTH),
        ("first second", "whole", 2 * SEGMENT_LENGTH),
        ("first third", "1 gap", 0),
        ("second first", "1 out-of-order", 0),
        ("first second second", "2 doubled", 0),
        ("first other-second", "1 other-recording", 0),
        ("first second other-first", "2 other-recording", 0),
        ("first forged-second", "1 not-linked", 0),
        ("forged-second third", "1 not-linked", 0),
        ("first second-copied", "1 not-linked", 0),
        ("first second-copied-as-the-last", "1 not-linked", 0),
        ("first second-copied third-after-copied", "1 not-linked", 0),
        ("second-copied third", "1 not-linked", 0),
        ("first second-not-timed", "1 no-segment", 0),
        ("first second-not-live", "1 no-segment", 0),
        ("first second-unfinished", "1 unfinished", 0),
        ("first second-unfinished third", "2 end-missing", 0),
        ("second-of-one-frame third-after-unfinished", "1 end-missing", 0),
        ("first second-unfinished third-after-unfinished", "2 unfinished", 0),
        ("second-with-part-of-a-frame third-after-unfinished", "1 unfinished", 0),
        ("second-unfinished third-after-one-frame", "1 unfinished", 0),
        ("second-unfinished third-after-no-frame", "1 unfinished", 0),
        ("second third-after-unfinished", "1 altered", 0),
        ("second third-after-another-state", "1 altered", 0),
        ("second third-at-another-offset", "1 altered", 0),
    ]
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/recording")
}

fn paths(names: &str) -> Vec<PathBuf> {
    names.split(' ').map(|name| folder().join(name).with_extension("reel")).collect()
}

/// The plaintext of a series that is whole.
fn expected(names: &str, length: usize) -> Vec<u8> {
    let start = if names.starts_with("second") { SEGMENT_LENGTH } else { 0 };
    if length == 0 { Vec::new() } else { plaintext(start + length)[start..].to_vec() }
}

#[test]
fn the_segments_are_frozen_byte_for_byte() {
    let index: String =
        series().iter().map(|(names, outcome, length)| format!("{names}: {outcome}, {length} bytes\n")).collect();
    if env::var_os("REELSEAL_WRITE_VECTORS").is_some() {
        fs::create_dir_all(folder()).unwrap();
        fs::write(folder().join("INDEX"), &index).unwrap();
        segments().iter().for_each(|(name, bytes)| fs::write(&paths(name)[0], bytes).unwrap());
    }
    assert_eq!(fs::read_to_string(folder().join("INDEX")).unwrap(), index);
    for (name, bytes) in segments() {
        assert!(fs::read(&paths(name)[0]).unwrap() == bytes, "{name}");
    }
}

/// What the command does with a series.
fn decrypt(folder: &Folder, names: &str, more: &[&str]) -> Output {
    fs::write(folder.path("vector-key"), key_file().to_text().as_bytes()).unwrap();
    let mut command = folder.reelseal(&[&["decrypt", "-o", "-", "--key-file", "vector-key"], more].concat());
    command.args(paths(names)).output().unwrap()
}

#[test]
fn the_command_reports_on_each_series_what_its_line_says_and_delivers_all_or_nothing() {
    let folder = Folder::new();
    for (names, outcome, length) in series() {
        let output = decrypt(&folder, names, &[]);
        let reported = text(&output.stderr);
        let why = outcome.split(' ').next_back().unwrap();
        let (code, fact) = match why {
            "whole" => (0, ""),
            "gap" => (2, "does not follow"),
            "out-of-order" => (2, "in the recording"),
            "doubled" => (2, "has the same number in the recording as"),
            "other-recording" => (2, "belongs to a different recording from"),
            "no-segment" => (2, "is not a segment of a recording"),
            "not-linked" => (4, "was not made by the recorder of"),
            "altered" => (4, "was started after a different version of"),
            "end-missing" => (4, " is missing"),
            "unfinished" => (4, "is unfinished"),
            other => panic!("{other}"),
        };
        assert_eq!(output.status.code(), Some(code), "{names}: {reported}");
        assert!(reported.contains(fact), "{names}: {reported}");
        assert!(output.stdout == expected(names, length), "{names}");
    }
}

#[test]
fn gaps_are_passed_over_only_if_that_is_asked_for_and_forgeries_never() {
    let folder = Folder::new();
    for (names, outcome, _) in series() {
        let output = decrypt(&folder, names, &["--allow-gaps"]);
        let why = outcome.split(' ').next_back().unwrap();
        let is_passed_over = matches!(why, "whole" | "gap" | "other-recording" | "end-missing" | "unfinished");
        assert_eq!(output.status.success(), is_passed_over, "{names}: {}", text(&output.stderr));
        assert_eq!(output.stdout.is_empty(), !is_passed_over, "{names}");
    }
    // What was written again in the next segment is not repeated.
    let doubled = decrypt(&folder, "second-unfinished third-after-one-frame", &["--allow-gaps"]);
    let start = SEGMENT_LENGTH;
    assert!(doubled.stdout == plaintext(start + PAYLOAD + SEGMENT_LENGTH)[start..]);
}

#[test]
fn a_segment_after_a_gap_takes_nothing_from_the_one_before_it_whatever_it_says_of_its_place() {
    let folder = Folder::new();
    let forger = Segment::new(9, 1, 0, false, None);
    let forged = Segment::new(1, 3, 0, true, Some((&forger, 3, true)));
    fs::write(folder.path("vector-key"), key_file().to_text().as_bytes()).unwrap();
    fs::write(folder.path("third.reel"), forged.bytes(3)).unwrap();
    let first = paths("first");
    let first = first[0].to_str().unwrap();
    let arguments = ["decrypt", "--key-file", "vector-key", "--allow-gaps", "-o", "-", first, "third.reel"];
    let output = folder.reelseal(&arguments).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let segment = plaintext(SEGMENT_LENGTH);
    assert!(output.stdout == [segment.as_slice(), &segment].concat());
    let reported = text(&output.stderr);
    assert!(reported.contains("warning: third.reel: does not follow"), "{reported}");
    assert!(reported.contains("segment 2 is missing"), "{reported}");
}

#[test]
#[ignore = "needs python3 with cryptography and blake3"]
fn an_independent_reader_says_the_same_about_each_series() {
    let reader = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reference/recording.py");
    let folder = Folder::new();
    fs::write(folder.path("vector-key"), key_file().to_text().as_bytes()).unwrap();
    for (names, outcome, length) in series() {
        let mut python = Command::new("python3");
        python.arg(&reader).args(paths(names)).arg("--key-file").arg(folder.path("vector-key"));
        let output = python.output().unwrap();
        let expected_report = if outcome == "whole" { String::new() } else { format!("{outcome}\n") };
        assert_eq!(text(&output.stderr), expected_report, "{names}");
        assert!(output.stdout == expected(names, length), "{names}");
    }
}
