//! Which segments there are, and which is to be removed next.

use std::{
    collections::VecDeque,
    ffi::{OsStr, OsString},
    time::{Duration, Instant},
};

use crate::container::RECORDING_ID_LENGTH;

/// The clock may be set only some time after the machine has started: for this long, nothing that an earlier run
/// recorded counts as old.
const SETTLING: Duration = Duration::from_secs(300);
/// The start of 2020, in Unix microseconds: a segment that appears older was recorded while the clock was not set.
const PLAUSIBLE: i64 = 1_577_836_800_000_000;

/// What is kept; everything, if no limit is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Retention {
    /// Segments that ended longer ago than this are removed.
    pub age: Option<Duration>,
    /// Segments are removed while they take more than this together.
    pub size: Option<u64>,
    /// Segments are removed while less than this is free.
    pub free: Option<u64>,
}

impl Retention {
    /// Whether anything is ever removed.
    pub fn removes_any(&self) -> bool {
        *self != Self::default()
    }

    /// Whether less is `free` than there should be.
    pub(super) fn is_scarce(&self, free: Option<u64>) -> bool {
        self.free.zip(free).is_some_and(|(least, free)| free < least)
    }
}

/// Why a segment is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Age,
    Size,
    Free,
}

/// A segment of this recorder that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub name: OsString,
    pub recording: [u8; RECORDING_ID_LENGTH],
    pub number: u64,
    /// How long the file is.
    pub size: u64,
    /// Whether the program has been run for it, or there is no program to run.
    pub is_handled: bool,
    /// Whether it cannot be removed.
    pub is_stuck: bool,
    /// When it ended; for a segment of an earlier run, when this run began, with its age at that moment.
    pub since: Instant,
    pub age_then: Duration,
}

/// The segments, in the order in which they were recorded.
#[derive(Debug)]
pub(super) struct Holdings {
    began: Instant,
    segments: VecDeque<Held>,
}

impl Held {
    fn age(&self, began: Instant, now: Instant) -> Duration {
        let is_settled = now.saturating_duration_since(began) >= SETTLING;
        let before = if is_settled { self.age_then } else { Duration::ZERO };
        now.saturating_duration_since(self.since).saturating_add(before)
    }
}

impl Holdings {
    /// No segments yet, at the beginning of a run.
    pub fn new(began: Instant) -> Self {
        Self { began, segments: VecDeque::new() }
    }

    /// Adds a segment that has ended after all the others.
    pub fn push(&mut self, held: Held) {
        self.segments.push_back(held);
    }

    pub fn iter(&self) -> impl Iterator<Item = &Held> {
        self.segments.iter()
    }

    pub fn find(&mut self, name: &OsStr) -> Option<&mut Held> {
        self.segments.iter_mut().find(|held| held.name == name)
    }

    pub fn remove(&mut self, name: &OsStr) {
        self.segments.retain(|held| held.name != name);
    }

    /// Keeps the segments for which `is_there` returns a size, and notes that size.
    pub fn refresh(&mut self, mut is_there: impl FnMut(&OsStr) -> Option<u64>) {
        self.segments.retain_mut(|held| match is_there(&held.name) {
            Some(size) => {
                held.size = size;
                true
            }
            None => false,
        });
    }

    /// The wall clock was set: the ages of segments of earlier runs are no longer known, but they are at least as old
    /// as this run.
    pub fn clock_stepped(&mut self) {
        self.segments.iter_mut().for_each(|held| held.age_then = Duration::ZERO);
    }

