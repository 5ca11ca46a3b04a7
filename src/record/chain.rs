//! Whether segments follow one another, and what can be said of a recording when only some of its segments are here.

use std::ops::RangeInclusive;

use thiserror::Error;

use super::{
    by_recording,
    segment_end::{SegmentEnd, SegmentFacts},
};

/// Why one segment does not continue another.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum Break {
    /// It belongs to another recording.
    #[error("belongs to another recording")]
    OtherRecording,
    /// It has the same number.
    #[error("is the same segment again, or another with the same number")]
    Doubled,
    /// It comes before it.
    #[error("comes earlier in the recording")]
    OutOfOrder,
    /// Others belong between the two.
    #[error("does not come next")]
    Gap(RangeInclusive<u64>),
    /// Its link does not verify: it was made by someone who did not make the one before it, or one of them was
    /// replaced.
    #[error("was not made by the recorder of the segment before it")]
    NotLinked,
    /// The one before it is not as it was when this one was begun.
    #[error("was begun after a different version of the segment before it")]
    Altered,
    /// The one before it never got its final frame. Everything that was written to it is here.
    #[error("comes after an unfinished segment")]
    Unfinished,
    /// The end of the one before it is gone.
    #[error("comes after a segment whose end is missing")]
    EndMissing {
        /// The plaintext bytes that are missing.
        bytes: u64,
    },
}

impl Break {
    /// Whether the link of the later segment has verified.
    pub fn is_linked(&self) -> bool {
        matches!(self, Self::Unfinished | Self::EndMissing { .. })
    }

    /// Whether something is merely missing, and everything that is there is as it should be.
    pub fn is_gap(&self) -> bool {
        matches!(self, Self::OtherRecording | Self::Gap(_) | Self::Unfinished | Self::EndMissing { .. })
    }
}

/// Whether `next` continues `segment`.
///
/// # Errors
///
/// [`Break`]: why it does not; of several reasons, the first that is found.
pub(crate) fn continues(segment: &SegmentFacts, next: &SegmentFacts) -> Result<(), Break> {
    let (record, before) = (&next.record, &next.record.predecessor);
    if record.recording != segment.record.recording {
        return Err(Break::OtherRecording);
    }
    match record.number.checked_sub(segment.record.number) {
        None => return Err(Break::OutOfOrder),
        Some(0) => return Err(Break::Doubled),
        Some(1) => {}
        Some(_) => return Err(Break::Gap(segment.record.number + 1..=record.number - 1)),
    }
    if !segment.link.verify(record, &next.prefix, &next.link) {
        return Err(Break::NotLinked);
    }
    let missing = record.offset.saturating_sub(segment.recorded_until());
    match segment.end {
        SegmentEnd::Final(_) => {
            let is_same = before.is_final
                && before.frames == segment.frames
                && segment.mac_after(before.frames) == Some(before.mac)
                && record.offset == segment.recorded_until();
            if is_same { Ok(()) } else { Err(Break::Altered) }
        }
        SegmentEnd::Missing if before.is_final || before.frames > segment.frames => {
            Err(Break::EndMissing { bytes: missing })
        }
        SegmentEnd::Missing if before.frames > 0 && segment.mac_after(before.frames) != Some(before.mac) => {
            Err(Break::Altered)
        }
        SegmentEnd::Missing => Err(Break::Unfinished),
    }
}

/// How a segment and the next one are joined.
#[derive(Debug)]
pub(crate) struct Joint {
    /// How many bytes of the first one are released.
    pub length: u64,
    /// What is missing between the two, if anything is.
    pub gap: Option<Break>,
}

/// How `next` is joined to `segment`; `allows_gaps` says whether something may be missing.
///
/// # Errors
///
/// [`Break`]: why they cannot be joined.
pub(crate) fn join(segment: &SegmentFacts, next: &SegmentFacts, allows_gaps: bool) -> Result<Joint, Break> {
    let Err(why) = continues(segment, next) else { return Ok(Joint { length: segment.length, gap: None }) };
    if !(allows_gaps && why.is_gap()) {
        return Err(why);
    }
    // The segment may hold more than its recorder knew of; the next one then holds those bytes, too. Where no link has
    // verified, the next one's offset cannot be trusted.
    let until_next = next.record.offset.saturating_sub(segment.record.offset);
    let length = if why.is_linked() { segment.length.min(until_next) } else { segment.length };
    Ok(Joint { length, gap: Some(why) })
}

