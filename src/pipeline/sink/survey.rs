//! A sink that writes nothing: it notes which frames are sound and which are damaged, instead of stopping at the first
//! damaged one.

use std::{
    collections::BTreeMap,
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::Sink;
use crate::{
    container::TagFlags,
    pipeline::{DamageListener, DamagedFrame, FrameDamage},
    stage::{Frame, FrameFault, Verified},
};

/// Ranges beyond this number are counted but not listed.
const MAX_RANGES: usize = 10_000;

/// Surveys a stream. The run goes on past damaged frames, which are reported to the survey. Use it with
/// [`Opening::across_gaps`](crate::pipeline::Opening::across_gaps).
#[derive(Default)]
pub struct SurveySink(Mutex<Survey>);

/// What a survey found.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    damaged: BTreeMap<u64, DamagedFrames>,
    /// Damaged frames in no listed range, because there were too many ranges.
    pub unlisted: u64,
    /// Frames that could not be read, listed or not; these count as damaged.
    pub unreadable: u64,
    /// Sound frames.
    pub sound: u64,
    /// Payload bytes in sound frames.
    pub payload: u64,
    /// The flags of the final frame, if one was found sound.
    pub final_flags: Option<TagFlags>,
}

/// Frames that follow one another and have the same kind of damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DamagedFrames {
    /// The index of the first.
    pub first: u64,
    /// The index of the last.
    pub last: u64,
    /// Wire length of the last one.
    pub last_wire: usize,
    /// What is wrong with the first.
    pub damage: FrameDamage,
}

impl Survey {
    /// The damaged frames, in order.
    pub fn damaged(&self) -> impl ExactSizeIterator<Item = &DamagedFrames> {
        self.damaged.values()
    }

    /// How many frames are damaged, listed or not.
    pub fn damaged_frames(&self) -> u64 {
        self.unlisted + self.damaged().map(DamagedFrames::count).sum::<u64>()
    }

    /// Whether all sound frames come before all damaged ones, and the damaged ones merely fail to authenticate. That is
    /// what an unfinished stream looks like.
    pub fn is_sound_up_to_an_end(&self) -> bool {
        let mut damaged = self.damaged();
        let (first, second) = (damaged.next(), damaged.next());
        let is_end = |range: &DamagedFrames| {
            range.first == self.sound && matches!(range.damage, FrameDamage::Refused(FrameFault::Mac))
        };
        self.unlisted == 0 && self.sound > 0 && second.is_none() && first.is_some_and(is_end)
    }

    fn note(&mut self, DamagedFrame { index, wire_length, damage }: DamagedFrame) {
        let mut noted = DamagedFrames { first: index, last: index, last_wire: wire_length, damage };
        let before = self.damaged.range(..index).next_back().map(|(_, range)| *range);
        if let Some(before) = before.filter(|before| before.is_followed_by(&noted)) {
            noted = DamagedFrames { first: before.first, damage: before.damage, ..noted };
        }
        let after = self.damaged.range(index..).next().map(|(_, range)| *range);
        if let Some(after) = after.filter(|after| noted.is_followed_by(after)) {
            self.damaged.remove(&after.first);
            noted = DamagedFrames { last: after.last, last_wire: after.last_wire, ..noted };
        }
        if self.damaged.len() < MAX_RANGES || self.damaged.contains_key(&noted.first) {
            self.damaged.insert(noted.first, noted);
        } else {
            self.unlisted += noted.count();
        }
    }
}

impl DamagedFrames {
    /// The number of frames.
    pub fn count(&self) -> u64 {
        self.last - self.first + 1
    }

    fn is_followed_by(&self, next: &Self) -> bool {
        self.last + 1 == next.first && self.damage.is_like(&next.damage)
    }
}

impl SurveySink {
    /// What was found.
    pub fn into_survey(self) -> Survey {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn survey(&self) -> MutexGuard<'_, Survey> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DamageListener for SurveySink {
    fn on_damage(&self, frame: DamagedFrame) {
        let mut survey = self.survey();
        survey.unreadable += u64::from(matches!(frame.damage, FrameDamage::Unreadable { .. }));
        survey.note(frame);
    }
}

impl Sink<Verified> for SurveySink {
    const IN_TURN: bool = false;

    fn write(&self, frames: &[Frame<Verified>]) -> io::Result<()> {
        let mut survey = self.survey();
        for frame in frames {
            survey.sound += 1;
            survey.payload += frame.payload().len() as u64;
            if frame.tag().flags.is_final() {
                survey.final_flags = Some(frame.tag().flags);
            }
        }
        Ok(())
    }

    fn past_damage(&self) -> Option<&dyn DamageListener> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;

    use super::*;
    use crate::{
        container::{Features, FrameSize, FrameTag, IV_LENGTH, Prefix},
        keys::{Key, StageKeys},
        pipeline::{CiphertextSource, Opening, Workers},
        stage::{Chain, FrameBuffer},
        stream::ReaderInput,
    };

    const SIZE: FrameSize = FrameSize::MIN;
    const MAC: FrameDamage = FrameDamage::Refused(FrameFault::Mac);

    fn chain(features: Features) -> Chain {
        let prefix = Prefix { frame_size: SIZE, features, iv: [7; IV_LENGTH] };
        Chain::new(&StageKeys::derive(&Key::from_bytes([1; 32]), &prefix), &prefix)
    }

