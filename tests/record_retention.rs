//! What happens to finished segments: those that are due are removed, and nothing else; a program is run for each.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    fs::{self, File},
    io::Write,
    process::Command,
    time::Duration,
};

use nix::sys::{signal::Signal, stat::Mode};
use serde_json::json;
use support::{
    Folder, assert_done, assert_refused, feed, plaintext,
    recorder::{Recorder, recorded, segments},
    text,
};

const RECORD: [&str; 9] =
    ["record", "--output-dir", "cam", "--key-file", "key", "--segment-size", "50000", "--frame-size", "4K"];

/// Records this many bytes, in segments of at most 50,000; returns what was reported.
#[track_caller]
fn record(folder: &Folder, bytes: usize, arguments: &[&str]) -> String {
    let output = feed(&mut folder.reelseal(&[&RECORD[..], arguments].concat()), &plaintext(bytes));
    assert_done(&output);
    text(&output.stderr)
}

fn bytes_in(folder: &Folder) -> u64 {
    segments(folder).iter().map(|name| folder.path(&format!("cam/{name}")).metadata().unwrap().len()).sum()
}

/// The number of a segment in its recording.
fn number(folder: &Folder, name: &str) -> u64 {
    let inspected = folder.run(&["inspect", "--json", &format!("cam/{name}")]);
    serde_json::from_slice::<serde_json::Value>(&inspected.stdout).unwrap()["segment"]["number"].as_u64().unwrap()
}

#[test]
fn the_oldest_segments_are_removed_across_restarts_until_the_rest_is_small_enough() {
    let folder = Folder::new();
    record(&folder, 200_000, &["--keep-size", "1M", "--name", "a-%s"]);
    let all = segments(&folder);
    assert_eq!(all.len(), 6, "{all:?}");
    let largest = all.iter().map(|name| folder.path(&format!("cam/{name}")).metadata().unwrap().len()).max().unwrap();
    record(&folder, 100_000, &["--keep-size", "250K", "--name", "b-%s"]);
    // The first segments of the first run are gone, and no more of them than necessary.
    let numbers = |of: &str| {
        let names = segments(&folder).into_iter().filter(|name| name.starts_with(of));
        let mut numbers: Vec<_> = names.map(|name| number(&folder, &name)).collect();
        numbers.sort_unstable();
        numbers
    };
    let left = numbers("a-");
    assert!(!left.is_empty() && left.len() < 6, "{left:?}");
    assert_eq!(left, (7 - left.len() as u64..=6).collect::<Vec<_>>());
    assert_eq!(numbers("b-"), [1, 2, 3]);
    let bytes = bytes_in(&folder);
    assert!(bytes <= 250 << 10 && bytes + largest > 250 << 10, "{bytes}");
}

#[test]
fn a_recording_without_what_was_removed_is_whole_only_if_the_recorders_word_is_to_be_taken() {
    let folder = Folder::new();
    record(&folder, 200_000, &["--keep-size", "150K", "--name", "a-%s"]);
    let first = segments(&folder).iter().map(|name| number(&folder, name)).min().unwrap();
    assert!(first > 2, "{first}");
    let missing = format!("segments 1 to {} are missing at the start", first - 1);
    let refused = folder.run(&["verify", "cam"]);
    // Whoever can delete segments can also write that they were removed.
    let noted =
        format!("cam: {missing}: removed by its recorder, according to .reelseal-recorder (not authenticated)\n");
    assert_refused(&refused, 4, &noted);
    assert_refused(&refused, 4, "hint: --allow-removed believes that note");
    let verify = || folder.run(&["verify", "--allow-removed", "cam"]);
    let allowed = verify();
    assert_done(&allowed);
    let whole = format!(": whole but for segments 1 to {}, removed by its recorder, ", first - 1);
    assert!(text(&allowed.stdout).contains(&whole), "{allowed:?}");
    // The note does not cover one more segment.
    let oldest = segments(&folder).into_iter().find(|name| number(&folder, name) == first).unwrap();
    let taken = folder.read(&format!("cam/{oldest}"));
    fs::remove_file(folder.path(&format!("cam/{oldest}"))).unwrap();
    assert_refused(&verify(), 4, &format!("cam: segments 1 to {first} are missing at the start: expired or removed"));
    folder.write(&format!("cam/{oldest}"), &taken);
    assert_done(&verify());
    // A later run still knows what was removed; without its ledger, nobody does.
    record(&folder, 10, &["--keep-size", "150K", "--name", "b-%s"]);
    fs::remove_file(folder.path("cam/.reelseal-recorder")).unwrap();
    assert_refused(&verify(), 4, "missing at the start: expired or removed");
}

