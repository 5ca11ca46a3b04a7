//! Recordings made by the command, however they end, and what is reported about them afterwards.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    fs,
    io::{BufRead, BufReader, PipeReader, PipeWriter, Read, Write, pipe},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use reelseal::{
    container::{Features, Layout, Predecessor, SegmentRecord},
    keys::{KeyFile, Lock, NewStream},
    stream::{Clock, ReaderInput, StreamHeader, Writer},
};
use support::{Folder, assert_done, assert_refused, plaintext, text};

const RECORD: [&str; 5] = ["record", "--output-dir", "cam", "--key-file", "key"];

/// A recorder of what is written to the pipe.
fn recorder(folder: &Folder, arguments: &[&str]) -> (Child, PipeWriter) {
    let (input, writer) = pipe().unwrap();
    // A follower may start first.
    fs::create_dir_all(folder.path("cam")).unwrap();
    let mut command = folder.reelseal(&[&RECORD, arguments].concat());
    (command.stdin(input).stderr(Stdio::piped()).spawn().unwrap(), writer)
}

/// A follower of the recording in `cam`, and its output.
fn follower(folder: &Folder, arguments: &[&str]) -> (Child, PipeReader) {
    let (output, writer) = pipe().unwrap();
    let mut command = folder.reelseal(&[&["decrypt", "--follow", "--key-file", "key"], arguments].concat());
    (command.stdout(writer).spawn().unwrap(), output)
}

/// The segments in a folder, in the order of their numbers.
fn segments(folder: &Folder, name: &str) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder.path(name))
        .unwrap()
        .map(|entry| format!("{name}/{}", entry.unwrap().file_name().into_string().unwrap()))
        .collect();
    names.sort_by_key(|name| (name.len(), name.clone()));
    names
}

/// Waits until `follower` has delivered these bytes.
#[track_caller]
fn assert_comes_out(follower: &mut PipeReader, expected: &[u8]) {
    let mut area = vec![0; expected.len()];
    follower.read_exact(&mut area).unwrap();
    assert!(area == expected);
}

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id() as i32), signal).unwrap();
}

fn wait(mut child: Child) -> (ExitStatus, String) {
    let mut reported = String::new();
    child.stderr.take().unwrap().read_to_string(&mut reported).unwrap();
    (child.wait().unwrap(), reported)
}

/// A recording of several segments in `cam`, and its plaintext.
fn recorded(folder: &Folder) -> Vec<u8> {
    let film = plaintext(200_000);
    let arguments = [&RECORD[..3], &["--segment-size", "50000", "--name", "%%.ts", "--frame-size", "4K"]].concat();
    assert_done(&folder.pipe(&arguments, &film));
    film
}

#[test]
fn what_is_piped_in_comes_back_when_the_segments_are_joined() {
    let folder = Folder::new();
    let film = recorded(&folder);
    let names = segments(&folder, "cam");
    assert!(names.len() >= 4, "{names:?}");
    let verified = folder.run(&["verify", "cam"]);
    assert_done(&verified);
    let said = text(&verified.stdout);
    let (whole, count) = (": whole, ", names.len());
    assert!(said.lines().last().unwrap().ends_with(&format!("{whole}{count} segments, 200000 bytes")), "{said}");
    assert_eq!(said.lines().count(), count + 1, "{said}");

    assert_done(&folder.run(&["decrypt", "cam", "-o", "film"]));
    assert!(folder.read("film") == film);
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let together = folder.run(&[&["decrypt"], &names[..], &["-o", "-"]].concat());
    assert_done(&together);
    assert!(together.stdout == film);
    let consumed = folder.reelseal(&["decrypt", "cam", "--key-file", "key", "--", "cat"]).output().unwrap();
    assert_done(&consumed);
    assert!(consumed.stdout == film);
    let inspected = text(&folder.run(&["inspect", names[1]]).stdout);
    let segment = inspected.lines().find(|line| line.starts_with("segment:")).unwrap();
    assert!(segment.contains("2 of recording ") && segment.ends_with(", 36864 bytes into it"), "{segment}");
    let inspected: serde_json::Value =
        serde_json::from_slice(&folder.run(&["inspect", "--json", names[1]]).stdout).unwrap();
    assert_eq!((&inspected["segment"]["number"], &inspected["segment"]["offset"]), (&2.into(), &36_864.into()));
    let alone = folder.run(&["decrypt", "cam"]);
    assert_refused(&alone, 2, "cam: is the folder of a recording, and its segments need one output");
    // Neither the first nor the last segment need be included.
    let part = folder.run(&[&["decrypt"], &names[1..3], &["-o", "-"]].concat());
    assert_done(&part);
    assert!(film.windows(part.stdout.len()).step_by(1).any(|window| window == part.stdout));
}

