//! The supervision of a recording's command: it is started again, ended when it stalls, and reported on.

mod support;

use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use support::{
    Folder, assert_refused,
    recorder::{Recorder, recorded, segments},
    text,
};

const RECORD: [&str; 5] = ["record", "--output-dir", "cam", "--key-file", "key"];

fn kinds(events: &[Value]) -> Vec<&str> {
    let kinds = ["start", "exit", "restart", "segment"];
    events.iter().filter_map(|event| event["event"].as_str()).filter(|kind| kinds.contains(kind)).collect()
}

#[test]
fn a_command_is_started_again_and_each_start_begins_a_segment_of_the_same_recording() {
    let folder = Folder::new();
    let script = "echo x >> runs; wc -l < runs; exit 3";
    let (recorder, _) = Recorder::start(&folder, &["--restarts", "2", "--", "sh", "-c", script]);
    let (status, events) = recorder.end();
    assert_eq!(status.code(), Some(5), "{events:#?}");
    assert_eq!(recorded(&folder), b"1\n2\n3\n");
    assert_eq!(segments(&folder).len(), 3);
    let verified = folder.run(&["verify", "cam"]);
    assert!(
        text(&verified.stdout).contains("whole, 3 segments, 6 bytes; it was interrupted"),
        "{}",
        text(&verified.stdout)
    );
    // The first segment grows until the next one has something in it.
    let run = ["exit", "restart", "start", "segment", "segment"];
    let expected = [&["start", "segment"][..], &run, &run, &["exit", "segment"]].concat();
    let mut found = kinds(&events);
    // The end of the last segment and the last exit are reported in any order.
    found[12..].sort_unstable();
    assert_eq!(found, expected, "{events:#?}");
    let exits: Vec<_> = events.iter().filter(|event| event["event"] == "exit").collect();
    assert!(exits.iter().all(|exit| exit["exit_code"] == 3 && exit["reason"] == "exited" && exit["command"] == "sh"));
    let delays: Vec<_> = exits.iter().map(|exit| exit["restarts_after"].as_f64()).collect();
    assert!((1.0..=1.25).contains(&delays[0].unwrap()) && (2.0..=2.5).contains(&delays[1].unwrap()), "{delays:?}");
    assert_eq!(delays[2], None);
    let error = events.iter().find(|event| event["event"] == "error").unwrap();
    assert_eq!((&error["command_exit_code"], &error["exit_code"]), (&json!(3), &json!(5)));
}

#[test]
fn a_reader_that_does_not_read_the_reports_does_not_stop_the_recording() {
    for flag in [&["--verbose"][..], &["--progress", "json"]] {
        let folder = Folder::new();
        let (unread, stderr) = std::io::pipe().unwrap();
        let produced = ["--segment-size", "64K", "--", "head", "-c", "40000000", "/dev/zero"];
        let mut command = folder.reelseal(&[&RECORD[..], flag, &produced].concat());
        assert_eq!(command.stderr(stderr).status().unwrap().code(), Some(0), "{flag:?}");
        assert_eq!(recorded(&folder).len(), 40_000_000, "{flag:?}");
        drop(unread);
    }
}

#[test]
fn a_command_that_stalls_is_ended_and_its_last_words_are_kept() {
    let folder = Folder::new();
    let script = "trap 'echo last; exit 0' TERM; echo begun; sleep 1000 & wait";
    let arguments = ["--stall", "3s", "--stall-grace", "0", "--", "sh", "-c", script];
    let output = folder.reelseal(&[&RECORD[..], &arguments].concat()).output().unwrap();
    assert_refused(&output, 5, "sh: wrote nothing for 3s and was stopped\nreelseal: hint: 11 bytes were recorded");
    assert_eq!(recorded(&folder), b"begun\nlast\n");
}

#[test]
fn a_command_that_ignores_sigterm_is_killed_and_started_again() {
    let folder = Folder::new();
    let script = "trap '' TERM; echo $$; echo x >> runs; while :; do sleep 0.05; done";
    let arguments = ["--restarts", "always", "--stall", "3s", "--stall-grace", "0", "--kill-after", "50ms"];
    let (mut recorder, _) = Recorder::start(&folder, &[&arguments[..], &["--", "sh", "-c", script]].concat());
    let exit = recorder.wait_for("exit", &[("reason", json!("stalled"))]);
    assert_eq!((&exit["signal"], &exit["exit_code"]), (&json!("SIGKILL"), &Value::Null));
    let first = recorder.events.iter().find(|event| event["event"] == "start").unwrap()["pid"].clone();
    let second = recorder.wait_for("start", &[])["pid"].clone();
    assert_ne!(first, second);
    recorder.wait_for("segment", &[("state", json!("begun"))]);
    recorder.stop();
    assert!(text(&recorded(&folder)).starts_with(&format!("{first}\n{second}\n")));
}

