//! The account of a salvage: which frames are sound and which are missing, in order, no matter in which order they were
//! found.

use std::{collections::BTreeMap, mem, ops::Range};

use super::{DamagedFrame, FrameDamage};
use crate::container::FrameTag;

/// Consecutive frames of a stream in the same state. Stretches come in order, and no frame is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stretch {
    /// Sound frames.
    Sound {
        /// Indexes of the frames.
        frames: Range<u64>,
        /// The bytes of the plaintext that they hold.
        plaintext: Range<u64>,
    },
    /// Missing frames between sound ones.
    Missing {
        /// What is missing from the stream.
        part: MissingFrames,
        /// The bytes of the plaintext that are missing with them.
        plaintext: Range<u64>,
    },
    /// The end of the stream is missing, and with it the number of bytes that came after the last sound frame.
    LostEnd {
        /// The index of the first frame that is missing.
        first_frame: u64,
        /// The plaintext byte from which everything is missing.
        plaintext: u64,
        /// The frames that are there but damaged, if any.
        part: Option<MissingFrames>,
    },
}

/// Consecutive frames that are missing, because each is damaged or cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingFrames {
    /// Indexes of the frames.
    pub frames: Range<u64>,
    /// Bytes of the last one on the wire.
    pub last_wire: usize,
    /// What is wrong with the first.
    pub damage: FrameDamage,
    /// Whether any of the others has a different fault.
    pub is_mixed: bool,
}

/// Where the stretches of a stream are reported: one after the other, from any thread.
pub trait StretchListener: Sync {
    /// Called for each stretch.
    fn on_stretch(&self, stretch: &Stretch);
}

/// Notes the states of frames in any order, and reports them in order. While earlier frames are still unknown, a run of
/// frames in the same state takes one entry.
pub(super) struct Ledger<'a> {
    listener: &'a dyn StretchListener,
    /// What is known about frames after the first unknown one, by the index of the first frame of each run.
    ahead: BTreeMap<u64, Run>,
    /// The first unknown frame.
    next_index: u64,
    /// The last run before that, not reported yet because it may go on.
    current: Option<Run>,
    /// Where the plaintext of the last sound frame ends.
    offset: u64,
    highest_sound: Option<u64>,
    totals: Totals,
}

/// What a salvage found, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Sound frames.
    pub sound_frames: u64,
    /// The plaintext bytes in them.
    pub sound_bytes: u64,
    /// Missing frames between sound ones.
    pub missing_frames: u64,
    /// The plaintext bytes that were in them.
    pub missing_bytes: u64,
    /// How many stretches of missing frames there are.
    pub gaps: u64,
}

/// Consecutive frames in the same state.
#[derive(Clone, Debug)]
enum Run {
    Sound { frames: Range<u64>, plaintext: Range<u64> },
    Missing(MissingFrames),
}

impl Run {
    fn frames(&self) -> &Range<u64> {
        match self {
            Self::Sound { frames, .. } => frames,
            Self::Missing(part) => &part.frames,
        }
    }

    /// Adds `next` if it follows and is in the same state; otherwise returns it.
    fn join(&mut self, next: Self) -> Option<Self> {
        if self.frames().end != next.frames().start {
            return Some(next);
        }
        match (self, next) {
            (Self::Sound { frames, plaintext }, Self::Sound { frames: more, plaintext: more_plaintext })
                if plaintext.end == more_plaintext.start =>
            {
                (frames.end, plaintext.end) = (more.end, more_plaintext.end);
                None
            }
            (Self::Missing(part), Self::Missing(more)) => {
                (part.frames.end, part.last_wire) = (more.frames.end, more.last_wire);
                part.is_mixed |= more.is_mixed || !part.damage.is_like(&more.damage);
                None
            }
            (_, next) => Some(next),
        }
    }
}

impl<'a> Ledger<'a> {
    pub fn new(listener: &'a dyn StretchListener) -> Self {
        let (ahead, totals) = (BTreeMap::new(), Totals::default());
        Self { listener, ahead, next_index: 0, current: None, offset: 0, highest_sound: None, totals }
    }

    /// Notes a sound frame.
    pub fn sound(&mut self, tag: &FrameTag) {
        self.highest_sound = self.highest_sound.max(Some(tag.index));
        let plaintext = tag.offset..tag.offset.saturating_add(tag.length.into());
        self.note(Run::Sound { frames: tag.index..tag.index.saturating_add(1), plaintext });
    }