#[test]
fn a_recording_ends_well_by_each_signal_that_asks_for_it() {
    for ending in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let folder = Folder::new();
        let (recorder, mut writer) = recorder(&folder, &[]);
        let (mut follower, mut output) = follower(&folder, &["cam", "-o", "-"]);
        writer.write_all(b"what arrived").unwrap();
        assert_comes_out(&mut output, b"what arrived");
        signal(&recorder, ending);
        let (status, reported) = wait(recorder);
        assert_eq!((status.code(), reported.as_str()), (Some(0), ""), "{ending}");
        // The follower sees the end.
        assert_eq!(output.read_to_end(&mut Vec::new()).unwrap(), 0);
        assert!(follower.wait().unwrap().success());
        let verified = text(&folder.run(&["verify", "cam"]).stdout);
        assert!(verified.contains("whole, 1 segment, 12 bytes; it was interrupted, and ended there"), "{verified}");
    }
}

#[test]
fn what_a_command_still_writes_when_it_is_asked_to_end_is_recorded() {
    let folder = Folder::new();
    let script = "trap 'echo last words; exit 3' TERM; echo begun; while :; do sleep 0.05; done";
    fs::create_dir(folder.path("cam")).unwrap();
    let mut command = folder.reelseal(&[&RECORD[..], &["--", "sh", "-c", script]].concat());
    let recorder = command.stderr(Stdio::piped()).spawn().unwrap();
    let (mut follower, mut output) = follower(&folder, &["cam", "-o", "-"]);
    assert_comes_out(&mut output, b"begun\n");
    signal(&recorder, Signal::SIGTERM);
    let (status, reported) = wait(recorder);
    assert!(status.success(), "{reported}");
    // The shell, too, reports that its sleep was terminated, and not always in one piece.
    let said = "reelseal: waiting for sh to end, 10s at most; a second signal ends it at once\n";
    assert!(reported.contains(said) && reported.matches("reelseal: ").count() == 1, "{reported}");
    assert_comes_out(&mut output, b"last words\n");
    assert_eq!(output.read_to_end(&mut Vec::new()).unwrap(), 0);
    assert!(follower.wait().unwrap().success());
}

#[test]
fn what_a_command_left_behind_is_waited_for_if_it_ends_soon() {
    let folder = Folder::new();
    let script = "printf frames; (sleep 0.5; printf ' and more') & exit 0";
    // Whenever a sync is due, the recorder stops waiting for a moment.
    let arguments = [&RECORD[..], &["--sync", "50ms", "--", "sh", "-c", script]].concat();
    assert_done(&folder.reelseal(&arguments).output().unwrap());
    assert_eq!(folder.run(&["decrypt", "cam", "-o", "-"]).stdout, b"frames and more");
}

#[test]
fn a_command_reads_nothing_and_has_no_secret() {
    let folder = Folder::new();
    let (input, mut writer) = pipe().unwrap();
    writer.write_all(b"not for the command").unwrap();
    let script = "cat; echo read; echo ${REELSEAL_PASSPHRASE-none}";
    let mut command =
        folder.reelseal(&["record", "--output-dir", "cam", "--scrypt-log-n", "14", "--", "sh", "-c", script]);
    let output = command.env("REELSEAL_PASSPHRASE", "ostrich in a bathtub").stdin(input).output().unwrap();
    assert_done(&output);
    let mut decrypt = folder.reelseal(&["decrypt", "cam", "-o", "-"]);
    assert_eq!(
        text(&decrypt.env("REELSEAL_PASSPHRASE", "ostrich in a bathtub").output().unwrap().stdout),
        "read\nnone\n"
    );
}

#[test]
fn what_a_failed_command_wrote_is_kept_and_marked() {
    let folder = Folder::new();
    let output = folder.reelseal(&[&RECORD[..], &["--", "sh", "-c", "echo begun; exit 3"]].concat()).output().unwrap();
    assert_refused(&output, 5, "sh: failed with exit code 3\nreelseal: hint: 6 bytes were recorded, and are kept");
    let verified = folder.run(&["verify", "cam"]);
    assert_done(&verified);
    assert!(text(&verified.stdout).contains("interrupted"));
    assert_eq!(folder.run(&["decrypt", "cam", "-o", "-"]).stdout, b"begun\n");

    let output = folder.reelseal(&[&RECORD[..], &["--", "false"]].concat()).output().unwrap();
    assert_refused(&output, 5, "false: failed with exit code 1\nreelseal: hint: nothing was recorded");
    assert_eq!(segments(&folder, "cam").len(), 1);
    let output = folder.reelseal(&[&RECORD[..], &["--", "no-such-command"]].concat()).output().unwrap();
    assert_refused(&output, 5, "no-such-command: command not found");
}

#[test]
fn a_file_as_input_and_an_empty_one_are_recorded_too() {
    let folder = Folder::new();
    for (length, segments_then) in [(100_000, 1), (0, 2)] {
        let film = plaintext(length);
        let input = fs::File::open(folder.write("film", &film)).unwrap();
        assert_done(&folder.reelseal(&RECORD).stdin(input).output().unwrap());
        assert_eq!(segments(&folder, "cam").len(), segments_then);
    }
}

