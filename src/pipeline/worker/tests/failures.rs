//! Which of several failures is reported, what is still delivered before it, and that no worker waits for ever.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, mpsc},
};

use super::{HAND, SIZE, chain, that_ends, workers};
use crate::{
    container::{Features, FrameTag, TagFlags},
    pipeline::{DamageListener, DamagedFrame, FrameDamage, Sink, Source, Taken, Transform},
    stage::{Chain, Clear, Frame, FrameBuffer, FrameFault, Sealed},
    stream::StreamError,
};

/// A source of this many full hands of frames; then it ends or fails. Endless with `u64::MAX`.
struct Scripted {
    hands: u64,
    next: Mutex<u64>,
    fails: bool,
    changed: bool,
    interrupted: Mutex<bool>,
}

impl Scripted {
    fn hands(hands: u64) -> Self {
        let (next, interrupted) = (Mutex::new(0), Mutex::new(false));
        Self { hands, next, fails: false, changed: false, interrupted }
    }
}

impl Source<Clear> for Scripted {
    fn take(&self, empty: &mut Vec<FrameBuffer>, frames: &mut Vec<Frame<Clear>>) -> Option<Taken> {
        let mut next = self.next.lock().unwrap();
        let hand = *next;
        if hand == self.hands {
            return None;
        }
        *next += 1;
        for index in hand * HAND..(hand + 1) * HAND {
            let tag = FrameTag { index, flags: TagFlags::NONE, length: SIZE.payload() as u32, ..FrameTag::default() };
            frames.push(Frame::clear(empty.pop().unwrap(), tag));
        }
        let is_last = hand + 1 == self.hands;
        let failure = (is_last && self.fails).then(|| StreamError::Read(io::ErrorKind::Other.into()));
        Some(Taken { hand, next_index: (hand + 1) * HAND, ends: is_last && !self.fails, failure })
    }

    fn confirm(&self) -> Result<(), StreamError> {
        if self.changed { Err(StreamError::InputChanged) } else { Ok(()) }
    }

    fn interrupt(&self) {
        *self.interrupted.lock().unwrap() = true;
    }
}

/// Seals, and calls `on` for each frame first.
struct Asking<'a> {
    chain: &'a Chain,
    on: &'a (dyn Fn(u64) -> bool + Sync),
    in_turn: &'a (dyn Fn(u64) -> bool + Sync),
}

impl Transform for Asking<'_> {
    type From = Clear;
    type To = Sealed;

    fn apply(&self, frame: Frame<Clear>) -> Result<Frame<Sealed>, FrameFault> {
        if (self.on)(frame.index()) { Ok(self.chain.seal(frame)) } else { Err(FrameFault::Mac) }
    }

    fn check_in_turn(&self, frame: &Frame<Sealed>) -> Result<(), FrameFault> {
        if (self.in_turn)(frame.index()) { Ok(()) } else { Err(FrameFault::Padding) }
    }
}

/// Keeps the indexes of the frames written to it; fails from one frame on.
#[derive(Default)]
struct Keeping<const IN_TURN: bool> {
    indexes: Mutex<Vec<u64>>,
    fails_from: Option<u64>,
}

impl<const IN_TURN: bool> Sink<Sealed> for Keeping<IN_TURN> {
    const IN_TURN: bool = IN_TURN;

    fn write(&self, frames: &[Frame<Sealed>]) -> io::Result<()> {
        let indexes = frames.iter().map(Frame::index);
        if indexes.clone().next().zip(self.fails_from).is_some_and(|(first, from)| first >= from) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.indexes.lock().unwrap().extend(indexes);
        Ok(())
    }
}

impl<const IN_TURN: bool> Keeping<IN_TURN> {
    fn sorted(&self) -> Vec<u64> {
        let mut indexes = self.indexes.lock().unwrap().clone();
        indexes.sort_unstable();
        indexes
    }
}

/// A gate that stays shut until it is opened, and then stays open.
#[derive(Default)]
struct Gate(Mutex<bool>, Condvar);

