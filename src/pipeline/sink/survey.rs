//! Surveying: authenticating every frame and noting which are damaged or unreadable, in place of stopping at the first.

use std::{
    borrow::Borrow,
    collections::BTreeMap,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::super::{Opening, Transform, Unreadable};
use crate::{
    container::{Features, TagFlags},
    stage::{Chain, Frame, FrameFault, Received, Verified},
};

/// More ranges than this are counted and not listed.
const MAX_RANGES: usize = 10_000;

/// Opening that goes on behind a refused frame, so that all of them are found.
pub struct Surveying<C> {
    opening: Opening<C>,
    survey: Mutex<Survey>,
    next_in_turn: Mutex<u64>,
}

/// What a survey found.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    damaged: BTreeMap<u64, DamagedFrames>,
    /// Damaged frames that are in none of the ranges, which were too many.
    pub unlisted: u64,
    /// Frames that could not be read, listed or not; they count as damaged.
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
    /// Bytes of the last one on the wire.
    pub last_wire: usize,
    /// What is wrong with the first.
    pub damage: FrameDamage,
}

/// What is wrong with a frame that a survey met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameDamage {
    /// It was read, and refused.
    Refused(FrameFault),
    /// It could not be read.
    Unreadable {
        /// The system's number of the error, if it has one.
        os_error: Option<i32>,
    },
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

    fn note(&mut self, index: u64, wire: usize, damage: FrameDamage) {
        let mut noted = DamagedFrames { first: index, last: index, last_wire: wire, damage };
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
    /// How many frames these are.
    pub fn count(&self) -> u64 {
        self.last - self.first + 1
    }

    fn is_followed_by(&self, next: &Self) -> bool {
        self.last + 1 == next.first && self.damage.is_like(next.damage)
    }
}

impl FrameDamage {
    fn is_like(self, other: Self) -> bool {
        match (self, other) {
            (Self::Refused(one), Self::Refused(other)) => mem::discriminant(&one) == mem::discriminant(&other),
            (Self::Unreadable { .. }, Self::Unreadable { .. }) => true,
            _ => false,
        }
    }
}

impl<C: Borrow<Chain> + Sync> Surveying<C> {
    /// A survey, with `chain`, of a stream with `features`.
    pub fn new(chain: C, features: Features) -> Self {
        Self { opening: Opening::new(chain, features), survey: Mutex::default(), next_in_turn: Mutex::default() }
    }

    /// Opens and notes one frame, for whoever takes them in order and without workers.
    ///
    /// # Errors
    ///
    /// [`FrameFault`] if the frame is refused.
    pub fn open_in_turn(&self, frame: Frame<Received>) -> Result<Frame<Verified>, FrameFault> {
        let frame = self.apply(frame)?;
        self.follow(&frame)?;
        Ok(frame)
    }