#[test]
fn a_device_that_does_not_say_what_is_pending_is_cut_and_ends_when_asked() {
    let folder = Folder::new();
    fs::create_dir(folder.path("cam")).unwrap();
    let mut command = folder.reelseal(&[&RECORD[..], &["--segment-size", "1M"]].concat());
    command.stdin(fs::File::open("/dev/zero").unwrap()).stderr(Stdio::piped());
    let recorder = command.spawn().unwrap();
    while segments(&folder, "cam").len() < 3 {
        std::thread::yield_now();
    }
    signal(&recorder, Signal::SIGTERM);
    let (status, reported) = wait(recorder);
    assert_eq!((status.code(), reported.as_str()), (Some(0), ""));
    for name in segments(&folder, "cam") {
        assert!(folder.path(&name).metadata().unwrap().len() <= 1 << 20, "{name}");
    }
    let verified = folder.run(&["verify", "cam"]);
    assert_done(&verified);
    assert!(text(&verified.stdout).contains("; it was interrupted, and ended there"), "{}", text(&verified.stdout));
}

#[test]
fn recorders_of_one_folder_never_meet() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    let children: Vec<_> = (0..8)
        .map(|_| {
            let input = fs::File::open(folder.path("film")).unwrap();
            folder.reelseal(&[&RECORD[..], &["--name", "cam"]].concat()).stdin(input).spawn().unwrap()
        })
        .collect();
    children.into_iter().for_each(|mut child| assert!(child.wait().unwrap().success()));
    let names = segments(&folder, "cam");
    assert_eq!(names.len(), 8);
    assert!(names.contains(&"cam/cam.reel".to_owned()) && names.contains(&"cam/cam-8.reel".to_owned()), "{names:?}");
    let verified = folder.run(&["verify", "cam"]);
    assert_done(&verified);
    assert_eq!(text(&verified.stdout).matches(": whole, 1 segment, 6 bytes").count(), 8);
    assert_refused(&folder.run(&["decrypt", "cam", "-o", "-"]), 2, "cam: holds segments of several recordings");
}

#[test]
fn what_cannot_be_recorded_is_refused_before_the_command_runs() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    let touch = ["--", "touch", "ran"];
    for (arguments, fact) in [
        (["--segment-time", "0"].as_slice(), "--segment-time is shorter than a second"),
        (&["--segment-time", "10ms"], "--segment-time is shorter than a second"),
        (&["--segment-size", "40K"], "--segment-size is less than 41152 bytes"),
        (&["--segment-size", "0"], "--segment-size is less than"),
        (&["--name", "a/b"], "--name: does not give a file name"),
        (&["--name", "%D"], "--name: does not give a file name"),
        (&["--name", "%"], "--name: is not a valid pattern for a name"),
        (&["--name", ""], "--name: does not give a file name"),
        (&["--name", "cam-%Q"], "--name: is not a valid pattern for a name: %Q has no meaning"),
        (&["--ignore-interrupts"], "--ignore-interrupts cannot be used with a command"),
    ] {
        let output = folder.reelseal(&[&RECORD[..], arguments, &touch].concat()).output().unwrap();
        assert_refused(&output, 2, fact);
        assert_eq!(folder.names(), ["film"], "{arguments:?}");
    }
    let into_a_file = ["record", "--output-dir", "film", "--key-file", "key", "--", "touch", "ran"];
    assert_refused(
        &folder.reelseal(&into_a_file).output().unwrap(),
        1,
        "film: cannot record to this folder: not a directory\nreelseal: hint: record to another folder",
    );
    assert_refused(&folder.reelseal(&["record", "--key-file", "key"]).output().unwrap(), 2, "--output-dir");
    assert_refused(&folder.reelseal(&[&RECORD[..], &["--"]].concat()).output().unwrap(), 2, "followed by a command");
    assert_eq!(folder.names(), ["film"]);
}

#[test]
fn a_folder_that_was_created_in_vain_is_removed_again() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    for arguments in [
        &["--key-file", "no-key"][..],
        &["--key-file", "no-key", "--keep-age", "1d"],
        &["--key-file", "key", "--status", "film"],
        &["--key-file", "key", "--on-segment", "true", "--", "false"],
    ] {
        let record = ["record", "--output-dir", "new/cam"];
        let output = folder.reelseal(&[&record[..], arguments].concat()).output().unwrap();
        assert!(!output.status.success());
        assert_eq!(folder.names(), ["film"], "{arguments:?}");
    }
    // So is one in which a signal comes while the secret is still to be read.
    let (secret, _held) = pipe().unwrap();
    let record = ["record", "--output-dir", "new/cam", "--passphrase-fd", "0", "--", "true"];
    let mut recorder = folder.reelseal(&record).stdin(secret).spawn().unwrap();
    while !folder.path("new/cam").exists() {
        assert!(recorder.try_wait().unwrap().is_none());
    }
    signal(&recorder, Signal::SIGTERM);
    assert!(!recorder.wait().unwrap().success());
    assert_eq!(folder.names(), ["film"]);
    // A folder that was there before stays, and so does its content.
    fs::create_dir(folder.path("cam")).unwrap();
    let refused = folder.reelseal(&["record", "--output-dir", "cam/new", "--key-file", "no-key"]).output().unwrap();
    assert!(!refused.status.success());
    assert_eq!(fs::read_dir(folder.path("cam")).unwrap().count(), 0);
    assert_done(&folder.pipe(&["record", "--output-dir", "new"], b"frames"));
    assert_eq!(folder.names(), ["cam", "film", "new"]);
}

