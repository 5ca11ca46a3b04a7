//! A sound stream, plain or live, altered in every possible way of several kinds: only a prefix of whole verified
//! frames is released, and the error is the one that the specification names for that place.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::io::{Read, Write};

use reelseal::{
    container::{CopyNumber, Features, FrameSize, Header, HeaderError, HeaderLength, IV_LENGTH, Prefix, Slot},
    keys::{Key, KeyFile, StageKeys, new_key_file_slot},
    stage::FrameFault,
    stream::{Clock, HeaderReadError, OpenError, Reader, StreamError, Writer},
};
use support::{Folder, assert_refused, plaintext, text};

const SIZE: FrameSize = FrameSize::MIN;
const PAYLOAD: usize = SIZE.payload();
const WIRE: usize = SIZE.wire();
const HEADER: usize = HeaderLength::MIN.bytes();
const FRAMES_START: usize = 2 * HEADER;
const LENGTH: usize = 2 * PAYLOAD + 9;

fn key_file() -> KeyFile {
    KeyFile::from_key(Key::from_bytes([4; 32]))
}

/// A sound stream.
struct Sound {
    stream: Vec<u8>,
    /// Where the payload of each frame ends in the plaintext.
    ends: Vec<usize>,
}

impl Sound {
    /// What is released when the first `frames` frames are sound.
    fn released(&self, frames: usize) -> Vec<u8> {
        plaintext(frames.checked_sub(1).map_or(0, |last| self.ends[last]))
    }

    fn last_frame(&self) -> usize {
        self.ends.len() - 1
    }

    /// The frames as they appear in the stream.
    fn frames(&self) -> Vec<&[u8]> {
        self.stream[FRAMES_START..].chunks(WIRE).collect()
    }
}

fn writer(features: Features, iv: u8) -> Writer<Vec<u8>> {
    let file_key = Key::from_bytes([9; 32]);
    let slot = Slot::KeyFile(new_key_file_slot(&file_key, &key_file(), [3; 32]));
    let prefix = Prefix { frame_size: SIZE, features, iv: [iv; IV_LENGTH] };
    let header = Header { prefix, length: HeaderLength::MIN, generation: 1, records: vec![(&slot).into()] };
    let keys = StageKeys::derive(&file_key, &prefix);
    let clock = if features.contains(Features::TIMED) { Clock::Fixed(5) } else { Clock::None };
    Writer::new(Vec::new(), &header, &keys, Vec::new(), clock).unwrap()
}

/// A stream of three frames, the last of nine bytes.
fn plain_with_iv(iv: u8) -> Sound {
    let mut writer = writer(Features::NONE, iv);
    writer.write_all(&plaintext(LENGTH)).unwrap();
    Sound { stream: writer.finish().unwrap(), ends: vec![PAYLOAD, 2 * PAYLOAD, LENGTH] }
}

/// A live stream with times: a frame that was flushed, a full one, one that the end flushed, and the empty final one.
fn live_with_iv(iv: u8) -> Sound {
    let mut writer = writer(Features::LIVE.union(Features::TIMED), iv);
    let ends = vec![100, 100 + PAYLOAD, 109 + PAYLOAD, 109 + PAYLOAD];
    writer.write_all(&plaintext(ends[0])).unwrap();
    writer.flush().unwrap();
    writer.write_all(&plaintext(ends[2])[ends[0]..]).unwrap();
    Sound { stream: writer.finish().unwrap(), ends }
}

fn stream() -> Vec<u8> {
    plain_with_iv(7).stream
}

fn sound_streams() -> [Sound; 2] {
    [plain_with_iv(7), live_with_iv(7)]
}

/// How reading ended: whole, perhaps with a damaged copy; refused at a frame; refused at the header.
enum Outcome {
    Whole(Option<CopyNumber>),
    Frames(StreamError),
    Header(HeaderError),
}