#[test]
fn a_damaged_ledger_is_kept_and_reported() {
    let folder = Folder::new();
    record(&folder, 100_000, &["--keep-size", "1M", "--name", "a-%s"]);
    let kept = segments(&folder);
    let known = text(&folder.read("cam/.reelseal-recorder"));
    let damaged = known.replace("\nrecording ", "\nrec\u{fffd}rding ");
    assert_ne!(damaged, known);
    folder.write("cam/.reelseal-recorder", damaged.as_bytes());
    let reported = record(&folder, 10, &["--keep-size", "1", "--name", "b-%s"]);
    let fact = "warning: cam/.reelseal-recorder: was damaged, and is kept as .reelseal-recorder.damaged; ";
    assert!(reported.contains(fact), "{reported}");
    assert_eq!(text(&folder.read("cam/.reelseal-recorder.damaged")), damaged);
    assert!(kept.iter().all(|name| folder.path(&format!("cam/{name}")).exists()), "{reported}");
    assert!(!record(&folder, 10, &["--keep-size", "1M", "--name", "c-%s"]).contains("damaged"));
}

#[test]
fn nothing_of_another_recorder_is_removed_whatever_its_name() {
    let folder = Folder::new();
    // Another recorder's segments, and what was recorded before anything was to be removed.
    record(&folder, 100_000, &["--name", "other"]);
    let others = segments(&folder);
    fs::write(folder.path("cam/0.reel"), b"no stream").unwrap();
    fs::write(folder.path("cam/notes.txt"), b"notes").unwrap();
    assert_done(&folder.pipe(&["encrypt", "-o", "cam/film.reel"], &plaintext(70_000)));
    std::os::unix::fs::symlink("other.reel", folder.path("cam/link.reel")).unwrap();
    nix::unistd::mkfifo(&folder.path("cam/pipe.reel"), Mode::S_IRUSR).unwrap();
    let all = || fs::read_dir(folder.path("cam")).unwrap().count();
    let before = all();
    let reported = record(&folder, 200_000, &["--keep-free", "1000000T", "--name", "other-%s", "--verbose"]);
    // All of this recorder's segments but the newest are gone, and it is reported that there is still too little room.
    assert_eq!(reported.matches("removed for --keep-free").count(), 5, "{reported}");
    assert!(reported.contains("is free, and there is no segment left that may be removed"), "{reported}");
    assert_eq!(all(), before + 2, "{:?}", segments(&folder));
    assert!(others.iter().all(|name| folder.path(&format!("cam/{name}")).exists()));
    assert!(folder.path("cam/.reelseal-recorder").exists());
}

#[test]
fn the_growing_segment_is_never_removed() {
    let folder = Folder::new();
    let arguments = [&RECORD[5..], &["--keep-size", "1"]].concat();
    let (mut recorder, mut writer) = Recorder::start(&folder, &arguments);
    writer.write_all(&plaintext(100_000)).unwrap();
    for _ in 0..2 {
        let removed = recorder.wait_for("retention", &[("reason", json!("size"))]);
        assert_eq!((&removed["state"], &removed["is_handled"]), (&json!("removed"), &json!(true)));
    }
    // Larger than everything that is to be kept, and still there.
    writer.write_all(&[7; 10_000]).unwrap();
    let mut reported = recorder.events.iter().rev();
    let begun = reported.find(|event| event["event"] == "segment" && event["state"] == "begun").unwrap();
    assert!(folder.path(begun["file"].as_str().unwrap()).exists());
    recorder.stop();
}

#[test]
fn segments_are_removed_by_age_while_others_are_recorded() {
    let folder = Folder::new();
    let arguments = [&RECORD[5..], &["--keep-age", "1ms"]].concat();
    let (mut recorder, mut writer) = Recorder::start(&folder, &arguments);
    writer.write_all(&plaintext(100_000)).unwrap();
    recorder.wait_for("retention", &[("reason", json!("age")), ("state", json!("removed"))]);
    recorder.stop();
}

#[test]
fn a_name_that_would_be_given_again_is_refused() {
    let folder = Folder::new();
    for name in ["cam", "%Y-%m-%d"] {
        let output = folder.reelseal(&[&RECORD[..], &["--keep-age", "1d", "--name", name]].concat()).output().unwrap();
        assert_refused(&output, 2, "--name: does not include the date and the time to the second");
    }
    record(&folder, 10, &["--name", "cam"]);
}