impl Gate {
    fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    fn pass(&self) {
        let _open = self.1.wait_while(self.0.lock().unwrap(), |open| !*open).unwrap();
    }
}

fn sound(_: u64) -> bool {
    true
}

fn run<const IN_TURN: bool>(
    count: usize,
    source: &Scripted,
    sink: &Keeping<IN_TURN>,
    on: &(dyn Fn(u64) -> bool + Sync),
) -> Result<(), StreamError> {
    let chain = chain(Features::NONE);
    workers(count).run(source, &Asking { chain: &chain, on, in_turn: &sound }, sink)
}

/// Opens a gate when the source of a run is interrupted, that is, once a first failure has been published.
struct Noticing<'a>(Scripted, &'a Gate);

impl Source<Clear> for Noticing<'_> {
    fn take(&self, empty: &mut Vec<FrameBuffer>, frames: &mut Vec<Frame<Clear>>) -> Option<Taken> {
        self.0.take(empty, frames)
    }

    fn confirm(&self) -> Result<(), StreamError> {
        self.0.confirm()
    }

    fn interrupt(&self) {
        self.1.open();
    }
}

/// Two workers, each with a hand in which a frame is refused; the hand that begins at `waits` fails second.
fn two_failures(waits: u64) -> Result<(), StreamError> {
    that_ends(move || {
        let (failed, both) = (Gate::default(), std::sync::Barrier::new(2));
        let source = Noticing(Scripted::hands(2), &failed);
        let on = |index: u64| {
            if index.is_multiple_of(HAND) {
                // Each has its hand before one of them fails.
                both.wait();
            }
            if index == waits {
                failed.pass();
            }
            index != 30 && index != HAND + 4
        };
        let (chain, sink) = (chain(Features::NONE), Keeping::<false>::default());
        workers(2).run(&source, &Asking { chain: &chain, on: &on, in_turn: &sound }, &sink)
    })
}

#[test]
fn the_lowest_failure_is_reported_whether_it_comes_first_or_last() {
    for waits in [0, HAND] {
        let result = two_failures(waits);
        assert!(matches!(result, Err(StreamError::Frame { index: 30, .. })), "{waits}: {result:?}");
    }
}

#[test]
fn in_turn_everything_before_the_refused_frame_is_delivered_and_nothing_after_it() {
    for count in [1, 2, 5] {
        let result = that_ends(move || {
            let sink = Keeping::<true>::default();
            let result = run(count, &Scripted::hands(9), &sink, &|index| index != 2 * HAND + 7 && index != 5 * HAND);
            assert_eq!(*sink.indexes.lock().unwrap(), (0..2 * HAND + 7).collect::<Vec<_>>());
            result
        });
        assert!(matches!(result, Err(StreamError::Frame { index, .. }) if index == 2 * HAND + 7), "{result:?}");
    }
}

#[test]
fn a_frame_that_is_refused_at_its_turn_ends_the_run_there() {
    for count in [1, 3] {
        let result = that_ends(move || {
            let (chain, sink) = (chain(Features::NONE), Keeping::<true>::default());
            let in_turn = |index| index != HAND + 3 && index != HAND + 9;
            let asking = Asking { chain: &chain, on: &sound, in_turn: &in_turn };
            let result = workers(count).run(&Scripted::hands(4), &asking, &sink);
            assert_eq!(*sink.indexes.lock().unwrap(), (0..HAND + 3).collect::<Vec<_>>());
            result
        });
        let expected = HAND + 3;
        assert!(matches!(result, Err(StreamError::Frame { index, fault: FrameFault::Padding }) if index == expected));
    }
}