#[test]
fn a_recording_goes_on_when_its_segment_is_removed_and_ends_when_its_folder_is() {
    let folder = Folder::new();
    let (recorder, mut writer) = recorder(&folder, &["--sync", "0"]);
    let (mut follower, mut output) = follower(&folder, &["cam", "-o", "-"]);
    writer.write_all(b"first").unwrap();
    assert_comes_out(&mut output, b"first");
    follower.kill().unwrap();
    follower.wait().unwrap();
    fs::remove_file(folder.path(&segments(&folder, "cam")[0])).unwrap();
    writer.write_all(b"second").unwrap();
    while segments(&folder, "cam").is_empty() {
        std::thread::yield_now();
    }
    fs::remove_dir_all(folder.path("cam")).unwrap();
    writer.write_all(b"third").unwrap();
    let (status, reported) = wait(recorder);
    assert_eq!(status.code(), Some(1), "{reported}");
    assert!(
        reported.contains("was removed while it was being written; the recording continues in another"),
        "{reported}"
    );
    assert!(reported.contains("cannot make the segment: no such file or directory"), "{reported}");
}

#[test]
fn a_limit_on_the_length_of_files_ends_a_recording_well() {
    let folder = Folder::new();
    let script = format!("ulimit -f 100; exec {} {}", support::reelseal(), RECORD.join(" "));
    let mut shell = Command::new("bash");
    let output = support::feed(shell.args(["-c", &script]).current_dir(folder.path("")), &plaintext(1_000_000));
    assert_refused(&output, 1, "there is no room for more: file too large");
    assert!(
        text(&output.stderr)
            .contains("larger files are not allowed here: begin new segments earlier, with --segment-size"),
        "{}",
        text(&output.stderr)
    );
    let name = segments(&folder, "cam").remove(0);
    assert!(folder.path(&name).metadata().unwrap().len() <= 100 * 1024);
    let verified = folder.run(&["verify", "cam"]);
    assert_done(&verified);
    assert!(text(&verified.stdout).contains("it was interrupted"));
    let found = folder.run(&["decrypt", "cam", "-o", "-"]).stdout;
    assert!(found.len() > 60_000 && plaintext(1_000_000).starts_with(&found));
}

#[test]
fn a_follower_of_a_recorder_that_is_killed_ends_and_says_so() {
    for (arguments, film) in [(&[][..], 30_000), (&["--frame-size", "4K", "--segment-size", "50000"], 120_000)] {
        let folder = Folder::new();
        let (mut recorder, mut writer) = recorder(&folder, arguments);
        let (output, follower_end) = pipe().unwrap();
        let mut command = folder.reelseal(&["decrypt", "--follow", "cam", "-o", "-", "--key-file", "key"]);
        let follower = command.stdout(follower_end).stderr(Stdio::piped()).spawn().unwrap();
        drop(command);
        let (film, mut output) = (plaintext(film), output);
        writer.write_all(&film).unwrap();
        assert_comes_out(&mut output, &film);
        recorder.kill().unwrap();
        recorder.wait().unwrap();
        assert_eq!(output.read_to_end(&mut Vec::new()).unwrap(), 0);
        let (status, reported) = wait(follower);
        assert_eq!(status.code(), Some(4), "{reported}");
        assert!(reported.contains(" is unfinished, and its recorder is gone: "), "{reported}");
        assert!(reported.contains("reelseal salvage cam/"), "{reported}");
        // If the recorder was gone before, this cannot be known: what is here may be a copy that is still being made.
        let (output, follower_end) = pipe().unwrap();
        let mut command = folder.reelseal(&["decrypt", "--follow", "cam", "-o", "-", "--key-file", "key"]);
        let mut follower = command.stdout(follower_end).stderr(Stdio::piped()).spawn().unwrap();
        drop(command);
        let mut said = String::new();
        BufReader::new(follower.stderr.as_mut().unwrap()).read_line(&mut said).unwrap();
        assert!(said.ends_with("no recorder of it was seen on this machine; waiting for more\n"), "{said}");
        follower.kill().unwrap();
        follower.wait().unwrap();
        drop(output);
    }
}