#[test]
fn two_recorders_do_not_remove_in_one_folder() {
    let folder = Folder::new();
    let (mut recorder, mut writer) = Recorder::start(&folder, &["--keep-age", "1d"]);
    writer.write_all(b"begun").unwrap();
    recorder.wait_for("segment", &[]);
    let refused =
        folder.reelseal(&[&RECORD[..], &["--keep-size", "1G", "--", "touch", "ran"]].concat()).output().unwrap();
    assert_refused(&refused, 1, "cam: another recorder manages the segments in this folder");
    assert!(!folder.path("ran").exists());
    // A recorder that removes nothing is welcome.
    record(&folder, 10, &[]);
    recorder.stop();
}

#[test]
#[ignore = "needs root, to put a mount on a segment"]
fn a_segment_that_cannot_be_removed_is_reported_and_the_recording_goes_on() {
    let folder = Folder::new();
    record(&folder, 100_000, &["--keep-size", "1G"]);
    let oldest = segments(&folder).into_iter().find(|name| number(&folder, name) == 1).unwrap();
    let script = format!(
        "mount --bind cam/{oldest} cam/{oldest} && exec {} {} --keep-size 100K --name later-%s",
        support::reelseal(),
        RECORD.join(" ")
    );
    let mut command = Command::new("unshare");
    let output = feed(command.args(["--mount", "sh", "-c", &script]).current_dir(folder.path("")), &plaintext(100_000));
    assert_done(&output);
    let reported = text(&output.stderr);
    let fact = format!("cam/{oldest}: cannot be removed, and is left alone: ");
    assert_eq!(reported.matches(&fact).count(), 1, "{reported}");
    let mut left = segments(&folder);
    left.retain(|name| *name != oldest);
    assert_eq!(left.iter().map(|name| number(&folder, name)).collect::<Vec<_>>(), [3]);
    assert!(left[0].starts_with("later-"), "{left:?}");
}

#[test]
fn a_program_is_run_for_each_segment_in_order_with_its_path() {
    let folder = Folder::new();
    fs::create_dir(folder.path("shipped")).unwrap();
    let hook = ["--on-segment", "cp", "--on-segment-arg", "{}", "--on-segment-arg", "shipped/", "--name", "cam"];
    let reported = record(&folder, 200_000, &[&hook[..], &["--verbose"]].concat());
    let mut names: Vec<_> = segments(&folder);
    assert_eq!(names.len(), 6);
    for name in &names {
        assert!(folder.read(&format!("cam/{name}")) == folder.read(&format!("shipped/{name}")), "{name}");
    }
    let order: Vec<_> = reported.lines().filter_map(|line| line.strip_suffix(": cp succeeded for it")).collect();
    names.iter_mut().for_each(|name| *name = format!("reelseal: cam/{name}"));
    assert_eq!(order, names);
    // The path is the last argument, unless it has another place; it is absolute, and there is no shell.
    fs::remove_dir_all(folder.path("cam")).unwrap();
    folder.write(
        "list",
        b"#!/bin/sh\nprintf '%s\\n' \"$#\" \"$@\" \"${REELSEAL_PASSPHRASE-none}\" >> listed\ncat >> listed\n",
    );
    Command::new("chmod").arg("+x").arg(folder.path("list")).status().unwrap();
    record(&folder, 10, &["--on-segment", "./list", "--on-segment-arg", "-x $HOME", "--name", "a b"]);
    let path = folder.path("cam/a b.reel").canonicalize().unwrap();
    let listed = text(&folder.read("listed"));
    assert_eq!(listed, format!("2\n-x $HOME\n{}\nnone\n", path.display()));
}

/// Records, ships each segment with the script of that name, and makes the recorder remove all of them but the newest.
fn ship_and_remove(folder: &Folder, script: &str, to: &str) {
    let script = format!("{}/examples/{script}", env!("CARGO_MANIFEST_DIR"));
    let hook = ["--on-segment", &script, "--on-segment-arg", to, "--name", "cam-%s", "--keep-size", "1"];
    fs::create_dir(folder.path("vault")).unwrap();
    let reported = record(folder, 200_000, &hook);
    // All of them have been shipped, and the newest stays.
    assert_eq!(segments(folder).len(), 1, "{reported}");
    fs::remove_file(folder.path("cam/.reelseal-recorder")).unwrap();
    let newest = segments(folder).remove(0);
    assert!(folder.read(&format!("cam/{newest}")) == folder.read(&format!("vault/{newest}")));
    fs::remove_dir_all(folder.path("cam")).unwrap();
    fs::rename(folder.path("vault"), folder.path("cam")).unwrap();
    assert_done(&folder.run(&["verify", "cam"]));
    assert!(recorded(folder) == plaintext(200_000));
}