#[test]
fn a_failed_write_counts_at_the_first_frame_of_its_hand() {
    for (refused, fails_from, expected_write) in [(HAND + 4, HAND, true), (HAND - 1, HAND, false), (HAND + 4, 0, true)]
    {
        let result = that_ends(move || {
            let failed = Gate::default();
            let source = Noticing(Scripted::hands(2), &failed);
            let both = std::sync::Barrier::new(2);
            let on = |index: u64| {
                if index.is_multiple_of(HAND) {
                    both.wait();
                }
                index != refused
            };
            let (chain, sink) =
                (chain(Features::NONE), Keeping::<false> { fails_from: Some(fails_from), ..Keeping::default() });
            workers(2).run(&source, &Asking { chain: &chain, on: &on, in_turn: &sound }, &sink)
        });
        assert_eq!(matches!(result, Err(StreamError::Write(_))), expected_write, "{refused}: {result:?}");
    }
}

#[test]
fn a_failed_write_comes_before_a_refusal_at_the_frame_after_its_hand_that_was_known_first() {
    let result = that_ends(|| {
        let (failed, both) = (Gate::default(), std::sync::Barrier::new(2));
        let source = Noticing(Scripted::hands(2), &failed);
        let on = |index: u64| {
            if index.is_multiple_of(HAND) {
                both.wait();
            }
            if index == 0 {
                failed.pass();
            }
            index != HAND
        };
        let (chain, sink) = (chain(Features::NONE), Keeping::<false> { fails_from: Some(0), ..Keeping::default() });
        workers(2).run(&source, &Asking { chain: &chain, on: &on, in_turn: &sound }, &sink)
    });
    assert!(matches!(result, Err(StreamError::Write(_))), "{result:?}");
}

#[test]
fn frames_read_before_the_source_failed_are_still_delivered() {
    let sink = Keeping::<true>::default();
    let source = Scripted { fails: true, ..Scripted::hands(2) };
    assert!(matches!(run(2, &source, &sink, &sound), Err(StreamError::Read(_))));
    assert_eq!(sink.sorted(), (0..2 * HAND).collect::<Vec<_>>());
}

#[test]
fn a_frame_refused_before_the_source_failed_is_the_one_reported() {
    let source = Scripted { fails: true, ..Scripted::hands(1) };
    let result = run(1, &source, &Keeping::<true>::default(), &|index| index != 5);
    assert!(matches!(result, Err(StreamError::Frame { index: 5, .. })), "{result:?}");
}

#[test]
fn the_final_frame_is_delivered_only_if_the_input_did_not_change() {
    let source = Scripted { changed: true, ..Scripted::hands(2) };
    let sink = Keeping::<true>::default();
    assert!(matches!(run(2, &source, &sink, &sound), Err(StreamError::InputChanged)));
    assert_eq!(sink.sorted(), (0..2 * HAND - 1).collect::<Vec<_>>());
    let source = Scripted { changed: true, ..Scripted::hands(2) };
    assert!(matches!(run(2, &source, &Keeping::<false>::default(), &sound), Err(StreamError::InputChanged)));
}

#[test]
fn a_refusal_in_the_last_hand_is_reported_though_the_input_changed_too() {
    let source = Scripted { changed: true, ..Scripted::hands(1) };
    for refused in [0, HAND - 1] {
        let source = Scripted { next: Mutex::new(0), interrupted: Mutex::new(false), ..source };
        let result = run(1, &source, &Keeping::<true>::default(), &|index| index != refused);
        assert!(matches!(result, Err(StreamError::Frame { index, .. }) if index == refused), "{result:?}");
    }
}

#[test]
fn after_a_failure_no_worker_takes_another_hand() {
    for count in [1, 4] {
        let taken = that_ends(move || {
            let source = Scripted::hands(u64::MAX);
            let sink = Keeping::<false>::default();
            let result = run(count, &source, &sink, &|index| index != 3 * HAND);
            assert!(matches!(result, Err(StreamError::Frame { .. })));
            assert!(*source.interrupted.lock().unwrap());
            source.next.into_inner().unwrap()
        });
        assert!(taken >= 4, "{taken}");
    }
}