    /// The segment to remove next, and why; `growing` is the size of the growing segment, which is not among these, if
    /// there is one, and `free` is the free space. A segment that the program has not been run for is removed only for
    /// lack of free space, and only after all others. While no segment is growing, the newest is never removed to make
    /// room.
    pub fn next(
        &self,
        kept: &Retention,
        growing: Option<u64>,
        free: Option<u64>,
        now: Instant,
    ) -> Option<(&Held, Reason)> {
        let removable = || self.segments.iter().filter(|held| !held.is_stuck);
        let handled = removable().find(|held| held.is_handled);
        let newest = self.segments.back().filter(|_| growing.is_none());
        let for_room = |held: &&Held| newest.is_none_or(|newest| newest.name != held.name);
        let is_old = |held: &&Held| kept.age.is_some_and(|age| held.age(self.began, now) > age);
        let all = self.segments.iter().map(|held| held.size).sum::<u64>().saturating_add(growing.unwrap_or(0));
        if let Some(held) = handled.filter(is_old) {
            return Some((held, Reason::Age));
        }
        if kept.size.is_some_and(|most| all > most)
            && let Some(held) = handled.filter(for_room)
        {
            return Some((held, Reason::Size));
        }
        let held = handled.filter(for_room).or_else(|| removable().find(for_room));
        held.filter(|_| kept.is_scarce(free)).map(|held| (held, Reason::Free))
    }
}