#[test]
fn while_a_segment_grows_it_can_be_copied_verified_salvaged_and_given_another_secret() {
    let folder = Folder::new();
    let (recorder, mut writer) = recorder(&folder, &[]);
    let (mut follower, mut output) = follower(&folder, &["cam", "-o", "-"]);
    writer.write_all(b"frames").unwrap();
    assert_comes_out(&mut output, b"frames");
    let name = segments(&folder, "cam").remove(0);
    fs::copy(folder.path(&name), folder.path("copy.reel")).unwrap();
    assert_refused(&folder.run(&["verify", &name]), 4, "unfinished");
    assert_eq!(folder.run(&["salvage", &name, "-o", "salvaged"]).status.code(), Some(4));
    assert_eq!(folder.read("salvaged"), b"frames");
    assert_done(&folder.reelseal(&["keygen", "-o", "new"]).output().unwrap());
    assert_done(&folder.run(&["passwd", "--quiet", "--new-key-file", "new", &name]));
    writer.write_all(b" and more").unwrap();
    assert_comes_out(&mut output, b" and more");
    drop(writer);
    assert!(wait(recorder).0.success() && follower.wait().unwrap().success());
    let found = folder.reelseal(&["decrypt", "cam", "-o", "-", "--key-file", "new"]).output().unwrap();
    assert_eq!(found.stdout, b"frames and more");
}

/// A segment that claims to follow the one in `name`, made by somebody who has only what locks new streams.
fn forged_after(folder: &Folder, name: &str) -> Vec<u8> {
    let key_file = KeyFile::parse(&folder.read("key")).unwrap();
    let segment = folder.read(name);
    let before = StreamHeader::read(ReaderInput(segment.as_slice()), Vec::new()).unwrap();
    let before = before.header().segment().unwrap();
    let layout = Layout::default();
    let features = Features::LIVE.union(Features::TIMED);
    let NewStream { mut header, keys } = Lock::with_key_file(&key_file).new_stream(layout, features).unwrap();
    let (number, predecessor) = (before.number + 1, Predecessor { frames: 1, mac: [3; 32], is_final: false });
    header.records.push((&SegmentRecord { number, offset: 7, predecessor, link: [5; 32], ..before }).into());
    let mut writer = Writer::new(Vec::new(), &header, &keys, Vec::new(), Clock::system()).unwrap();
    writer.write_all(b"forged").unwrap();
    writer.finish().unwrap()
}

#[test]
fn a_forged_segment_that_comes_next_is_not_followed() {
    let folder = Folder::new();
    let (recorder, mut writer) = recorder(&folder, &[]);
    let (output, follower_end) = pipe().unwrap();
    let mut command = folder.reelseal(&["decrypt", "--follow", "cam", "-o", "-", "--key-file", "key", "--allow-gaps"]);
    let follower = command.stdout(follower_end).stderr(Stdio::piped()).spawn().unwrap();
    drop(command);
    let mut output = output;
    writer.write_all(b"genuine").unwrap();
    assert_comes_out(&mut output, b"genuine");
    let forged = forged_after(&folder, &segments(&folder, "cam")[0]);
    folder.write("cam/forged.reel", &forged);
    assert_eq!(output.read_to_end(&mut Vec::new()).unwrap(), 0);
    let (status, reported) = wait(follower);
    assert_eq!(status.code(), Some(4), "{reported}");
    assert!(reported.contains("cam/forged.reel: was not made by the recorder of cam/"), "{reported}");
    drop(writer);
    assert!(wait(recorder).0.success());
}

#[test]
fn a_segment_that_is_damaged_in_the_middle_is_refused_by_name_with_or_without_gaps() {
    use std::os::unix::fs::FileExt;
    let folder = Folder::new();
    let film = recorded(&folder);
    let file = fs::File::options().write(true).open(folder.path("cam/%-2.ts.reel")).unwrap();
    file.write_all_at(&[0; 8], 8192 + 2 * 4160 + 100).unwrap();
    for arguments in [&["cam"][..], &["cam", "--allow-gaps"]] {
        let found = folder.run(&[&["decrypt", "-o", "-"], arguments].concat());
        let reported = text(&found.stderr);
        assert_eq!(found.status.code(), Some(4), "{reported}");
        assert!(reported.contains("cam/%-2.ts.reel: "), "{reported}");
        assert!(reported.contains("reelseal salvage cam/%-2.ts.reel -o cam/%-2.ts"), "{reported}");
        // What comes before the damage is authentic.
        assert!(film.starts_with(&found.stdout) && found.stdout.len() == 36_864 + 2 * 4096, "{}", found.stdout.len());
        let found = folder.run(&[&["decrypt", "-o", "film"], arguments].concat());
        assert_eq!(found.status.code(), Some(4));
        assert!(!folder.path("film").exists());
    }
}

/// Kills a recorder once `film` has come out of a follower, and the follower, too.
fn killed(folder: &Folder, film: &[u8]) {
    let (mut recorder, mut writer) = recorder(folder, &["--frame-size", "4K"]);
    let (mut follower, mut output) = follower(folder, &["cam", "-o", "-"]);
    writer.write_all(film).unwrap();
    assert_comes_out(&mut output, film);
    recorder.kill().unwrap();
    recorder.wait().unwrap();
    follower.kill().unwrap();
    follower.wait().unwrap();
}