/// What can be said of one recording from those of its segments that are here.
#[derive(Debug)]
pub(crate) struct RecordingState {
    /// The segments in the order of their numbers, as indices into the slice that was given.
    pub segments: Vec<usize>,
    /// Where a segment does not continue the one before it: the indices of both, and the reason.
    pub breaks: Vec<(usize, usize, Break)>,
    /// How many segments are missing before the first.
    pub missing_before: u64,
    pub tail: Tail,
    /// The plaintext bytes that are here.
    pub bytes: u64,
}

/// How the last segment that is here ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    /// The recording ended there; `interrupted` says whether by an interruption.
    Ended { interrupted: bool },
    /// The segment with this number follows, and is not here.
    Continued(u64),
    /// Not known: the segment is unfinished.
    Unknown,
}

impl RecordingState {
    /// Whether all of the recording is here.
    pub fn is_whole(&self) -> bool {
        self.missing_before == 0 && self.breaks.is_empty() && matches!(self.tail, Tail::Ended { .. })
    }

    /// The segments that are missing before the first; `None` if none are, or if anything else is wrong.
    pub fn missing_start_alone(&self) -> Option<RangeInclusive<u64>> {
        let rest = self.breaks.is_empty() && matches!(self.tail, Tail::Ended { .. });
        (rest && self.missing_before > 0).then_some(1..=self.missing_before)
    }
}

/// The recordings that `segments` belong to, in the order in which their first segments appear.
pub(crate) fn recordings(segments: &[SegmentFacts]) -> Vec<RecordingState> {
    let places = (0..).zip(segments);
    let recordings = by_recording(places, |(_, segment)| &segment.record);
    recordings.iter().filter_map(|segments| recording(segments)).collect()
}