#[test]
fn a_command_that_takes_too_much_memory_is_ended() {
    let folder = Folder::new();
    let script = "echo begun; exec sleep 1000";
    let arguments = ["--max-memory", "1", "--", "sh", "-c", script];
    let output = folder.reelseal(&[&RECORD[..], &arguments].concat()).output().unwrap();
    let reported = text(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{reported}");
    assert!(reported.contains("sh: took ") && reported.contains(" of memory and was stopped"), "{reported}");
}

/// Whether the process has ended, including one that has not been waited for.
fn has_ended(process: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.trim()));
    stat.map_or(true, |stat| stat.rsplit_once(')').is_some_and(|(_, rest)| rest.starts_with(" Z")))
}

/// Waits for the file, and returns its content.
fn wait_for_file(folder: &Folder, name: &str) -> String {
    loop {
        match std::fs::read_to_string(folder.path(name)) {
            Ok(content) if content.ends_with('\n') => return content,
            _ => std::thread::yield_now(),
        }
    }
}

/// A command that starts two processes that leave its group, one of them detached; they write down their process ids.
const SCATTERS: &str = "setsid sh -c 'echo $$ > left; exec sleep 1000' > /dev/null 2>&1 & \
    (setsid sh -c 'echo $$ > detached; trap \"\" TERM; while :; do sleep 0.05; done' > /dev/null 2>&1 &); \
    while ! test -s left || ! test -s detached; do sleep 0.01; done; echo begun; ";

#[test]
fn what_has_left_the_group_of_a_command_ends_with_it_however_it_ends() {
    for (last, signal) in [("exec sleep 1000", Some(Signal::SIGTERM)), ("exit 0", None), ("kill -9 $$", None)] {
        let folder = Folder::new();
        let script = format!("{SCATTERS}{last}");
        let (mut recorder, _) = Recorder::start(&folder, &["--kill-after", "200ms", "--", "sh", "-c", &script]);
        let [left, detached] = ["left", "detached"].map(|name| wait_for_file(&folder, name));
        recorder.wait_for("segment", &[("state", json!("begun"))]);
        signal.into_iter().for_each(|signal| recorder.signal(signal));
        let (_, events) = recorder.end();
        assert!(has_ended(&left) && has_ended(&detached), "{last}: {events:#?}");
        assert_eq!(recorded(&folder), b"begun\n");
    }
}

#[test]
fn what_has_left_the_group_of_a_command_ends_even_if_the_recorder_is_killed() {
    let folder = Folder::new();
    let script = format!("{SCATTERS}exec sleep 1000");
    let (mut recorder, _) = Recorder::start(&folder, &["--kill-after", "200ms", "--", "sh", "-c", &script]);
    let [left, detached] = ["left", "detached"].map(|name| wait_for_file(&folder, name));
    recorder.wait_for("segment", &[("state", json!("begun"))]);
    recorder.signal(Signal::SIGKILL);
    while !has_ended(&left) || !has_ended(&detached) {
        std::thread::yield_now();
    }
}