#[test]
fn all_that_a_killed_recorder_had_written_is_there_and_its_end_is_unknown() {
    let folder = Folder::new();
    let film = plaintext(30_000);
    killed(&folder, &film);
    let verified = folder.run(&["verify", "cam"]);
    assert_refused(
        &verified,
        4,
        "is unfinished, or still growing: 30000 bytes of it are there, and the end is unknown",
    );
    assert!(text(&verified.stderr).contains("is not whole: 1 segment of it found, 1 of them damaged or unfinished"));
    let refused = folder.run(&["decrypt", "cam", "-o", "film"]);
    assert_refused(&refused, 4, "is unfinished, or still growing: 30000 bytes of it are there");
    assert!(!folder.path("film").exists());
    assert_done(&folder.run(&["decrypt", "cam", "-o", "film", "--allow-gaps"]));
    assert!(folder.read("film") == film);
}

/// Checks `verify` and `decrypt` of the folder `cam`: what each reports, and what decrypt delivers.
#[track_caller]
fn assert_answers(folder: &Folder, code: i32, verify: &str, decrypt: Option<(i32, &str)>) {
    let verified = folder.run(&["verify", "cam"]);
    let said = text(&verified.stdout) + &text(&verified.stderr);
    assert_eq!(verified.status.code(), Some(code), "{said}");
    assert!(said.contains(verify), "{said}");
    let together = folder.run(&["decrypt", "cam", "-o", "-"]);
    match decrypt {
        None => assert_done(&together),
        Some((code, fact)) => {
            assert_refused(&together, code, fact);
            assert!(together.stdout.is_empty());
        }
    }
}

#[test]
fn each_thing_that_can_be_wrong_with_the_segments_is_reported_for_what_it_is() {
    let with = |change: &dyn Fn(&Folder, &[PathBuf])| {
        let folder = Folder::new();
        recorded(&folder);
        let paths: Vec<_> = segments(&folder, "cam").iter().map(|name| folder.path(name)).collect();
        change(&folder, &paths);
        folder
    };
    let remove = |path: &PathBuf| fs::remove_file(path).unwrap();

    let folder = with(&|_, paths| remove(&paths[1]));
    let gap = "cam/%-3.ts.reel: does not follow cam/%.ts.reel: segment 2 is missing";
    assert_answers(&folder, 4, gap, Some((2, gap)));

    let folder = with(&|_, paths| paths[..2].iter().for_each(remove));
    assert_answers(&folder, 4, "cam: segments 1 to 2 are missing at the start: expired or removed", None);

    let folder = with(&|_, paths| remove(paths.last().unwrap()));
    assert_answers(&folder, 4, "is continued, but the next segment, 6, is not here", None);

    let folder = with(&|folder, paths| {
        fs::copy(&paths[1], folder.path("cam/copy.ts.reel")).unwrap();
    });
    let doubled = "has the same number in the recording as";
    assert_answers(&folder, 4, doubled, Some((2, doubled)));

    // What may be a segment is not left out without being asked for.
    let destroy = |path: &PathBuf| fs::File::options().write(true).open(path).unwrap().write_all(&[0; 8192]).unwrap();
    let folder = with(&|_, paths| destroy(&paths[0]));
    let destroyed = "cam/%.ts.reel: not a reelseal stream";
    assert_answers(&folder, 4, destroyed, Some((4, destroyed)));
    let rest = folder.run(&["decrypt", "cam", "-o", "-", "--allow-gaps"]);
    assert_done(&rest);
    let warned = text(&rest.stderr);
    assert!(warned.contains("not a reelseal stream") && warned.contains("is missing at the start"), "{warned}");
    let part = folder.run(&["decrypt", "cam", "--since", "-1h", "-o", "part"]);
    assert_refused(&part, 2, "cam: is the folder of a recording, and a part is taken from one stream");

    // The name does not matter: segments are recognised by their headers.
    let folder = with(&|folder, paths| {
        fs::rename(&paths[1], folder.path("cam/aside")).unwrap();
        fs::rename(&paths[2], &paths[1]).unwrap();
        fs::rename(folder.path("cam/aside"), &paths[2]).unwrap();
    });
    assert_answers(&folder, 0, ": whole, 6 segments, 200000 bytes", None);

    let folder = with(&|_, paths| {
        let length = paths[1].metadata().unwrap().len();
        fs::File::options().write(true).open(&paths[1]).unwrap().set_len(length - 64 - 4160).unwrap();
    });
    let end_missing = "cam/%-2.ts.reel: its end is missing: 4096 bytes of the recording";
    assert_answers(&folder, 4, end_missing, Some((4, end_missing)));
    let found = folder.run(&["decrypt", "cam", "-o", "-", "--allow-gaps"]);
    assert_done(&found);
    assert_eq!(found.stdout.len(), 200_000 - 4096);

    // A segment of another recording instead of one.
    let other = Folder::new();
    let film = recorded(&other);
    let folder = with(&|folder, paths| {
        fs::copy(other.path("cam/%-2.ts.reel"), &paths[1]).unwrap();
        fs::copy(other.path("key"), folder.path("other-key")).unwrap();
    });
    assert_refused(&folder.run(&["verify", "cam"]), 4, "wrong key");
    assert_eq!(film.len(), 200_000);
}

