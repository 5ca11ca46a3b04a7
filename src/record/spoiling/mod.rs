//! Segments of recordings, damaged as arbitrary bytes direct, with checks of what is reported about them and what is
//! released: for a fuzz target and a property test.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "it panics when it fails")]

mod forgeries;
mod originals;

use forgeries::ORIGINALS;
use originals::{LAYOUT, Original, open};

use crate::{
    container::FrameSize,
    record::{
        chain::{self, Break, Tail, recordings},
        growing_stream::GrowingStream,
        segment_end::{SegmentEnd, SegmentFacts},
    },
    stream::{OpenedStream, StreamFile},
};

const OPERATION: usize = 6;
const MOST_OPERATIONS: usize = 12;
const MOST_SEGMENTS: usize = 10;
const HEADER: usize = LAYOUT.frames_start() as usize;

/// A segment that still opens, and the original that it comes from.
struct Opened<'a> {
    bytes: &'a [u8],
    original: &'static Original,
    facts: SegmentFacts,
}

/// Takes segments; drops, doubles, swaps, cuts and alters them as `input` says; and checks what is reported about the
/// result, as `reelseal verify FOLDER` and `reelseal decrypt SEGMENTS` do.
///
/// # Panics
///
/// If something incomplete or altered is called whole, something is released that was not recorded there, or a fault is
/// not reported for what it is.
pub fn check_spoilt_recording(input: &[u8]) {
    let [choice, operations @ ..] = input else { return };
    let recording = [choice % 4 + 1; 16];
    let genuine = ORIGINALS.iter().filter(|original| original.is_genuine);
    let of_recording = genuine.filter(|original| original.record.recording == recording);
    let mut segments: Vec<_> = of_recording.map(|original| original.bytes.clone()).collect();
    for operation in operations.chunks_exact(OPERATION).take(MOST_OPERATIONS) {
        spoil(&mut segments, operation.first_chunk().unwrap());
    }
    let opened: Vec<_> = segments.iter().filter_map(|bytes| Some((bytes, open(bytes)?))).collect();
    let records: Vec<_> = opened.iter().map(|(_, stream)| stream.header().segment().unwrap()).collect();
    let wanted: Vec<_> = records.iter().map(|record| record.predecessor.frames).collect();
    let opened: Vec<_> = opened.into_iter().map(|(bytes, stream)| Opened::new(bytes, stream, &wanted)).collect();
    check_verify(&opened);
    for allows_gaps in [false, true] {
        check_decrypt(&opened, allows_gaps);
    }
}

fn spoil(segments: &mut Vec<Vec<u8>>, [kind, one, other, low, high, byte]: &[u8; OPERATION]) {
    let count = segments.len();
    let place = usize::from(u16::from_le_bytes([*low, *high]));
    let original = &ORIGINALS[usize::from(*other) % ORIGINALS.len()];
    let (one, other) = (usize::from(*one) % count.max(1), usize::from(*other) % count.max(1));
    if kind % 12 == 0 && count < MOST_SEGMENTS {
        segments.insert(one, original.bytes.clone());
    }
    let Some(copy) = segments.get(other).cloned() else { return };
    let length = segments[one].len();
    let at = place % (length + 1);
    let frame = |index: usize| HEADER + index * FrameSize::MIN.wire()..HEADER + (index + 1) * FrameSize::MIN.wire();
    match kind % 12 {
        1 => drop(segments.remove(one)),
        2 => segments.swap(one, other),
        3 if count < MOST_SEGMENTS => segments.insert(one, copy),
        4 => segments[one].truncate(at),
        // At the end of a frame.
        5 => segments[one].truncate(frame(place % 5).start),
        6 if at < length => segments[one][at] ^= byte,
        7 => segments[one][at..].fill(0),
        8 => segments[one].extend_from_slice(&copy[..usize::from(*byte).min(copy.len())]),
        // The frames of one segment under the header of another.
        9 if length > HEADER && copy.len() > HEADER => {
            segments[one].splice(..HEADER, copy[..HEADER].iter().copied()).for_each(drop)
        }
        // Two frames swap places.
        10 => {
            let (first, second) = (frame(place % 4), frame(usize::from(*byte) % 4));
            if first.end <= second.start && second.end <= length {
                let (front, back) = segments[one].split_at_mut(second.start);
                front[first].swap_with_slice(&mut back[..FrameSize::MIN.wire()]);
            }
        }
        // A frame is missing, or is doubled.
        11 if frame(place % 4).end <= length => {
            let frame = frame(place % 4);
            match byte % 2 {
                0 => drop(segments[one].drain(frame)),
                _ => segments[one].extend_from_within(frame),
            }
        }
        _ => {}
    }
}