fn read(stream: &[u8]) -> (Outcome, Vec<u8>) {
    let mut released = Vec::new();
    let outcome = match Reader::open(stream, key_file()) {
        Err(OpenError::Header(HeaderReadError::Refused(refused))) => Outcome::Header(refused.error),
        Err(error) => panic!("{error}"),
        Ok(mut reader) => match reader.read_to_end(&mut released) {
            Ok(_) => Outcome::Whole(reader.damaged_copy()),
            Err(error) => Outcome::Frames(error.into_inner().unwrap().downcast().map(|error| *error).unwrap()),
        },
    };
    (outcome, released)
}

/// Asserts that `altered`, which was made from `sound`, is refused for the MAC of this frame, and that the frames
/// before it are released.
#[track_caller]
fn assert_refused_at(frame: usize, sound: &Sound, altered: &[u8], what: &str) {
    let (outcome, released) = read(altered);
    let refused = matches!(
        outcome,
        Outcome::Frames(StreamError::Frame { index, fault: FrameFault::Mac }) if index == frame as u64
    );
    assert!(refused, "{what}");
    assert!(released == sound.released(frame), "{what}");
}

#[test]
fn a_flipped_bit_in_one_header_copy_is_survived_and_reported() {
    for sound in sound_streams() {
        let whole = sound.released(sound.ends.len());
        for bit in 0..FRAMES_START * 8 {
            let mut flipped = sound.stream.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let expected = if bit / 8 < HEADER { CopyNumber::First } else { CopyNumber::Second };
            let (outcome, released) = read(&flipped);
            assert!(matches!(outcome, Outcome::Whole(Some(copy)) if copy == expected), "bit {bit}");
            assert!(released == whole, "bit {bit}");
        }
    }
}

/// The error that the specification names for a stream with both header copies altered in the byte at `place`.
fn fault_of_both_copies(altered: &[u8], place: usize) -> HeaderError {
    let units = u16::from_le_bytes([altered[32], altered[33]]);
    match place {
        0..8 => HeaderError::NotReelseal(None),
        8 => HeaderError::Version(altered[8]),
        9 if FrameSize::from_log2(altered[9]).is_none() => HeaderError::FrameSize(altered[9]),
        32..34 if HeaderLength::from_units(units).is_none() => HeaderError::HeaderLength(units),
        32..34 if usize::from(units) * 64 > altered.len() => HeaderError::Cut,
        _ => HeaderError::Damaged,
    }
}

#[test]
fn the_same_bit_flipped_in_both_header_copies_is_refused_with_the_error_of_its_field() {
    let stream = stream();
    for bit in 0..HEADER * 8 {
        let mut flipped = stream.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped[HEADER + bit / 8] ^= 1 << (bit % 8);
        let expected = fault_of_both_copies(&flipped, bit / 8);
        let (outcome, released) = read(&flipped);
        let refused = match outcome {
            // The guess about what a text tool may have done to it is tested elsewhere.
            Outcome::Header(HeaderError::NotReelseal(_)) => HeaderError::NotReelseal(None),
            Outcome::Header(error) => error,
            _ => panic!("bit {bit}"),
        };
        assert_eq!(refused, expected, "bit {bit}");
        assert!(released.is_empty(), "bit {bit}");
    }
}

#[test]
fn a_flipped_bit_in_a_frame_releases_just_the_frames_before_it() {
    for sound in sound_streams() {
        for bit in FRAMES_START * 8..sound.stream.len() * 8 {
            let mut flipped = sound.stream.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let frame = (bit / 8 - FRAMES_START) / WIRE;
            assert_refused_at(frame, &sound, &flipped, &format!("bit {bit}"));
        }
    }
}

#[test]
fn every_truncation_releases_whole_frames_and_says_where_the_stream_ends() {
    for sound in sound_streams() {
        for length in 0..sound.stream.len() {
            let (outcome, released) = read(&sound.stream[..length]);
            let Some(frames) = length.checked_sub(FRAMES_START) else {
                assert!(matches!(outcome, Outcome::Header(HeaderError::Cut)) && released.is_empty(), "{length}");
                continue;
            };
            let frame = frames / WIRE;
            let refused = match (outcome, frames % WIRE) {
                (Outcome::Frames(StreamError::EndBeforeFinalFrame { index }), 0) => index,
                (Outcome::Frames(StreamError::CutFrame { index }), 1..64) => index,
                (Outcome::Frames(StreamError::Frame { index, fault: FrameFault::Mac }), 64..) => index,
                _ => panic!("{length}"),
            };
            assert_eq!(refused, frame as u64, "{length}");
            assert!(released == sound.released(frame), "{length}");
        }
    }
}