#[test]
fn segments_in_a_wrong_order_twice_or_of_two_recordings_are_refused_before_the_first_byte() {
    let folder = Folder::new();
    recorded(&folder);
    let again = [&RECORD[..2], &["again", "--segment-size", "50000", "--name", "%%.ts", "--frame-size", "4K"]].concat();
    assert_done(&folder.pipe(&again, &plaintext(200_000)));
    folder.write("plain", b"frames");
    assert_done(&folder.run(&["encrypt", "plain"]));
    let decrypt = |inputs: &[&str]| folder.run(&[&["decrypt", "-o", "-"], inputs].concat());
    for (inputs, code, fact) in [
        (["cam/%-2.ts.reel", "cam/%.ts.reel"].as_slice(), 2, "comes before cam/%-2.ts.reel in the recording"),
        (&["cam/%.ts.reel", "again/%-2.ts.reel"], 2, "belongs to a different recording from cam/%.ts.reel"),
        (&["cam/%.ts.reel", "plain.reel"], 2, "plain.reel: is not a segment of a recording"),
        (&["cam/%.ts.reel", "missing.reel"], 1, "missing.reel: cannot open"),
        (&["plain.reel", "plain"], 2, "several inputs cannot all go to one output"),
        (&["--allow-gaps", "cam/%-2.ts.reel", "cam/%.ts.reel"], 2, "comes before"),
        (&["--allow-gaps", "plain.reel"], 2, "--allow-gaps is for the segments of a recording"),
    ] {
        let output = decrypt(inputs);
        assert_refused(&output, code, fact);
        assert!(output.stdout.is_empty(), "{inputs:?}");
    }
    let both = decrypt(&["--allow-gaps", "cam/%.ts.reel", "again/%-2.ts.reel"]);
    assert_done(&both);
    assert!(!both.stdout.is_empty());
}

#[test]
fn a_follower_goes_on_from_segment_to_segment_to_the_end_of_the_recording() {
    let folder = Folder::new();
    let (recorder, mut writer) = recorder(&folder, &["--segment-size", "50000", "--frame-size", "4K"]);
    let (mut follower, mut output) = follower(&folder, &["cam", "-o", "-"]);
    let film = plaintext(300_000);
    for piece in film.chunks(7000) {
        writer.write_all(piece).unwrap();
        assert_comes_out(&mut output, piece);
    }
    drop(writer);
    assert_eq!(output.read_to_end(&mut Vec::new()).unwrap(), 0);
    assert!(follower.wait().unwrap().success());
    assert!(wait(recorder).0.success());
    assert!(segments(&folder, "cam").len() > 5);
    // A recording that has ended is followed to its end, from any of its segments.
    let first = segments(&folder, "cam").remove(0);
    let from_start = folder.run(&["decrypt", "--follow", &first, "-o", "-"]);
    assert_done(&from_start);
    assert!(from_start.stdout == film);
}

#[test]
fn a_follower_begins_where_it_is_told_and_needs_no_recording() {
    let folder = Folder::new();
    let film = recorded(&folder);
    let since = folder.run(&["decrypt", "--follow", "cam", "--since", "-1h", "-o", "-"]);
    assert_done(&since);
    assert!(since.stdout == film);
    let now = folder.run(&["decrypt", "--follow", "cam", "--since", "+1h", "-o", "-"]);
    assert_done(&now);
    assert!(now.stdout.len() < film.len() && film.ends_with(&now.stdout));

    folder.write("film", &film);
    assert_done(&folder.run(&["encrypt", "film"]));
    assert!(folder.run(&["decrypt", "--follow", "film.reel", "-o", "-"]).stdout == film);
    assert!(Command::new("mkfifo").arg(folder.path("fifo")).status().unwrap().success());
    for (inputs, fact) in [
        (["film.reel", "--since", "-1h"].as_slice(), "carries no times"),
        (&["film.reel", "cam"], "one input"),
        (&["film.reel", "--range", "0-4"], "cannot be used with"),
        (&["fifo"], "fifo: is not a regular file"),
        (&["-"], "--follow needs a file or a folder"),
    ] {
        let output = folder.run(&[&["decrypt", "--follow", "-o", "-"], inputs].concat());
        assert_refused(&output, 2, fact);
    }
}

#[test]
fn a_follower_whose_reader_leaves_ends_though_nothing_more_is_recorded() {
    let folder = Folder::new();
    let (recorder, mut writer) = recorder(&folder, &[]);
    let (mut follower, mut output) = follower(&folder, &["cam", "-o", "-"]);
    writer.write_all(b"a").unwrap();
    assert_comes_out(&mut output, b"a");
    drop(output);
    assert_eq!(follower.wait().unwrap().code(), Some(1));
    drop(writer);
    assert!(wait(recorder).0.success());
}