/// How old the segments of earlier runs are, from the times when they were last `modified`, in the order in which they
/// were recorded; all in Unix microseconds. A time that is impossible, or earlier than that of a segment recorded
/// before, is not trusted.
pub(super) fn ages(modified: impl Iterator<Item = i64>, wall: i64) -> impl Iterator<Item = Duration> {
    modified.scan(PLAUSIBLE, move |latest, modified| {
        let is_plausible = modified >= PLAUSIBLE && modified <= wall;
        if !is_plausible {
            return Some(Duration::ZERO);
        }
        *latest = modified.max(*latest);
        Some(Duration::from_micros(wall.abs_diff(*latest)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    /// 2026-11-24T10:00:07Z.
    const WALL: i64 = 1_795_514_407_000_000;

    fn held(name: &str, since: Instant, age_then: Duration) -> Held {
        let (name, recording) = (name.into(), [7; RECORDING_ID_LENGTH]);
        Held { name, recording, number: 1, size: 100, is_handled: true, is_stuck: false, since, age_then }
    }

    fn holdings(began: Instant, names: &[&str]) -> Holdings {
        let mut holdings = Holdings::new(began);
        names.iter().for_each(|name| holdings.push(held(name, began, Duration::ZERO)));
        holdings
    }

    /// The names of what is removed, one after another, when each removal frees 100 bytes in addition to `free`.
    fn removed(mut holdings: Holdings, kept: Retention, free: u64, now: Instant) -> Vec<(String, Reason)> {
        let (mut free, mut names) = (free, Vec::new());
        while let Some((held, reason)) = holdings.next(&kept, Some(50), Some(free), now) {
            let name = held.name.clone();
            holdings.remove(&name);
            free += 100;
            names.push((name.into_string().unwrap(), reason));
        }
        names
    }

    #[test]
    fn what_is_too_old_is_removed_and_nothing_else() {
        let began = Instant::now();
        let mut some = holdings(began, &["a", "b"]);
        some.push(held("c", began + HOUR, Duration::ZERO));
        let kept = Retention { age: Some(HOUR), ..Retention::default() };
        assert_eq!(some.next(&kept, Some(0), None, began + HOUR), None);
        let later = began + HOUR + Duration::from_secs(1);
        let names = removed(some, kept, 0, later);
        assert_eq!(names, [("a".to_owned(), Reason::Age), ("b".to_owned(), Reason::Age)]);
    }

    #[test]
    fn the_oldest_make_room_until_there_is_enough() {
        let began = Instant::now();
        let names = ["a", "b", "c", "d"];
        let size = Retention { size: Some(250), ..Retention::default() };
        // 400 bytes, and the growing segment.
        assert_eq!(
            removed(holdings(began, &names), size, 0, began),
            [("a".to_owned(), Reason::Size), ("b".to_owned(), Reason::Size)]
        );
        let free = Retention { free: Some(300), ..Retention::default() };
        assert_eq!(
            removed(holdings(began, &names), free, 150, began),
            [("a".to_owned(), Reason::Free), ("b".to_owned(), Reason::Free)]
        );
        assert_eq!(removed(holdings(began, &names), free, 300, began), []);
        // The growing segment is not a candidate for removal, however large it is.
        let none = Retention { size: Some(10), ..Retention::default() };
        assert_eq!(removed(holdings(began, &names), none, 0, began).len(), 4);
    }

    #[test]
    fn once_nothing_is_recorded_room_is_not_made_by_removing_the_newest() {
        let began = Instant::now();
        let names = ["a", "b"];
        for kept in [
            Retention { size: Some(10), ..Retention::default() },
            Retention { free: Some(u64::MAX), ..Retention::default() },
        ] {
            let mut some = holdings(began, &names);
            assert_eq!(some.next(&kept, None, Some(0), began).map(|(held, _)| held.name.clone()), Some("a".into()));
            some.remove("a".as_ref());
            assert_eq!(some.next(&kept, None, Some(0), began), None);
            // As soon as another segment grows, this one is removed.
            assert!(some.next(&kept, Some(0), Some(0), began).is_some());
        }
        let kept = Retention { age: Some(HOUR), ..Retention::default() };
        assert_eq!(removed(holdings(began, &names), kept, 0, began + 2 * HOUR).len(), 2);
    }

    #[test]
    fn a_segment_that_cannot_be_removed_does_not_keep_the_others() {
        let began = Instant::now();
        let mut some = holdings(began, &["a", "b", "c"]);
        some.find("a".as_ref()).unwrap().is_stuck = true;
        let kept = Retention { size: Some(250), ..Retention::default() };
        assert_eq!(removed(some, kept, 0, began), [("b".to_owned(), Reason::Size)]);
    }

    #[test]
    fn segments_that_the_program_was_not_run_for_are_removed_last_and_only_for_want_of_room() {
        let began = Instant::now();
        let with_unhandled = || {
            let mut some = holdings(began, &["a", "b", "c"]);
            some.find("a".as_ref()).unwrap().is_handled = false;
            some
        };
        let now = began + 2 * HOUR;
        let kept = Retention { age: Some(HOUR), size: Some(0), free: None };
        let names: Vec<_> = removed(with_unhandled(), kept, 0, now).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["b", "c"]);
        let free = Retention { free: Some(u64::MAX), ..Retention::default() };
        let names: Vec<_> = removed(with_unhandled(), free, 0, began).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["b", "c", "a"]);
    }

    #[test]
    fn after_a_step_of_the_clock_earlier_segments_are_as_old_as_this_run() {
        let began = Instant::now();
        let mut some = Holdings::new(began);
        some.push(held("earlier", began, 10 * HOUR));
        some.push(held("a", began + HOUR / 2, Duration::ZERO));
        let kept = Retention { age: Some(HOUR), ..Retention::default() };
        let next = |some: &Holdings, now| some.next(&kept, Some(0), None, now).map(|(held, _)| held.name.clone());
        // Right after the start, the clock may not be set yet.
        assert_eq!(next(&some, began + Duration::from_secs(299)), None);
        assert_eq!(next(&some, began + SETTLING), Some("earlier".into()));
        some.clock_stepped();
        assert_eq!(next(&some, began + HOUR), None);
        assert_eq!(next(&some, began + HOUR + Duration::from_secs(1)), Some("earlier".into()));
        // The age of what this run recorded does not depend on the wall clock.
        some.remove("earlier".as_ref());
        assert_eq!(next(&some, began + HOUR + HOUR / 2 + Duration::from_secs(1)), Some("a".into()));
    }

    #[test]
    fn impossible_times_do_not_make_a_segment_old() {
        let hours = |hours: i64| WALL - hours * 3_600_000_000;
        // 1970, as from a camera that has just booted; the future; older than the one before.
        let modified = [hours(30), 86_400_000_000, hours(-5), hours(20), hours(25), hours(1)];
        let ages: Vec<_> = ages(modified.into_iter(), WALL).map(|age| age.as_secs() / 3600).collect();
        assert_eq!(ages, [30, 0, 0, 20, 20, 1]);
        assert!(super::ages(modified.into_iter(), 0).all(|age| age.is_zero()));
    }

    #[test]
    fn segments_that_are_gone_are_forgotten_and_no_longer_count() {
        let mut some = holdings(Instant::now(), &["a", "b"]);
        some.refresh(|name| (name == "b").then_some(7));
        let left: Vec<_> = some.iter().map(|held| (held.name.clone(), held.size)).collect();
        assert_eq!(left, [("b".into(), 7)]);
    }
}