#[test]
fn a_panic_in_turn_ends_the_workers_that_wait_for_their_turns_and_propagates_to_the_caller() {
    let panicked = that_ends(|| {
        let on = |index: u64| {
            assert_ne!(index, HAND + 2, "a stage's fault");
            true
        };
        let run = || run(4, &Scripted::hands(u64::MAX), &Keeping::<true>::default(), &on);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err()
    });
    assert!(panicked);
}

#[test]
fn a_panic_in_any_order_ends_the_other_workers_too() {
    let panicked = that_ends(|| {
        let on = |index: u64| {
            assert_ne!(index, HAND + 2, "a stage's fault");
            true
        };
        let run = || run(3, &Scripted::hands(u64::MAX), &Keeping::<false>::default(), &on);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err()
    });
    assert!(panicked);
}

#[test]
fn a_panic_interrupts_a_source_that_waits() {
    let waited = that_ends(|| {
        let (asked, interrupted) = (Arc::new(Gate::default()), Gate::default());
        let source = WaitsAfterOneHand(Scripted::hands(2), Arc::clone(&asked), &interrupted);
        let on = |_| {
            asked.pass();
            panic!("a stage's fault")
        };
        let (chain, sink) = (chain(Features::NONE), Keeping::<true>::default());
        let transform = Asking { chain: &chain, on: &on, in_turn: &sound };
        let run = || workers(2).run(&source, &transform, &sink);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err()
    });
    assert!(waited);
}

/// After its first hand, signals that it was asked for another, and waits until it is interrupted.
struct WaitsAfterOneHand<'a>(Scripted, Arc<Gate>, &'a Gate);

impl Source<Clear> for WaitsAfterOneHand<'_> {
    fn take(&self, empty: &mut Vec<FrameBuffer>, frames: &mut Vec<Frame<Clear>>) -> Option<Taken> {
        if *self.0.next.lock().unwrap() == 1 {
            self.1.open();
            self.2.pass();
            return None;
        }
        self.0.take(empty, frames)
    }

    fn confirm(&self) -> Result<(), StreamError> {
        Ok(())
    }

    fn interrupt(&self) {
        self.2.open();
    }
}

/// Goes on past damage, and forwards each report.
struct PastDamage(Keeping<true>, Mutex<mpsc::Sender<DamagedFrame>>);

impl DamageListener for PastDamage {
    fn on_damage(&self, frame: DamagedFrame) {
        self.1.lock().unwrap().send(frame).unwrap();
    }
}

impl Sink<Sealed> for PastDamage {
    const IN_TURN: bool = true;

    fn write(&self, frames: &[Frame<Sealed>]) -> io::Result<()> {
        self.0.write(frames)
    }

    fn past_damage(&self) -> Option<&dyn DamageListener> {
        Some(self)
    }
}

#[test]
fn a_sink_that_goes_on_past_damage_is_notified_of_each_damaged_frame_and_gets_all_others() {
    let (sender, heard) = mpsc::channel();
    let (chain, sink) = (chain(Features::NONE), PastDamage(Keeping::default(), Mutex::new(sender)));
    let (on, in_turn) = (|index| index != 5 && index != HAND, |index| index != 7);
    let transform = Asking { chain: &chain, on: &on, in_turn: &in_turn };
    workers(3).run(&Scripted::hands(3), &transform, &sink).unwrap();
    let expected: Vec<_> = (0..3 * HAND).filter(|index| ![5, 7, HAND].contains(index)).collect();
    assert_eq!(*sink.0.indexes.lock().unwrap(), expected);
    drop(sink);
    let mut heard: Vec<_> = heard.iter().map(|frame| (frame.index, frame.wire_length, frame.damage)).collect();
    heard.sort_by_key(|&(index, ..)| index);
    let (mac, padding) = (FrameDamage::Refused(FrameFault::Mac), FrameDamage::Refused(FrameFault::Padding));
    assert_eq!(heard, [(5, SIZE.wire(), mac), (7, SIZE.wire(), padding), (HAND, SIZE.wire(), mac)]);
}