#[test]
fn segments_end_in_time_and_their_times_go_on() {
    let folder = Folder::new();
    let (recorder, mut writer) = recorder(&folder, &["--segment-time", "1s"]);
    let (mut follower, mut output) = follower(&folder, &["cam", "-o", "-"]);
    let mut recorded: Vec<u8> = Vec::new();
    while segments_or_none(&folder) < 3 {
        writer.write_all(b"tick").unwrap();
        assert_comes_out(&mut output, b"tick");
        recorded.extend(b"tick");
    }
    drop(writer);
    assert!(wait(recorder).0.success() && follower.wait().unwrap().success());
    assert_done(&folder.run(&["verify", "cam"]));
    assert!(folder.run(&["decrypt", "cam", "-o", "-"]).stdout == recorded);
}

fn segments_or_none(folder: &Folder) -> usize {
    fs::read_dir(folder.path("cam")).map_or(0, Iterator::count)
}

#[test]
fn a_folder_without_a_recording_is_still_a_folder() {
    let folder = Folder::new();
    fs::create_dir(folder.path("cam")).unwrap();
    assert_refused(&folder.run(&["verify", "cam"]), 2, "cam: is a folder");
    folder.write("cam/film", b"frames");
    assert_done(&folder.run(&["encrypt", "cam/film"]));
    assert_refused(&folder.run(&["verify", "cam"]), 2, "cam: is a folder");
    assert_refused(&folder.run(&["decrypt", "cam", "-o", "film"]), 2, "cam: is a folder");
    assert_done(&folder.run(&["verify", "--recursive", "cam"]));
}

#[test]
fn a_recording_whose_only_segment_has_a_damaged_header_is_reported_as_damaged() {
    let folder = Folder::new();
    assert_done(&folder.pipe(&["record", "--output-dir", "cam", "--name", "cam"], b"x"));
    assert_answers(&folder, 0, ": whole, 1 segment, 1 byte\n", None);
    let mut segment = folder.read("cam/cam.reel");
    [100, 4196].iter().for_each(|&at: &usize| segment[at] ^= 1);
    folder.write("cam/cam.reel", &segment);
    assert_refused(&folder.run(&["verify", "cam"]), 4, "cam/cam.reel: both header copies are damaged");
    segment[..20_000].fill(0);
    folder.write("cam/cam.reel", &segment);
    assert_refused(&folder.run(&["verify", "cam"]), 4, "cam/cam.reel: not a reelseal stream");
}

#[test]
fn changing_the_secret_of_segments_keeps_them_linked() {
    let folder = Folder::new();
    let film = recorded(&folder);
    assert_done(&folder.reelseal(&["keygen", "-o", "new"]).output().unwrap());
    let names = segments(&folder, "cam");
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    assert_done(&folder.run(&[&["passwd", "--quiet", "--new-key-file", "new"], &names[..]].concat()));
    let verified = folder.reelseal(&["verify", "cam", "--key-file", "new"]).output().unwrap();
    assert_done(&verified);
    let found = folder.reelseal(&["decrypt", "cam", "-o", "-", "--key-file", "new"]).output().unwrap();
    assert!(found.stdout == film);
}

#[test]
fn a_recording_without_its_end_is_joined_with_a_warning() {
    let folder = Folder::new();
    let film = recorded(&folder);
    fs::remove_file(folder.path("cam/%.ts.reel")).unwrap();
    let last = segments(&folder, "cam").last().unwrap().clone();
    fs::remove_file(folder.path(&last)).unwrap();
    let together = folder.run(&["decrypt", "cam", "-o", "-"]);
    let reported = text(&together.stderr);
    assert!(together.status.success(), "{reported}");
    assert!(reported.contains("warning: cam/%-2.ts.reel: segment 1 is missing at the start"), "{reported}");
    assert!(reported.contains("is continued, but the next segment, 6, is not here"), "{reported}");
    assert!(!together.stdout.is_empty() && film.windows(together.stdout.len()).any(|part| part == together.stdout));
}

#[test]
fn two_recordings_in_a_folder_are_joined_only_if_gaps_are_allowed() {
    let folder = Folder::new();
    let film = recorded(&folder);
    let later = plaintext(30_000);
    let again = [&RECORD[..2], &["cam", "--name", "later.ts", "--frame-size", "4K"]].concat();
    assert_done(&folder.pipe(&again, &later));
    let several = "cam: holds segments of several recordings";
    assert_refused(&folder.run(&["decrypt", "cam", "-o", "-"]), 2, several);
    let together = folder.run(&["decrypt", "cam", "-o", "-", "--allow-gaps"]);
    assert!(together.status.success(), "{}", text(&together.stderr));
    assert!(text(&together.stderr).contains("belongs to a different recording from"), "{}", text(&together.stderr));
    assert!(together.stdout == [film, later].concat());
}

#[test]
fn following_does_not_wait_for_a_segment_that_is_gone_when_later_ones_are_there() {
    let folder = Folder::new();
    recorded(&folder);
    fs::remove_file(folder.path("cam/%-3.ts.reel")).unwrap();
    let followed = folder.run(&["decrypt", "--follow", "cam", "-o", "-"]);
    assert_refused(&followed, 2, "segment 3 is missing");
    let followed = folder.run(&["decrypt", "--follow", "cam", "-o", "-", "--allow-gaps"]);
    assert!(followed.status.success(), "{}", text(&followed.stderr));
}