impl<'a> Opened<'a> {
    fn new(bytes: &'a [u8], stream: OpenedStream, wanted: &[u64]) -> Self {
        let original = ORIGINALS.iter().find(|original| original.link.is_same(stream.link()));
        let original = original.expect("a header that nobody made");
        let record = stream.header().segment().unwrap();
        assert_eq!(record, original.record);
        let file = StreamFile::new(bytes, bytes.len() as u64, 0, LAYOUT);
        let facts = SegmentFacts::of(record, &stream, &file, wanted).unwrap();
        Self { bytes, original, facts }
    }

    /// How many frames of the original it has, if it is the original or a beginning of it.
    fn front(&self) -> Option<usize> {
        let frames = self.original.bytes[HEADER..].strip_prefix(self.bytes.get(HEADER..)?)?;
        let cut = frames.len();
        // The final frame is empty.
        let finals = usize::from(self.original.is_final);
        Some(if cut == 0 {
            self.original.frames.len()
        } else {
            let left = (self.bytes.len() - HEADER) / FrameSize::MIN.wire();
            left.min(self.original.frames.len() - finals)
        })
    }

    fn is_intact(&self) -> bool {
        self.original.bytes[HEADER..] == self.bytes[HEADER.min(self.bytes.len())..]
    }

    /// What is released of it, at most `length` bytes, and whether that many were.
    fn release(&self, length: u64) -> (Vec<u8>, bool) {
        let mut frames = GrowingStream::new(self.bytes, open(self.bytes).unwrap(), 0);
        let mut released = Vec::new();
        let mut is_final = false;
        while !is_final && (released.len() as u64) < length {
            let Ok(Some(frame)) = frames.next_frame() else { return (released, false) };
            is_final = frame.tag().flags.is_final();
            let left = length - released.len() as u64;
            let wanted = frame.payload().len().min(usize::try_from(left).unwrap());
            released.extend(&frame.payload()[..wanted]);
        }
        let is_all = released.len() as u64 == length;
        (released, is_all)
    }

    /// Whether each of its frames authenticates, up to the final one.
    fn is_sound(&self) -> bool {
        let mut frames = GrowingStream::new(self.bytes, open(self.bytes).unwrap(), 0);
        let mut length = HEADER;
        while let Ok(Some(frame)) = frames.next_frame() {
            length += frame.wire_length();
            if frame.tag().flags.is_final() {
                return length == self.bytes.len();
            }
        }
        false
    }
}

/// Why `next` should not continue `segment`, if each is an original or the beginning of one.
fn expected(segment: &Opened<'_>, next: &Opened<'_>) -> Option<Result<(), Break>> {
    let (front, _) = (segment.front()?, next.front()?);
    let (one, other) = (segment.original, next.original);
    let (number, following) = (one.record.number, other.record.number);
    Some(if one.record.recording != other.record.recording {
        Err(Break::OtherRecording)
    } else if following < number {
        Err(Break::OutOfOrder)
    } else if following == number {
        Err(Break::Doubled)
    } else if following > number + 1 {
        Err(Break::Gap(number + 1..=following - 1))
    } else if !one.is_genuine || !other.is_genuine {
        Err(Break::NotLinked)
    } else if one.is_final && front == one.frames.len() {
        Ok(())
    } else if one.is_final || front < one.known {
        let there: usize = one.frames[..front].iter().map(Vec::len).sum();
        Err(Break::EndMissing { bytes: other.record.offset - one.record.offset - there as u64 })
    } else {
        Err(Break::Unfinished)
    })
}