#[test]
fn memory_that_is_taken_outside_the_group_of_a_command_counts() {
    let folder = Folder::new();
    // Far more than the shell and its sleep take.
    let script = "setsid sh -c 'exec head -c 150000000 /dev/zero | exec tail -c 140000000 | sleep 1000' > /dev/null & \
        echo begun; exec sleep 1000";
    let arguments = ["--max-memory", "100M", "--kill-after", "100ms", "--", "sh", "-c", script];
    let output = folder.reelseal(&[&RECORD[..], &arguments].concat()).output().unwrap();
    let reported = text(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{reported}");
    assert!(reported.contains(" of memory and was stopped"), "{reported}");
}

#[test]
fn a_second_signal_kills_the_command_and_what_was_written_is_sealed() {
    let folder = Folder::new();
    let script = "trap '' TERM; echo begun; while :; do sleep 0.05; done";
    let arguments = ["--kill-after", "1h", "--", "sh", "-c", script];
    let (mut recorder, _) = Recorder::start(&folder, &arguments);
    recorder.wait_for("segment", &[("state", json!("begun"))]);
    recorder.signal(Signal::SIGINT);
    let waiting = recorder.wait_for("note", &[]);
    assert_eq!(waiting["message"], "waiting for sh to end, 1h at most; a second signal ends it at once");
    // Sent again at once, the same signal may count as the same request, so it is repeated.
    let (done, ended) = std::sync::mpsc::channel::<()>();
    let process = recorder.process();
    let again = std::thread::spawn(move || {
        while ended.recv_timeout(std::time::Duration::from_millis(50)).is_err() {
            let _ = nix::sys::signal::kill(process, Signal::SIGTERM);
        }
    });
    let exit = recorder.wait_for("exit", &[]);
    done.send(()).unwrap();
    again.join().unwrap();
    assert_eq!((&exit["signal"], &exit["reason"]), (&json!("SIGKILL"), &json!("asked")));
    assert_eq!(recorder.end().0.code(), Some(0));
    let verified = folder.run(&["verify", "cam"]);
    assert!(text(&verified.stdout).contains("whole, 1 segment, 6 bytes; it was interrupted"), "{verified:?}");
}

#[test]
fn how_the_command_ended_is_reported_even_if_nothing_more_can_be_stored() {
    let folder = Folder::new();
    let recorder = [support::reelseal(), &RECORD.join(" "), "--progress json -- yes"].join(" ");
    let mut shell = std::process::Command::new("bash");
    shell.args(["-c", &format!("ulimit -f 100; exec {recorder}")]).current_dir(folder.path(""));
    let output = shell.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let events: Vec<Value> = output.stderr.split(|byte| *byte == b'\n').flat_map(serde_json::from_slice).collect();
    assert_eq!(kinds(&events), ["start", "segment", "segment", "exit"], "{events:#?}");
    let exit = events.iter().find(|event| event["event"] == "exit").unwrap();
    assert_eq!((&exit["reason"], &exit["restarts_after"]), (&json!("asked"), &Value::Null));
}

#[test]
fn a_recording_ends_well_while_its_command_waits_to_be_started_again() {
    let folder = Folder::new();
    let (mut recorder, _) = Recorder::start(&folder, &["--restarts", "always", "--", "sh", "-c", "echo once; exit 1"]);
    recorder.wait_for("exit", &[]);
    let events = recorder.stop();
    assert!(events.iter().any(|event| event["event"] == "done"), "{events:#?}");
    assert!(recorded(&folder).starts_with(b"once\n"));
}

#[test]
fn a_command_that_never_existed_is_the_callers_mistake_and_is_not_tried_again() {
    let folder = Folder::new();
    let arguments = ["--restarts", "always", "--", "./no-such-command"];
    assert_refused(&folder.reelseal(&[&RECORD[..], &arguments].concat()).output().unwrap(), 5, "command not found");
}

#[test]
fn a_command_that_vanishes_between_two_starts_is_reported_as_gone() {
    let folder = Folder::new();
    let script = folder.write("camera", b"#!/bin/sh\nrm camera\nexit 1\n");
    std::fs::set_permissions(script, PermissionsExt::from_mode(0o755)).unwrap();
    let (mut recorder, _) = Recorder::start(&folder, &["--restarts", "1", "--", "./camera"]);
    let exit = recorder.wait_for("exit", &[("reason", json!("not_started"))]);
    assert_eq!(exit["message"], "is no longer there");
    let (status, events) = recorder.end();
    let error = events.iter().find(|event| event["event"] == "error").unwrap();
    assert_eq!((status.code(), &error["message"]), (Some(5), &json!("./camera: is no longer there")));
}

#[test]
fn supervision_needs_a_command() {
    let folder = Folder::new();
    for option in [["--restarts", "always"], ["--stall", "5s"], ["--max-memory", "1G"], ["--kill-after", "1s"]] {
        let output = folder.reelseal(&[&RECORD[..], &option].concat()).output().unwrap();
        assert_refused(&output, 2, "the following required arguments were not provided");
    }
    let output = folder.reelseal(&[&RECORD[..], &["--restarts", "often", "--", "true"]].concat()).output().unwrap();
    assert_refused(&output, 2, "a number, or always");
}

#[test]
fn a_signal_prints_a_line_that_says_how_the_recorder_is_doing() {
    let folder = Folder::new();
    let (mut recorder, _) = Recorder::start(&folder, &["--", "sh", "-c", "echo begun; exec sleep 1000"]);
    let started = recorder.wait_for("start", &[])["pid"].clone();
    recorder.wait_for("segment", &[("state", json!("begun"))]);
    recorder.signal(Signal::SIGUSR1);
    let line = recorder.wait_for("progress", &[("pid", started.clone())]);
    let message = line["message"].as_str().unwrap();
    assert!(message.starts_with("sh: 6 B received, recording 2"), "{message}");
    assert!(message.ends_with(&format!(".bin.reel, process {started}")), "{message}");
    recorder.stop();
}