    /// Notes an unsound frame.
    pub fn damaged(&mut self, DamagedFrame { index, wire_length, damage }: DamagedFrame) {
        let frames = index..index.saturating_add(1);
        self.note(Run::Missing(MissingFrames { frames, last_wire: wire_length, damage, is_mixed: false }));
    }

    /// The highest index of a sound frame.
    pub fn highest_sound(&self) -> Option<u64> {
        self.highest_sound
    }

    /// Whether anything was noted about frames after this one.
    pub fn knows_beyond(&self, index: u64) -> bool {
        self.next_index > index.saturating_add(1) || self.ahead.keys().next_back().is_some_and(|&last| last > index)
    }

    /// Ends with the final frame, about which nothing was noted yet. Notes about frames after it do not count.
    pub fn finish_with(mut self, last: &FrameTag) -> Totals {
        self.ahead.split_off(&last.index);
        self.sound(last);
        self.take_in_ahead();
        self.report_current();
        self.totals
    }

    /// Ends without a final frame.
    pub fn finish_unfinished(mut self) -> Totals {
        self.take_in_ahead();
        let part = match self.current.take() {
            Some(Run::Missing(part)) => Some(part),
            sound => {
                self.current = sound;
                None
            }
        };
        self.report_current();
        let first_frame = part.as_ref().map_or(self.next_index, |part| part.frames.start);
        self.listener.on_stretch(&Stretch::LostEnd { first_frame, plaintext: self.offset, part });
        self.totals
    }

    fn note(&mut self, run: Run) {
        if run.frames().start == self.next_index {
            self.take_in(run);
            while let Some(next) = self.ahead.remove(&self.next_index) {
                self.take_in(next);
            }
            return;
        }
        let mut run = run;
        if let Some(next) = self.ahead.remove(&run.frames().end)
            && let Some(other) = run.join(next)
        {
            self.ahead.insert(other.frames().start, other);
        }
        let joined = match self.ahead.range_mut(..run.frames().start).next_back() {
            Some((_, before)) => before.join(run),
            None => Some(run),
        };
        if let Some(run) = joined {
            self.ahead.insert(run.frames().start, run);
        }
    }

    /// Takes in later notes, even if frames before them are unknown.
    fn take_in_ahead(&mut self) {
        for run in mem::take(&mut self.ahead).into_values() {
            self.take_in(run);
        }
    }

    fn take_in(&mut self, run: Run) {
        if run.frames().start > self.next_index {
            // Nothing was noted about these.
            let (frames, damage) = (self.next_index..run.frames().start, FrameDamage::Unreadable { os_error: None });
            self.take_in(Run::Missing(MissingFrames { frames, last_wire: 0, damage, is_mixed: false }));
        }
        self.next_index = run.frames().end;
        let run = match &mut self.current {
            Some(current) => current.join(run),
            None => Some(run),
        };
        let Some(run) = run else { return };
        if let Run::Sound { plaintext, .. } = &run {
            let until = plaintext.start;
            self.report(until);
        } else {
            self.report_current();
        }
        self.current = Some(run);
    }

    fn report_current(&mut self) {
        self.report(self.offset);
    }