fn check_verify(opened: &[Opened<'_>]) {
    let facts: Vec<_> = opened.iter().map(|segment| segment.facts.clone()).collect();
    for state in recordings(&facts) {
        let here: Vec<_> = state.segments.iter().map(|&place| &opened[place]).collect();
        let (first, last) = (here.first().unwrap(), here.last().unwrap());
        assert_eq!(state.missing_before, first.original.record.number - 1);
        if state.is_whole() && here.iter().all(|segment| segment.is_sound()) {
            let recorded = ORIGINALS
                .iter()
                .filter(|original| original.is_genuine && original.record.recording == first.original.record.recording);
            let is_all = here.len() == recorded.clone().count();
            assert!(
                is_all && here.iter().zip(recorded).all(|(segment, original)| std::ptr::eq(segment.original, original))
            );
            assert!(here.iter().all(|segment| segment.is_intact()), "altered, and called whole");
        }
        for pair in here.windows(2) {
            if let Some(expected) = expected(pair[0], pair[1]) {
                let places = [pair[0], pair[1]].map(|segment| place_of(opened, segment));
                let found = state.breaks.iter().find(|(one, other, _)| [*one, *other] == places);
                assert_eq!(found.map_or(Ok(()), |(.., why)| Err(why.clone())), expected);
            }
        }
        if let Some(front) = last.front() {
            let original = last.original;
            let tail = match original.is_final && front == original.frames.len() {
                false => Tail::Unknown,
                true if original.is_continued => Tail::Continued(original.record.number + 1),
                true => Tail::Ended { interrupted: false },
            };
            assert_eq!(state.tail, tail);
        }
    }
}

fn place_of(opened: &[Opened<'_>], segment: &Opened<'_>) -> usize {
    opened.iter().position(|other| std::ptr::eq(other, segment)).unwrap()
}

fn check_decrypt(opened: &[Opened<'_>], allows_gaps: bool) {
    let Some(last) = opened.last() else { return };
    let mut lengths = Vec::new();
    for pair in opened.windows(2) {
        let joint = chain::join(&pair[0].facts, &pair[1].facts, allows_gaps);
        if let Some(expected) = expected(&pair[0], &pair[1]) {
            let found =
                joint.as_ref().map_or_else(|why| Err(why.clone()), |joint| joint.gap.clone().map_or(Ok(()), Err));
            assert_eq!(found, expected);
            let is_allowed = expected.as_ref().err().is_none_or(|why| allows_gaps && why.is_gap());
            assert_eq!(joint.is_ok(), is_allowed);
        }
        // Refused before the first byte is released.
        let Ok(joint) = joint else { return };
        lengths.push(joint.length);
    }
    if last.facts.end == SegmentEnd::Missing && !allows_gaps {
        return;
    }
    lengths.push(last.facts.length);
    let mut released = Vec::new();
    let mut is_whole = true;
    for (segment, length) in opened.iter().zip(lengths) {
        let (piece, is_all) = segment.release(length);
        assert!(segment.original.frames.concat().starts_with(&piece), "not what was recorded there");
        released.extend(piece);
        if !is_all {
            is_whole = false;
            break;
        }
    }
    if !allows_gaps {
        // All belong to one recording, one after another.
        let recorded = opened.iter().flat_map(|segment| segment.original.frames.concat());
        let recorded: Vec<_> = recorded.collect();
        assert!(recorded.starts_with(&released));
        assert!(!is_whole || recorded == released, "something is missing, and that was not said");
    }
    // Nothing is repeated, however much of a segment there is.
    for pair in opened.windows(2).filter(|_| allows_gaps && is_whole) {
        let (one, other) = (pair[0].original, pair[1].original);
        let is_next = one.record.number + 1 == other.record.number && one.record.recording == other.record.recording;
        if is_next && one.is_genuine && other.is_genuine {
            let joint = chain::join(&pair[0].facts, &pair[1].facts, true).unwrap();
            assert!(one.record.offset + joint.length <= other.record.offset);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn checked(operations: &[[u8; OPERATION]]) {
        for choice in 0..4 {
            check_spoilt_recording(&[&[choice], operations.as_flattened()].concat());
        }
    }

    #[test]
    fn each_way_to_spoil_a_recording_is_reported_for_what_it_is() {
        checked(&[]);
        for one in 0..5 {
            for other in 0..u8::try_from(ORIGINALS.len()).unwrap() {
                // Added, and instead of another.
                checked(&[[0, one, other, 0, 0, 0]]);
                checked(&[[0, one, other, 0, 0, 0], [1, one + 1, 0, 0, 0, 0]]);
            }
        }
        for kind in 1..12 {
            for one in 0..5 {
                for other in 0..13 {
                    checked(&[[kind, one, other, one.wrapping_mul(91), 7, other]]);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn whatever_is_done_to_segments_nothing_false_is_said_or_given_out(
            operations in proptest::collection::vec(any::<[u8; OPERATION]>(), 0..6),
        ) {
            checked(&operations);
        }
    }
}
