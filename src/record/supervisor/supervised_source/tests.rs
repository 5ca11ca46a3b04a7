//! Producers that end, stall and grow in every way, with a clock that the tests control.

mod scripted;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use scripted::{Act::*, Request, Script, Scripted, World, script};

use super::*;
use crate::record::supervisor::Restarts;

const PLAN: Supervision =
    Supervision { restarts: Restarts::Always, stall: Some(seconds(30)), grace: seconds(90), max_memory: None };

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The result of a recording.
struct Recorded {
    bytes: usize,
    /// When producers were started, and when and why they ended, in seconds.
    starts: Vec<f64>,
    ends: Vec<(f64, Why)>,
    /// How many bytes came before each cut.
    cuts: Vec<usize>,
    /// When and how the recording ended, unless it was abandoned.
    end: Option<(f64, SourceEnd)>,
    /// The ends of producers that were still running when the recording was abandoned, as on a full disk, and when
    /// nothing was left of them.
    ends_at_close: Vec<(f64, Why)>,
    left: f64,
}

/// Records for `time`; each read takes `reading_takes`.
fn record(
    plan: Supervision,
    scripts: Vec<Option<Script>>,
    requests: &[(u64, Request)],
    (time, reading_takes): (u64, Duration),
) -> Recorded {
    let control = Arc::new(Control::new().unwrap());
    let requests = RefCell::new(requests.iter().copied().collect());
    let world =
        Rc::new(World { began: Instant::now(), passed: Cell::default(), requests, control: Arc::clone(&control) });
    let producers = Scripted { world: Rc::clone(&world), scripts: scripts.into() };
    let (starts, ends) = (RefCell::default(), RefCell::default());
    let report = |event| match event {
        SupervisorEvent::Started(_) => Vec::push(&mut starts.borrow_mut(), world.passed.get().as_secs_f64()),
        SupervisorEvent::Ended { end, .. } => {
            Vec::push(&mut ends.borrow_mut(), (world.passed.get().as_secs_f64(), end.why));
        }
        SupervisorEvent::NotStarted { .. } | SupervisorEvent::Restarting(_) => {}
    };
    let mut source = SupervisedSource::start(producers, &world, plan, control, Box::new(report)).unwrap();
    let (mut bytes, mut cuts, mut end) = (0, Vec::new(), None);
    let until = world.began + seconds(time);
    while world.now() < until {
        let found = source.wait(Some(until)).unwrap();
        if found == Readiness::NotReady {
            continue;
        }
        if source.takes_cut().is_some() {
            cuts.push(bytes);
        }
        let read = if found == Readiness::Ready { source.read(&mut [0; 1000]) } else { Ok(0) };
        match read {
            Ok(0) => {
                let moment = world.passed.get().as_secs_f64();
                end = Some((moment, source.end()));
                break;
            }
            Ok(read) => bytes += read,
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::Interrupted),
        }
        world.passed.set(world.passed.get() + reading_takes);
    }
    let ended = ends.borrow().len();
    source.close();
    drop(source);
    let mut ends = ends.into_inner();
    let ends_at_close = ends.split_off(ended);
    Recorded {
        bytes,
        starts: starts.into_inner(),
        ends,
        cuts,
        end,
        ends_at_close,
        left: world.passed.get().as_secs_f64(),
    }
}

fn recorded(plan: Supervision, scripts: Vec<Option<Script>>, requests: &[(u64, Request)], time: u64) -> Recorded {
    record(plan, scripts, requests, (time, Duration::ZERO))
}

/// The delays between each end and the next start.
#[track_caller]
fn assert_delays(recorded: &Recorded, expected: &[u64]) {
    let delays: Vec<_> = recorded.ends.iter().zip(&recorded.starts[1..]).map(|((end, _), start)| start - end).collect();
    assert!(delays.len() >= expected.len(), "{delays:?}");
    for (delay, &expected) in delays.iter().zip(expected) {
        let expected = expected as f64;
        assert!((expected..=expected * 1.25 + 0.001).contains(delay), "{delays:?}");
    }
}

#[test]
fn a_producer_that_ends_is_started_again_ever_later() {
    // Not every second, which would shred the recording.
    let recorded = recorded(PLAN, vec![script(&[(0, Exit(1))])], &[], 400);
    assert_delays(&recorded, &[1, 2, 4, 8, 16, 32, 60, 60]);
    assert!(recorded.end.is_none());
}

#[test]
fn a_first_byte_does_not_make_a_producer_stable() {
    // Otherwise it would be restarted every minute, for ever.
    let recorded = recorded(PLAN, vec![script(&[(0, Write(1)), (50, Exit(1))])], &[], 900);
    assert_delays(&recorded, &[1, 2, 4, 8, 16, 32, 60]);
}