    /// A stream's frames with these times and lengths, at the resulting offsets, moved by `moved`.
    fn sealed(features: Features, frames: &[(i64, u32, u64)]) -> Vec<u8> {
        let (chain, mut offset, mut wire) = (chain(features), 0, Vec::new());
        for (index, &(time, length, moved)) in frames.iter().enumerate() {
            let flags = if index + 1 == frames.len() { TagFlags::FINAL } else { TagFlags::NONE };
            let tag = FrameTag { index: index as u64, time, offset: offset + moved, length, flags };
            wire.extend(chain.seal(Frame::clear(FrameBuffer::new(SIZE), tag)).wire());
            offset = tag.offset + u64::from(length);
        }
        wire
    }

    fn survey(features: Features, wire: &[u8]) -> Survey {
        let (chain, source) = (chain(features), CiphertextSource::new(ReaderInput(wire), SIZE));
        let sink = SurveySink::default();
        Workers::new(NonZero::new(3).unwrap(), SIZE).run(&source, &Opening::across_gaps(&chain), &sink).unwrap();
        sink.into_survey()
    }

    fn damaged(index: u64, damage: FrameDamage) -> DamagedFrame {
        DamagedFrame { index, wire_length: SIZE.wire(), damage }
    }

    fn ranges(survey: &Survey) -> Vec<(u64, u64)> {
        survey.damaged().map(|range| (range.first, range.last)).collect()
    }

    #[test]
    fn ranges_are_the_same_in_whatever_order_frames_are_noted() {
        for order in [[3, 4, 5, 9], [9, 5, 3, 4], [4, 9, 3, 5], [5, 4, 9, 3]] {
            let mut survey = Survey::default();
            let wire_length = |index| SIZE.wire() - index as usize;
            order.into_iter().for_each(|index| {
                survey.note(DamagedFrame { wire_length: wire_length(index), ..damaged(index, MAC) });
            });
            assert_eq!(ranges(&survey), [(3, 5), (9, 9)], "{order:?}");
            assert!(survey.damaged().all(|range| range.last_wire == wire_length(range.last)), "{order:?}");
        }
    }

    #[test]
    fn only_sound_frames_and_then_damaged_ones_may_be_an_unfinished_stream() {
        for (indexes, may_be) in [([3, 4], true), ([2, 4], false), ([2, 3], false), ([4, 5], false)] {
            let mut survey = Survey { sound: 3, ..Survey::default() };
            indexes.into_iter().for_each(|index| survey.note(damaged(index, MAC)));
            assert_eq!(survey.is_sound_up_to_an_end(), may_be, "{indexes:?}");
        }
    }

    #[test]
    fn neighbours_with_different_faults_are_separate_ranges() {
        let mut survey = Survey::default();
        let unreadable = |os_error| FrameDamage::Unreadable { os_error };
        let others = [MAC, FrameDamage::Refused(FrameFault::Padding), unreadable(Some(5)), unreadable(Some(9))];
        (1..).zip(others).for_each(|(index, damage)| survey.note(damaged(index, damage)));
        assert_eq!(ranges(&survey), [(1, 1), (2, 2), (3, 4)]);
    }

    #[test]
    fn ranges_beyond_the_limit_are_counted() {
        let mut survey = Survey::default();
        (0..MAX_RANGES as u64 + 7).for_each(|at| survey.note(damaged(2 * at, MAC)));
        assert_eq!((survey.damaged().len(), survey.unlisted), (MAX_RANGES, 7));
        assert_eq!(survey.damaged_frames(), MAX_RANGES as u64 + 7);
    }

    #[test]
    fn after_a_gap_live_offsets_and_times_are_checked_from_the_next_frame_on() {
        let features = Features::LIVE.union(Features::TIMED);
        let frames = [(5, 100, 0), (6, 50, 0), (7, 60, 0), (8, 70, 0), (9, 3, 0)];
        let mut wire = sealed(features, &frames);
        assert_eq!(ranges(&survey(features, &wire)), []);
        wire[SIZE.wire() + 9] ^= 1;
        let found = survey(features, &wire);
        assert_eq!((ranges(&found), found.sound, found.payload), (vec![(1, 1)], 4, 233));
    }

    #[test]
    fn only_the_frame_that_does_not_continue_the_one_before_is_noted() {
        let features = Features::LIVE.union(Features::TIMED);
        let falls = sealed(features, &[(5, 100, 0), (4, 50, 0), (6, 60, 0), (7, 3, 0)]);
        let found = survey(features, &falls);
        assert_eq!((ranges(&found), found.sound, found.payload), (vec![(1, 1)], 3, 163));
        let skips = sealed(features, &[(5, 100, 0), (6, 50, 1), (6, 60, 0), (7, 3, 0)]);
        assert_eq!(ranges(&survey(features, &skips)), [(1, 1)]);
    }

    #[test]
    fn after_a_gap_no_time_may_be_lower_than_before_it() {
        let features = Features::TIMED;
        let full = SIZE.payload() as u32;
        let mut wire = sealed(features, &[(5, full, 0), (6, full, 0), (4, full, 0), (7, 3, 0)]);
        wire[SIZE.wire() + 9] ^= 1;
        let found = survey(features, &wire);
        assert_eq!(ranges(&found), [(1, 1), (2, 2)]);
        assert_eq!(found.damaged().last().unwrap().damage, FrameDamage::Refused(FrameFault::Time(4)));
    }
}