fn recording(places: &[(usize, &SegmentFacts)]) -> Option<RecordingState> {
    let ((_, first), (_, last)) = (places.first()?, places.last()?);
    let broken = |pair: &[(usize, &SegmentFacts)]| match pair {
        [(one, segment), (other, next)] => continues(segment, next).err().map(|why| (*one, *other, why)),
        _ => None,
    };
    let tail = match last.end {
        SegmentEnd::Final(flags) if flags.is_continued() => Tail::Continued(last.record.number.saturating_add(1)),
        SegmentEnd::Final(flags) => Tail::Ended { interrupted: flags.is_interrupted() },
        SegmentEnd::Missing => Tail::Unknown,
    };
    Some(RecordingState {
        breaks: places.windows(2).filter_map(broken).collect(),
        missing_before: first.record.number - 1,
        tail,
        bytes: places.iter().map(|(_, segment)| segment.length).fold(0, u64::saturating_add),
        segments: places.iter().map(|(place, _)| *place).collect(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        container::{Features, FrameSize, IV_LENGTH, Predecessor, Prefix, SegmentRecord, TagFlags},
        keys::{Key, StageKeys},
        record::lineage::Lineage,
    };

    fn prefix(iv: u8) -> Prefix {
        Prefix { frame_size: FrameSize::MIN, features: Features::LIVE, iv: [iv; IV_LENGTH] }
    }

    fn link_key(iv: u8) -> crate::keys::LinkKey {
        StageKeys::derive(&Key::from_bytes([iv; 32]), &prefix(iv)).link
    }

    /// A recording of `count` segments, each of two frames and `100 · number` bytes; those listed in `unfinished` lack
    /// their final frame.
    fn recorded(id: u8, count: u8, unfinished: &[u8]) -> Vec<SegmentFacts> {
        let mut lineage = Lineage::new([id; 16]);
        (1..=count)
            .map(|number| {
                let iv = id.wrapping_mul(50).wrapping_add(number);
                let macs = [[iv; 32], [iv ^ 0xff; 32]];
                let is_final = !unfinished.contains(&number);
                let flags = TagFlags::FINAL.union(if number < count { TagFlags::CONTINUED } else { TagFlags::NONE });
                let end = if is_final { SegmentEnd::Final(flags) } else { SegmentEnd::Missing };
                let record = lineage.next(&prefix(iv), &link_key(iv));
                let length = 100 * u64::from(number);
                lineage.ended("cam".into(), length, Predecessor { frames: 2, mac: macs[1], is_final }, link_key(iv));
                SegmentFacts::made_up(record, prefix(iv), link_key(iv), end, length, &macs)
            })
            .collect()
    }

    fn only(segments: &[SegmentFacts]) -> RecordingState {
        let mut states = recordings(segments);
        assert_eq!(states.len(), 1);
        states.remove(0)
    }

    fn breaks(segments: &[SegmentFacts]) -> Vec<Break> {
        only(segments).breaks.into_iter().map(|(.., why)| why).collect()
    }

    #[test]
    fn only_what_is_missing_makes_a_gap() {
        let gaps = [Break::OtherRecording, Break::Gap(2..=3), Break::Unfinished, Break::EndMissing { bytes: 5 }];
        assert!(gaps.iter().all(Break::is_gap));
        let others = [Break::OutOfOrder, Break::Doubled, Break::NotLinked, Break::Altered];
        assert!(!others.iter().any(Break::is_gap));
    }

    #[test]
    fn a_recording_with_all_its_segments_is_whole_in_whatever_order_they_are_found() {
        let mut segments = recorded(1, 4, &[]);
        segments.reverse();
        let state = only(&segments);
        assert!(state.is_whole());
        assert_eq!((state.bytes, state.segments), (1000, vec![3, 2, 1, 0]));
    }

    #[test]
    fn a_missing_start_or_tail_of_a_recording_is_reported() {
        let segments = recorded(1, 5, &[]);
        let without_start = only(&segments[2..]);
        assert_eq!((without_start.missing_before, without_start.tail), (2, Tail::Ended { interrupted: false }));
        assert!(!without_start.is_whole() && without_start.breaks.is_empty());
        assert_eq!(without_start.missing_start_alone(), Some(1..=2));
        // With more missing, no link connects the segments that are here.
        let with_gap = only(&[&segments[1..2], &segments[3..]].concat());
        assert_eq!((with_gap.missing_before, with_gap.missing_start_alone()), (1, None));
        assert_eq!((only(&segments).missing_start_alone(), only(&segments[1..3]).missing_start_alone()), (None, None));
        let without_tail = only(&segments[..3]);
        assert_eq!((without_tail.missing_before, without_tail.tail), (0, Tail::Continued(4)));
        assert!(!without_tail.is_whole());
        let unfinished = only(&recorded(1, 3, &[3]));
        assert_eq!((unfinished.tail, unfinished.is_whole()), (Tail::Unknown, false));
    }

    #[test]
    fn segments_that_are_dropped_doubled_or_swapped_do_not_continue() {
        let segments = recorded(1, 5, &[]);
        let dropped = [&segments[..1], &segments[3..]].concat();
        assert_eq!(breaks(&dropped), [Break::Gap(2..=3)]);
        let doubled = [&segments[..3], &segments[2..]].concat();
        assert_eq!(breaks(&doubled), [Break::Doubled]);
        assert_eq!(continues(&segments[3], &segments[2]), Err(Break::OutOfOrder));
        assert_eq!(continues(&segments[2], &segments[3]), Ok(()));
    }

    #[test]
    fn a_segment_of_another_recording_is_not_part_of_this_one() {
        let (one, other) = (recorded(1, 3, &[]), recorded(2, 3, &[]));
        assert_eq!(continues(&one[0], &other[1]), Err(Break::OtherRecording));
        let states = recordings(&[&one[..1], &other[1..2], &one[1..]].concat());
        assert_eq!(states.len(), 2);
        assert!(states[0].is_whole() && !states[1].is_whole());
    }

    #[test]
    fn the_next_segment_cannot_be_made_without_the_previous_file_key() {
        let segments = recorded(1, 3, &[]);
        // The prefix and the record, including the link, can be read without a secret. The keys are those of another
        // file key.
        let mut copied = segments[1].clone();
        copied.link = StageKeys::derive(&Key::from_bytes([99; 32]), &copied.prefix).link;
        assert_eq!(continues(&segments[0], &copied), Err(Break::NotLinked));
        assert_eq!(continues(&copied, &segments[2]), Err(Break::NotLinked));
        let mut forged = segments[1].clone();
        (forged.prefix, forged.link) = (prefix(99), link_key(99));
        assert_eq!(continues(&segments[0], &forged), Err(Break::NotLinked));
        let mut guessed = forged.clone();
        guessed.record.link = *forged.link.link(&forged.record, &forged.prefix, &forged.link).as_bytes();
        assert_eq!(continues(&segments[0], &guessed), Err(Break::NotLinked));
        assert_eq!(continues(&forged, &segments[2]), Err(Break::NotLinked));
    }

    #[test]
    fn a_segment_that_is_not_as_its_recorder_left_it_is_noticed() {
        let segments = recorded(1, 3, &[]);
        let altered = |change: fn(&mut SegmentFacts)| {
            let mut segment = segments[0].clone();
            change(&mut segment);
            continues(&segment, &segments[1])
        };
        assert_eq!(altered(|segment| segment.frames = 3), Err(Break::Altered));
        assert_eq!(altered(|segment| segment.length += 1), Err(Break::Altered));
        assert_eq!(altered(|segment| segment.macs = BTreeMap::from([(2, [0; 32])])), Err(Break::Altered));
        let cut =
            |segment: &mut SegmentFacts| (segment.end, segment.frames, segment.length) = (SegmentEnd::Missing, 1, 30);
        assert_eq!(altered(cut), Err(Break::EndMissing { bytes: 70 }));
    }

    #[test]
    fn what_an_unfinished_segment_in_the_middle_lacks_is_known() {
        let segments = recorded(1, 3, &[2]);
        assert_eq!(breaks(&segments), [Break::Unfinished]);
        let mut cut = segments.clone();
        (cut[1].frames, cut[1].length) = (1, 150);
        assert_eq!(breaks(&cut), [Break::EndMissing { bytes: 50 }]);
        // More than its recorder knew of.
        let mut longer = segments.clone();
        (longer[1].frames, longer[1].length) = (3, 250);
        assert_eq!(breaks(&longer), [Break::Unfinished]);
        let mut other = segments;
        other[1].macs.insert(2, [0; 32]);
        assert_eq!(breaks(&other), [Break::Altered]);
    }

    proptest! {
        #[test]
        fn nothing_but_all_segments_in_their_places_is_whole(
            count in 1_u8..8,
            keep in proptest::collection::vec(0_usize..8, 0..10),
        ) {
            let segments = recorded(1, count, &[]);
            let kept: Vec<_> = keep.iter().filter_map(|&place| segments.get(place).cloned()).collect();
            let mut numbers: Vec<_> = kept.iter().map(|segment| segment.record.number).collect();
            numbers.sort_unstable();
            let is_all = numbers == (1..=u64::from(count)).collect::<Vec<_>>();
            prop_assert_eq!(recordings(&kept).iter().any(RecordingState::is_whole), is_all);
        }

        #[test]
        fn a_record_that_is_changed_anywhere_is_not_linked(at in 0_usize..76, bit in 0_u8..8) {
            let segments = recorded(1, 3, &[]);
            let mut bytes = segments[1].record.linked_fields().to_vec();
            bytes[at] ^= 1 << bit;
            let record: [u8; 76] = bytes.try_into().unwrap();
            // Flags have only two forms, and are not read back here.
            if at < 72 {
                let field = |from: usize| u64::from_le_bytes(record[from..from + 8].try_into().unwrap());
                let changed = SegmentRecord {
                    recording: record[..16].try_into().unwrap(),
                    number: field(16),
                    offset: field(24),
                    predecessor: Predecessor {
                        frames: field(32),
                        mac: record[40..72].try_into().unwrap(),
                        is_final: segments[1].record.predecessor.is_final,
                    },
                    link: segments[1].record.link,
                };
                let next = SegmentFacts { record: changed, ..segments[1].clone() };
                prop_assert!(continues(&segments[0], &next).is_err());
                prop_assert!(!segments[0].link.verify(&changed, &next.prefix, &next.link));
            }
        }
    }
}