    /// Reports the last run; if it is missing, the next sound frame begins at the plaintext byte `until`.
    fn report(&mut self, until: u64) {
        let stretch = match self.current.take() {
            None => return,
            Some(Run::Sound { frames, plaintext }) => {
                self.offset = plaintext.end;
                self.totals.sound_frames += frames.end - frames.start;
                self.totals.sound_bytes += plaintext.end - plaintext.start;
                Stretch::Sound { frames, plaintext }
            }
            Some(Run::Missing(part)) => {
                let plaintext = self.offset..until.max(self.offset);
                self.totals.missing_frames += part.frames.end - part.frames.start;
                self.totals.missing_bytes += plaintext.end - plaintext.start;
                self.totals.gaps += 1;
                Stretch::Missing { part, plaintext }
            }
        };
        self.listener.on_stretch(&stretch);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::stage::FrameFault;

    #[derive(Default)]
    struct Reported(Mutex<Vec<Stretch>>);

    impl StretchListener for Reported {
        fn on_stretch(&self, stretch: &Stretch) {
            self.0.lock().unwrap().push(stretch.clone());
        }
    }

    fn tag(index: u64) -> FrameTag {
        FrameTag { index, offset: index * 10, length: 10, ..FrameTag::default() }
    }

    fn damaged(index: u64) -> DamagedFrame {
        DamagedFrame { index, wire_length: 64, damage: FrameDamage::Refused(FrameFault::Mac) }
    }

    fn sound(frames: Range<u64>) -> Stretch {
        Stretch::Sound { plaintext: frames.start * 10..frames.end * 10, frames }
    }

    fn part(frames: Range<u64>) -> MissingFrames {
        MissingFrames { frames, last_wire: 64, damage: FrameDamage::Refused(FrameFault::Mac), is_mixed: false }
    }

    fn missing(frames: Range<u64>) -> Stretch {
        Stretch::Missing { plaintext: frames.start * 10..frames.end * 10, part: part(frames) }
    }

    /// What is reported about frames 0 to 8, noted in this order; 2, 3 and 6 are damaged, and 9 is the final one.
    fn report_of(order: &[u64]) -> (Vec<Stretch>, Totals) {
        let reported = Reported::default();
        let mut ledger = Ledger::new(&reported);
        for &index in order {
            if [2, 3, 6].contains(&index) { ledger.damaged(damaged(index)) } else { ledger.sound(&tag(index)) }
        }
        let totals = ledger.finish_with(&tag(9));
        (reported.0.into_inner().unwrap(), totals)
    }

    #[test]
    fn the_account_is_the_same_in_whatever_order_frames_are_noted() {
        let expected = vec![sound(0..2), missing(2..4), sound(4..6), missing(6..7), sound(7..10)];
        let totals = Totals { sound_frames: 7, sound_bytes: 70, missing_frames: 3, missing_bytes: 30, gaps: 2 };
        for order in [
            [0, 1, 2, 3, 4, 5, 6, 7, 8],
            [8, 7, 6, 5, 4, 3, 2, 1, 0],
            [3, 5, 1, 7, 0, 2, 8, 4, 6],
            [2, 6, 0, 8, 3, 1, 5, 7, 4],
        ] {
            assert_eq!(report_of(&order), (expected.clone(), totals), "{order:?}");
        }
    }

    #[test]
    fn a_missing_start_is_reported_and_frames_after_the_final_one_do_not_count() {
        let reported = Reported::default();
        let mut ledger = Ledger::new(&reported);
        [0, 1, 3, 4].into_iter().for_each(|index| ledger.damaged(damaged(index)));
        assert!(ledger.knows_beyond(2) && !ledger.knows_beyond(4));
        let totals = ledger.finish_with(&tag(2));
        assert_eq!(*reported.0.lock().unwrap(), [missing(0..2), sound(2..3)]);
        assert_eq!((totals.missing_bytes, totals.gaps), (20, 1));
    }

    #[test]
    fn nothing_is_known_beyond_the_last_frame_that_was_noted() {
        let reported = Reported::default();
        let mut ledger = Ledger::new(&reported);
        (0..2).for_each(|index| ledger.sound(&tag(index)));
        assert!(ledger.knows_beyond(0) && !ledger.knows_beyond(1));
    }

    #[test]
    fn without_a_final_frame_the_end_is_lost_from_the_last_sound_one_on() {
        for (damaged_frames, part) in [(0..0, None), (3..5, Some(part(3..5)))] {
            let reported = Reported::default();
            let mut ledger = Ledger::new(&reported);
            (0..3).for_each(|index| ledger.sound(&tag(index)));
            damaged_frames.for_each(|index| ledger.damaged(damaged(index)));
            let totals = ledger.finish_unfinished();
            let lost = Stretch::LostEnd { first_frame: 3, plaintext: 30, part };
            assert_eq!(*reported.0.lock().unwrap(), [sound(0..3), lost]);
            assert_eq!((totals.missing_frames, totals.gaps), (0, 0));
        }
    }

    #[test]
    fn neighbours_with_different_damage_are_one_gap() {
        let reported = Reported::default();
        let mut ledger = Ledger::new(&reported);
        ledger.damaged(damaged(0));
        ledger.damaged(DamagedFrame { damage: FrameDamage::Unreadable { os_error: Some(5) }, ..damaged(1) });
        ledger.finish_with(&tag(2));
        let stretches = reported.0.into_inner().unwrap();
        assert_eq!(
            stretches[0],
            Stretch::Missing { part: MissingFrames { is_mixed: true, ..part(0..2) }, plaintext: 0..20 }
        );
    }
}