#[test]
fn after_a_stable_minute_the_delay_is_a_second_again() {
    let fails = || script(&[(0, Exit(1))]);
    let stable = script(&[(0, WriteFor(seconds(61))), (62, Exit(1))]);
    let scripts = vec![fails(), fails(), fails(), stable, fails(), fails()];
    assert_delays(&recorded(PLAN, scripts, &[], 300), &[1, 2, 4, 1, 2]);
    let nearly = script(&[(0, WriteFor(seconds(59))), (60, Exit(1))]);
    assert_delays(&recorded(PLAN, vec![fails(), nearly, fails()], &[], 300), &[1, 2, 4]);
}

#[test]
fn a_camera_that_takes_its_time_to_start_is_not_started_again() {
    let slow = script(&[(85, WriteFor(seconds(100))), (300, Exit(0))]);
    let recorded = recorded(PLAN, vec![slow], &[], 179);
    assert_eq!((recorded.starts.len(), recorded.bytes), (1, 95));
}

#[test]
fn a_producer_that_hangs_is_ended_and_what_it_still_writes_is_kept() {
    let hangs =
        Script { acts: vec![(0, WriteFor(seconds(100)))], last_words: 50, ends_after: seconds(5), ..Script::default() };
    let recorded = recorded(PLAN, vec![Some(hangs), script(&[(0, WriteFor(seconds(500)))])], &[], 160);
    assert_eq!(recorded.ends, [(135.0, Why::Stalled(seconds(30)))]);
    // Its bytes are in the segment before the cut.
    assert_eq!(recorded.cuts, [101 + 50]);
    assert_delays(&recorded, &[1]);
}

#[test]
fn a_delay_of_our_own_is_not_a_stall() {
    // Each read takes longer than a stall, as on a busy disk.
    let steady = script(&[(0, WriteFor(seconds(1000)))]);
    let recorded = record(PLAN, vec![steady], &[], (500, seconds(40)));
    assert_eq!((recorded.starts.len(), recorded.ends.len()), (1, 0));
}

#[test]
fn without_a_limit_silence_is_no_stall() {
    let plan = Supervision { stall: None, ..PLAN };
    let quiet = script(&[(0, Write(1)), (5000, Exit(0))]);
    assert_eq!(recorded(plan, vec![quiet], &[], 4000).ends, []);
}

#[test]
fn between_two_starts_a_recording_ends_at_once_when_asked() {
    let requests: &[(u64, Request)] = &[(100, Control::end)];
    let recorded = recorded(PLAN, vec![script(&[(0, Exit(1))])], requests, 1000);
    assert_eq!(recorded.end, Some((100.0, SourceEnd::Asked)));
}

#[test]
fn a_recording_that_is_asked_to_end_keeps_the_last_words_of_its_producer() {
    let script =
        Script { acts: vec![(0, WriteFor(seconds(100)))], last_words: 7, ends_after: seconds(9), ..Script::default() };
    let requests: &[(u64, Request)] = &[(20, Control::end)];
    let recorded = recorded(PLAN, vec![Some(script)], requests, 1000);
    assert_eq!(recorded.end, Some((29.0, SourceEnd::Asked)));
    assert!((27..=36).contains(&recorded.bytes), "{}", recorded.bytes);
    assert_eq!(recorded.ends, [(29.0, Why::Asked)]);
}

#[test]
fn an_end_that_is_hastened_comes_at_once_and_keeps_what_was_written() {
    let script = Script { acts: vec![(0, WriteFor(seconds(100)))], ends_after: seconds(9), ..Script::default() };
    let requests: &[(u64, Request)] = &[(20, Control::end), (22, Control::hasten)];
    let hastened = recorded(PLAN, vec![Some(script.clone())], requests, 1000);
    assert_eq!((hastened.end, hastened.bytes), (Some((22.0, SourceEnd::Asked)), 23));
    // Even a producer that has closed its output and goes on running.
    let acts = vec![(0, Write(5)), (10, CloseOutput)];
    let requests: &[(u64, Request)] = &[(11, Control::end), (14, Control::hasten)];
    let hastened = recorded(PLAN, vec![Some(Script { acts, ..script })], requests, 1000);
    assert_eq!((hastened.left, hastened.ends, hastened.bytes), (14.0, vec![(14.0, Why::Asked)], 5));
}

#[test]
fn an_abandoned_producer_is_ended_with_its_whole_group_and_that_is_reported() {
    let script = Script {
        acts: vec![(0, WriteFor(seconds(100)))],
        last_words: 5000,
        ends_after: seconds(4),
        left_for: seconds(3),
    };
    let left = recorded(PLAN, vec![Some(script)], &[], 20);
    assert_eq!((left.end, left.ends_at_close, left.left), (None, vec![(24.0, Why::Asked)], 27.0));
    // Between two starts, there is nothing more to report.
    let exits = scripted::script(&[(0, Exit(1))]);
    assert_eq!(recorded(PLAN, vec![exits], &[], 50).ends_at_close, []);
    // Nor does one that has ended well leave anything.
    let plan = Supervision { restarts: Restarts::AtMost(0), ..PLAN };
    let script = Script { acts: vec![(5, Exit(0))], left_for: seconds(10), ..Script::default() };
    let done = recorded(plan, vec![Some(script)], &[], 1000);
    assert_eq!((done.end, done.ends_at_close, done.left), (Some((5.0, SourceEnd::Finished)), vec![], 15.0));
}