#[test]
fn trailing_garbage_of_any_length_past_a_frame_is_refused() {
    for sound in sound_streams() {
        for length in 1..WIRE + 200 {
            let extended = [sound.stream.as_slice(), &vec![0; length]].concat();
            assert_refused_at(sound.last_frame(), &sound, &extended, &format!("{length} bytes"));
        }
    }
}

#[test]
fn frames_dropped_doubled_swapped_or_spliced_are_refused_at_the_first_that_is_not_in_its_place() {
    for (sound, other) in sound_streams().into_iter().zip([plain_with_iv(6), live_with_iv(6)]) {
        let (frames, foreign) = (sound.frames(), other.frames());
        let refused_at = |frame: usize, frames: &[&[u8]], what: &str| {
            let altered = [&sound.stream[..FRAMES_START], &frames.concat()].concat();
            assert_refused_at(frame, &sound, &altered, &format!("{what} {frame}"));
        };
        for place in 0..frames.len() {
            let mut doubled = frames.clone();
            doubled.insert(place, frames[place]);
            // The last frame is short, so a frame after it would be read as the rest of it.
            refused_at((place + 1).min(sound.last_frame()), &doubled, "doubled");
            let mut spliced = frames.clone();
            spliced[place] = foreign[place];
            refused_at(place, &spliced, "spliced");
            for other in place + 1..frames.len() {
                let mut swapped = frames.clone();
                swapped.swap(place, other);
                refused_at(place, &swapped, "swapped");
            }
            if place < sound.last_frame() {
                let mut dropped = frames.clone();
                dropped.remove(place);
                refused_at(place, &dropped, "dropped");
            }
        }
    }
}

#[test]
fn the_command_says_for_each_region_where_it_was_altered() {
    let folder = Folder::new();
    folder.write("key", key_file().to_text().as_bytes());
    for (place, code, fact) in [
        (100, 0, "the first of the two header copies is damaged"),
        (HEADER + 100, 0, "the second of the two header copies is damaged"),
        (FRAMES_START + 5, 4, "in frame 0, at byte 1024"),
        (FRAMES_START + 500, 4, "in frame 0, at byte 1024"),
        (FRAMES_START + WIRE - 1, 4, "in frame 0, at byte 1024"),
        (FRAMES_START + WIRE, 4, "in frame 1, at byte 5184"),
        (FRAMES_START + 2 * WIRE + 8, 4, "in frame 2, at byte 9344"),
    ] {
        let mut altered = stream();
        altered[place] ^= 0x10;
        let output = folder.pipe(&["decrypt"], &altered);
        assert_eq!(output.status.code(), Some(code), "{place}");
        assert!(text(&output.stderr).contains(fact), "{place}: {}", text(&output.stderr));
        let frames = if code == 0 { LENGTH } else { (place - FRAMES_START) / WIRE * PAYLOAD };
        assert!(output.stdout == plaintext(frames), "{place}");
    }
    for (place, fact) in [
        (0, "not a reelseal stream"),
        (8, "format version 17 is not supported"),
        (9, "the frame size 2^28 in the header is out of range"),
        (12, "both header copies are damaged"),
        (20, "both header copies are damaged"),
        (33, "the header length 4104 × 64 in the header is out of range"),
        (40, "both header copies are damaged"),
        (60, "both header copies are damaged"),
        (HEADER - 40, "both header copies are damaged"),
        (HEADER - 1, "both header copies are damaged"),
    ] {
        let mut both = stream();
        both[place] ^= 0x10;
        both[HEADER + place] ^= 0x10;
        let output = folder.pipe(&["decrypt"], &both);
        assert_refused(&output, 4, fact);
        assert_eq!(output.stdout, b"", "{place}");
    }
}