    /// What was found.
    pub fn into_survey(self) -> Survey {
        self.survey.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn follow(&self, frame: &Frame<Verified>) -> Result<(), FrameFault> {
        let mut next = self.next_in_turn.lock().unwrap_or_else(PoisonError::into_inner);
        let followed = if frame.index() == *next {
            self.opening.check_in_turn(frame)
        } else {
            self.opening.check_behind_a_gap(frame)
        };
        match followed {
            Ok(()) => *next = frame.index() + 1,
            Err(fault) => {
                let mut survey = self.survey();
                survey.sound -= 1;
                survey.payload -= frame.payload().len() as u64;
                survey.note(frame.index(), frame.wire_length(), FrameDamage::Refused(fault));
            }
        }
        followed
    }

    fn survey(&self) -> MutexGuard<'_, Survey> {
        self.survey.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Borrow<Chain> + Sync> Transform for Surveying<C> {
    type From = Received;
    type To = Verified;

    fn apply(&self, frame: Frame<Received>) -> Result<Frame<Verified>, FrameFault> {
        let (index, wire) = (frame.index(), frame.wire_length());
        let opened = self.opening.apply(frame);
        let mut survey = self.survey();
        match &opened {
            Ok(frame) => {
                survey.sound += 1;
                survey.payload += frame.payload().len() as u64;
                if frame.tag().flags.is_final() {
                    survey.final_flags = Some(frame.tag().flags);
                }
            }
            Err(fault) => survey.note(index, wire, FrameDamage::Refused(*fault)),
        }
        opened
    }

    /// A frame that does not follow on the one before is noted, and the next one is then as if behind a gap.
    fn check_in_turn(&self, frame: &Frame<Verified>) -> Result<(), FrameFault> {
        let _ = self.follow(frame);
        Ok(())
    }

    fn pass_over(&self, frame: &Unreadable) {
        let mut survey = self.survey();
        survey.unreadable += 1;
        survey.note(frame.index, frame.wire, FrameDamage::Unreadable { os_error: frame.error.raw_os_error() });
    }

    fn needs_turns(&self) -> bool {
        self.opening.needs_turns()
    }

    fn goes_on(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;

    use super::super::super::{CiphertextSource, Discard, Workers};
    use super::*;
    use crate::{
        container::{FrameSize, FrameTag, IV_LENGTH, Prefix},
        keys::{Key, StageKeys},
        stage::FrameBuffer,
        stream::ReaderInput,
    };

    const SIZE: FrameSize = FrameSize::MIN;
    const MAC: FrameDamage = FrameDamage::Refused(FrameFault::Mac);

    fn chain(features: Features) -> Chain {
        let prefix = Prefix { frame_size: SIZE, features, iv: [7; IV_LENGTH] };
        Chain::new(&StageKeys::derive(&Key::from_bytes([1; 32]), &prefix), &prefix, Vec::new())
    }

    /// A stream's frames of these times and lengths, at the offsets that these give, moved by `moved`.
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
        let (chain, source) = (chain(features), CiphertextSource::new(ReaderInput(wire), SIZE, None));
        let surveying = Surveying::new(&chain, features);
        Workers::new(NonZero::new(3).unwrap(), SIZE).run(&source, &surveying, &Discard).unwrap();
        surveying.into_survey()
    }

    fn ranges(survey: &Survey) -> Vec<(u64, u64)> {
        survey.damaged().map(|range| (range.first, range.last)).collect()
    }

    #[test]
    fn ranges_are_the_same_in_whatever_order_frames_are_noted() {
        for order in [[3, 4, 5, 9], [9, 5, 3, 4], [4, 9, 3, 5], [5, 4, 9, 3]] {
            let mut survey = Survey::default();
            order.into_iter().for_each(|index| survey.note(index, SIZE.wire(), MAC));
            assert_eq!(ranges(&survey), [(3, 5), (9, 9)], "{order:?}");
        }
    }

    #[test]
    fn neighbours_with_other_faults_are_ranges_of_their_own() {
        let mut survey = Survey::default();
        let unreadable = |os_error| FrameDamage::Unreadable { os_error };
        let others = [MAC, FrameDamage::Refused(FrameFault::Padding), unreadable(Some(5)), unreadable(Some(9))];
        (1..).zip(others).for_each(|(index, damage)| survey.note(index, SIZE.wire(), damage));
        assert_eq!(ranges(&survey), [(1, 1), (2, 2), (3, 4)]);
    }

    #[test]
    fn ranges_beyond_the_most_are_counted() {
        let mut survey = Survey::default();
        (0..MAX_RANGES as u64 + 7).for_each(|at| survey.note(2 * at, SIZE.wire(), MAC));
        assert_eq!((survey.damaged().len(), survey.unlisted), (MAX_RANGES, 7));
        assert_eq!(survey.damaged_frames(), MAX_RANGES as u64 + 7);
    }

    #[test]
    fn behind_a_gap_live_offsets_and_times_are_picked_up_again() {
        let features = Features::LIVE.union(Features::TIMED);
        let frames = [(5, 100, 0), (6, 50, 0), (7, 60, 0), (8, 70, 0), (9, 3, 0)];
        let mut wire = sealed(features, &frames);
        assert_eq!(ranges(&survey(features, &wire)), []);
        wire[SIZE.wire() + 9] ^= 1;
        let found = survey(features, &wire);
        assert_eq!((ranges(&found), found.sound, found.payload), (vec![(1, 1)], 4, 233));
    }

    #[test]
    fn a_frame_that_does_not_follow_is_the_only_one_noted() {
        let features = Features::LIVE.union(Features::TIMED);
        let falls = sealed(features, &[(5, 100, 0), (4, 50, 0), (6, 60, 0), (7, 3, 0)]);
        let found = survey(features, &falls);
        assert_eq!((ranges(&found), found.sound, found.payload), (vec![(1, 1)], 3, 163));
        let skips = sealed(features, &[(5, 100, 0), (6, 50, 1), (6, 60, 0), (7, 3, 0)]);
        assert_eq!(ranges(&survey(features, &skips)), [(1, 1)]);
    }

    #[test]
    fn behind_a_gap_no_time_falls_below_that_before_it() {
        let features = Features::TIMED;
        let full = SIZE.payload() as u32;
        let mut wire = sealed(features, &[(5, full, 0), (6, full, 0), (4, full, 0), (7, 3, 0)]);
        wire[SIZE.wire() + 9] ^= 1;
        let found = survey(features, &wire);
        assert_eq!(ranges(&found), [(1, 1), (2, 2)]);
        assert_eq!(found.damaged().last().unwrap().damage, FrameDamage::Refused(FrameFault::Time(4)));
    }
}