#[test]
fn without_restarts_the_exit_of_the_producer_is_the_end() {
    let plan = Supervision { restarts: Restarts::AtMost(0), ..PLAN };
    for (code, end) in [(0, SourceEnd::Finished), (3, SourceEnd::Failed)] {
        let recorded = recorded(plan, vec![script(&[(0, Write(5)), (10, Exit(code))])], &[], 1000);
        assert_eq!((recorded.end, recorded.bytes), (Some((10.0, end)), 5));
    }
    // A producer that was ended has failed, whatever its exit code.
    let stalls = Script { acts: vec![(0, Write(1))], ..Script::default() };
    let recorded = recorded(plan, vec![Some(stalls)], &[], 1000);
    assert_eq!(recorded.end, Some((90.0, SourceEnd::Failed)));
}

#[test]
fn a_producer_that_ends_well_is_started_again_too() {
    // ffmpeg exits with 0 when a camera closes the connection.
    let recorded = recorded(PLAN, vec![script(&[(0, Write(3)), (5, Exit(0))])], &[], 100);
    assert_delays(&recorded, &[1, 2, 4]);
    assert_eq!(recorded.cuts[..3], [3, 6, 9]);
}

#[test]
fn a_producer_is_given_up_after_too_many_restarts_in_a_row() {
    let plan = Supervision { restarts: Restarts::AtMost(2), ..PLAN };
    let fails = || script(&[(0, Exit(4))]);
    let recorded_once = recorded(plan, vec![fails()], &[], 1000);
    assert_eq!((recorded_once.starts.len(), recorded_once.end.unwrap().1), (3, SourceEnd::Failed));
    let stable = script(&[(0, WriteFor(seconds(61))), (62, Exit(1))]);
    let again = recorded(plan, vec![fails(), fails(), stable, fails()], &[], 1000);
    assert_eq!((again.starts.len(), again.end.unwrap().1), (5, SourceEnd::Failed));
}

#[test]
fn a_restart_that_is_asked_for_comes_at_once_and_is_not_counted() {
    let plan = Supervision { restarts: Restarts::AtMost(0), ..PLAN };
    let requests: &[(u64, Request)] = &[(10, Control::restart), (20, Control::end)];
    let recorded_twice = recorded(plan, vec![script(&[(0, WriteFor(seconds(500)))])], requests, 1000);
    assert_eq!(recorded_twice.starts, [0.0, 10.0]);
    assert_eq!(recorded_twice.ends[0], (10.0, Why::Restart));
    assert_eq!(recorded_twice.end, Some((20.0, SourceEnd::Asked)));
    // Nobody who has mended the camera should have to wait.
    let requests: &[(u64, Request)] = &[(100, Control::restart)];
    let waited = recorded(PLAN, vec![script(&[(0, Exit(1))])], requests, 101);
    assert!(waited.starts.contains(&100.0), "{:?}", waited.starts);
}

#[test]
fn a_producer_that_takes_too_much_memory_is_started_again() {
    let plan = Supervision { max_memory: Some(1000), ..PLAN };
    let grows = script(&[(0, WriteFor(seconds(100))), (11, Grow(1000)), (21, Grow(1001))]);
    let recorded = recorded(plan, vec![grows, script(&[(0, WriteFor(seconds(100)))])], &[], 60);
    let [(ended, Why::Memory(1001))] = recorded.ends[..] else { panic!("{:?}", recorded.ends) };
    assert!((21.0..=23.0).contains(&ended), "{ended}");
    assert_delays(&recorded, &[1]);
}

#[test]
fn a_producer_that_closes_its_output_and_goes_on_is_ended() {
    let recorded = recorded(PLAN, vec![script(&[(0, Write(1)), (10, CloseOutput)])], &[], 13);
    assert_eq!(recorded.ends, [(12.0, Why::ClosedOutput)]);
}

#[test]
fn what_a_producer_leaves_behind_is_gone_before_the_next_one_starts() {
    let leaves = Script { acts: vec![(5, Exit(1))], left_for: seconds(10), ..Script::default() };
    let recorded = recorded(PLAN, vec![Some(leaves), script(&[(0, WriteFor(seconds(100)))])], &[], 60);
    assert_eq!(recorded.ends, [(15.0, Why::Itself)]);
    assert_delays(&recorded, &[1]);
}

#[test]
fn a_program_that_is_missing_for_a_while_is_tried_again() {
    let steady = script(&[(0, WriteFor(seconds(100)))]);
    let recorded = recorded(PLAN, vec![script(&[(5, Exit(1))]), None, None, steady], &[], 60);
    assert_eq!(recorded.starts.len(), 2);
    // After 1, 2 and 4 seconds, plus what is added to each.
    assert!((12.0..=13.75).contains(&recorded.starts[1]), "{:?}", recorded.starts);
}