#[test]
#[ignore = "needs rsync"]
fn segments_are_shipped_with_rsync_and_then_removed() {
    let folder = Folder::new();
    ship_and_remove(&folder, "ship-with-rsync.sh", "vault");
    // What cannot be shipped stays.
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/ship-with-rsync.sh");
    let kept = ["--on-segment", script, "--on-segment-arg", "/dev/null/vault", "--name", "kept-%s", "--keep-size", "1"];
    let reported = record(&folder, 100_000, &kept);
    assert!(reported.contains("3 segments have not been passed to "), "{reported}");
}

#[test]
#[ignore = "needs rclone"]
fn segments_are_shipped_with_rclone_and_then_removed() {
    ship_and_remove(&Folder::new(), "ship-with-rclone.sh", ":local:vault");
}

#[test]
fn a_program_that_waits_does_not_hold_up_the_recording() {
    let folder = Folder::new();
    nix::unistd::mkfifo(&folder.path("gate"), Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    let hook = ["--on-segment", "sh", "--on-segment-arg", "-c", "--on-segment-arg", "read gate < gate; echo $0 >> ran"];
    let (mut recorder, mut writer) = Recorder::start(&folder, &[&RECORD[5..], &hook].concat());
    writer.write_all(&plaintext(200_000)).unwrap();
    for _ in 0..5 {
        recorder.wait_for("segment", &[("state", json!("finished"))]);
    }
    assert!(!folder.path("ran").exists());
    recorder.signal(Signal::SIGTERM);
    recorder.wait_for("done", &[]);
    // What is left is handled one at a time.
    for count in 1..=6 {
        File::options().write(true).open(folder.path("gate")).unwrap().write_all(b"go\n").unwrap();
        recorder.wait_for("on_segment", &[("state", json!("done"))]);
        assert_eq!(text(&folder.read("ran")).lines().count(), count);
    }
    assert_eq!(recorder.end().0.code(), Some(0));
}

#[test]
fn once_the_recording_has_ended_a_signal_leaves_the_rest_to_the_next_recorder() {
    let folder = Folder::new();
    let script = "echo $0 >> ran; exec sleep 1000";
    let hook = ["--on-segment", "sh", "--on-segment-arg=-c", "--on-segment-arg", script, "--segment-size", "64K"];
    let (mut recorder, mut input) = Recorder::start(&folder, &hook);
    input.write_all(&[7; 200_000]).unwrap();
    drop(input);
    recorder.wait_for("done", &[]);
    while fs::read(folder.path("ran")).unwrap_or_default().is_empty() {
        std::thread::yield_now();
    }
    let events = recorder.stop();
    let reported = |part: &str| events.iter().any(|event| event["message"].to_string().contains(part));
    assert!(reported("segments have not been passed to sh yet"), "{events:#?}");
    assert_eq!(text(&folder.read("ran")).lines().count(), 1);
}

#[test]
fn a_second_interrupt_kills_a_program_that_does_not_end_and_the_rest_is_left_to_the_next_recorder() {
    let folder = Folder::new();
    let script = "trap '' TERM INT HUP; echo $0 >> ran; while :; do sleep 0.05; done";
    let hook = ["--on-segment", "sh", "--on-segment-arg=-c", "--on-segment-arg", script];
    let (mut recorder, mut input) = Recorder::start(&folder, &hook);
    input.write_all(&[7; 1000]).unwrap();
    drop(input);
    recorder.wait_for("done", &[]);
    while fs::read(folder.path("ran")).unwrap_or_default().is_empty() {
        std::thread::yield_now();
    }
    recorder.signal(Signal::SIGINT);
    // Within 300 ms it would be the same request.
    std::thread::sleep(Duration::from_millis(400));
    recorder.signal(Signal::SIGINT);
    let (status, events) = recorder.end();
    assert_eq!(status.code(), Some(0));
    let reported = |part: &str| events.iter().any(|event| event["message"].to_string().contains(part));
    assert!(reported("1 segment has not been passed to sh yet"), "{events:#?}");
}

#[test]
fn segments_that_a_program_fails_for_are_reported_kept_and_passed_to_it_after_a_restart() {
    let folder = Folder::new();
    // Nothing may be removed that the program has not succeeded for.
    let hook = [
        "--on-segment",
        "cp",
        "--on-segment-arg={}",
        "--on-segment-arg=shipped/",
        "--name",
        "cam-%s",
        "--keep-size",
        "1",
    ];
    let reported = record(&folder, 200_000, &hook);
    assert_eq!(segments(&folder).len(), 6, "{reported}");
    let failed = "cam/cam.reel: cp failed with exit code 1; it will be run again in 5 s";
    assert!(
        reported.contains(failed) || reported.contains("it will be run again when a recorder is next started here"),
        "{reported}"
    );
    assert!(reported.contains("cam: 6 segments have not been passed to cp yet"), "{reported}");
    fs::create_dir(folder.path("shipped")).unwrap();
    let later = [&hook[..4], &["--name", "later-%s", "--keep-size", "1"]].concat();
    let reported = record(&folder, 10, &later);
    assert_eq!(fs::read_dir(folder.path("shipped")).unwrap().count(), 7, "{reported}");
    // The newest stays, however little may be kept.
    assert_eq!(segments(&folder).len(), 1, "{reported}");
    fs::remove_file(folder.path(&format!("cam/{}", segments(&folder)[0]))).unwrap();
    // What the program has succeeded for is not passed to it again.
    fs::remove_dir_all(folder.path("shipped")).unwrap();
    fs::create_dir(folder.path("shipped")).unwrap();
    let kept = [&hook[..6], &["--keep-size", "1G"]].concat();
    record(&folder, 100_000, &kept);
    record(&folder, 10, &kept);
    assert_eq!(fs::read_dir(folder.path("shipped")).unwrap().count(), segments(&folder).len());
    let modified = |name: &str| folder.path(&format!("shipped/{name}")).metadata().unwrap().modified().unwrap();
    let before = modified(&segments(&folder)[0]);
    record(&folder, 10, &kept);
    assert_eq!(modified(&segments(&folder)[0]), before);
}

#[test]
fn for_want_of_room_segments_that_a_program_failed_for_are_removed_too_and_that_is_reported() {
    let folder = Folder::new();
    let hook = ["--on-segment", "false", "--keep-free", "1000000T"];
    let reported = record(&folder, 100_000, &hook);
    assert_eq!(segments(&folder).len(), 1, "{reported}");
    let fact = ".bin.reel: removed for --keep-free, before false succeeded for it";
    assert_eq!(reported.matches(fact).count(), 2, "{reported}");
    // No name is used again, even if it is free.
    let names: std::collections::HashSet<_> = reported.lines().filter(|line| line.contains(fact)).collect();
    assert_eq!(names.len(), 2, "{reported}");
}

#[test]
fn a_segment_that_a_killed_recorder_left_is_passed_on_after_a_restart() {
    let folder = Folder::new();
    fs::create_dir(folder.path("shipped")).unwrap();
    let hook = ["--on-segment", "cp", "--on-segment-arg={}", "--on-segment-arg=shipped/", "--name", "cam"];
    let (mut recorder, mut writer) = Recorder::start(&folder, &hook);
    writer.write_all(b"before").unwrap();
    recorder.wait_for("segment", &[("state", json!("begun"))]);
    recorder.signal(Signal::SIGKILL);
    recorder.end();
    record(&folder, 10, &hook);
    assert!(folder.path("shipped/cam.reel").exists() && folder.path("shipped/cam-2.reel").exists());
}

#[test]
fn a_program_that_hangs_is_ended_and_one_that_does_not_exist_is_refused() {
    let folder = Folder::new();
    let hang = ["--on-segment", "sh", "--on-segment-arg", "-c", "--on-segment-arg", "exec sleep 1000"];
    let reported = record(&folder, 10, &[&hang[..], &["--on-segment-timeout", "100ms", "--name", "1"]].concat());
    assert!(reported.contains("cam/1.reel: sh did not finish within 100ms and was stopped; "), "{reported}");
    let script = "sleep 1000";
    for (arguments, fact) in [
        (["--on-segment", "no-such-program"].as_slice(), "no-such-program: command not found"),
        (&["--on-segment", "no-such-program"], "hint: --on-segment takes a program that can be run: "),
        (&["--on-segment", script], "takes only a program; give each argument with --on-segment-arg"),
        (&["--on-segment-arg", "x"], "the following required arguments were not provided"),
    ] {
        let output = folder.reelseal(&[&RECORD[..], arguments, &["--", "touch", "ran"]].concat()).output().unwrap();
        let reported = text(&output.stderr);
        assert!(!output.status.success() && reported.contains(fact), "{reported}");
    }
    assert!(!folder.path("ran").exists());
    assert!(recorded(&folder) == plaintext(10));
}
