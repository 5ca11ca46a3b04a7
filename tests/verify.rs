//! `reelseal verify`: it names every damaged range, calls nothing whole that is not, and writes nothing.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    path::Path,
    process::{Command, Output},
};

use support::{Folder, assert_done, assert_refused, film_in_frames, plaintext, text};

const PAYLOAD: usize = 4096;
const WIRE: usize = PAYLOAD + 64;
const FRAMES_START: usize = 8192;

fn with_flipped(stream: &[u8], frames: &[usize]) -> Vec<u8> {
    let mut flipped = stream.to_vec();
    for frame in frames {
        flipped[FRAMES_START + frame * WIRE + 50] ^= 1;
    }
    flipped
}

/// What verify prints on standard error about `stream` as a file and as a pipe, without the name.
fn verify_both(folder: &Folder, stream: &[u8]) -> [(Output, String); 2] {
    folder.write("it", stream);
    let file = folder.run(&["verify", "it"]);
    let pipe = folder.pipe(&["verify"], stream);
    let without = |output: &Output, name: &str| text(&output.stderr).replace(&format!("{name}: "), "");
    let reported = [without(&file, "it"), without(&pipe, "standard input")];
    let [file_reported, pipe_reported] = reported;
    [(file, file_reported), (pipe, pipe_reported)]
}

/// Asserts what is reported about a damaged `stream`, from a file and from a pipe.
#[track_caller]
fn assert_damaged(folder: &Folder, stream: &[u8], lines: &[&str]) {
    for verified in verify_both(folder, stream) {
        assert_findings(verified, lines);
    }
}

/// Asserts that a damaged end is reported once: first for a file, and where it is reached for a pipe.
#[track_caller]
fn assert_damaged_end(folder: &Folder, stream: &[u8], before: &str, end: &str, summary: &str) {
    let [file, pipe] = verify_both(folder, stream);
    assert_findings(file, &[end, before, summary]);
    assert_findings(pipe, &[before, end, summary]);
}

#[track_caller]
fn assert_findings((output, reported): (Output, String), lines: &[&str]) {
    assert_eq!(output.status.code(), Some(4), "{reported}");
    assert_eq!(text(&output.stdout), "", "{reported}");
    let found: Vec<_> = reported
        .lines()
        .filter_map(|line| line.strip_prefix("reelseal: "))
        .filter(|line| !line.starts_with("hint: "))
        .collect();
    assert_eq!(found, lines, "{reported}");
}

#[test]
fn a_sound_file_and_a_sound_pipe_are_whole_and_nothing_is_written() {
    let (folder, stream) = film_in_frames();
    let before = folder.names();
    let file = folder.run(&["verify", "film.reel"]);
    assert_done(&file);
    assert_eq!(text(&file.stdout), "film.reel: whole, 81925 bytes, 21 frames authenticated\n");
    let pipe = folder.pipe(&["verify", "-"], &stream);
    assert_done(&pipe);
    assert_eq!(text(&pipe.stdout), "standard input: whole, 81925 bytes, 21 frames authenticated\n");
    assert_eq!(text(&folder.run(&["verify", "--quiet", "film.reel"]).stdout), "");
    assert_eq!(folder.names(), before);
}

#[test]
fn every_damaged_range_is_named_and_neighbours_are_one() {
    let (folder, stream) = film_in_frames();
    let damaged = with_flipped(&stream, &[0, 7, 8, 9, 12, 19]);
    assert_damaged(
        &folder,
        &damaged,
        &[
            "frame 0, bytes 8192 to 12351 (plaintext 0 to 4095): damaged",
            "frames 7 to 9, bytes 37312 to 49791 (plaintext 28672 to 40959): damaged",
            "frame 12, bytes 58112 to 62271 (plaintext 49152 to 53247): damaged",
            "frame 19, bytes 87232 to 91391 (plaintext 77824 to 81919): damaged",
            "not whole: 6 frames are damaged, 15 frames are sound",
        ],
    );
}

#[test]
fn a_damaged_final_frame_is_reported_first_and_once() {
    let (folder, stream) = film_in_frames();
    let damaged = with_flipped(&stream, &[3, 20]);
    let three = "frame 3, bytes 20672 to 24831 (plaintext 12288 to 16383): damaged";
    let end = "frame 20, bytes 91392 to 91460 (plaintext from 81920 on): cut short, extended or damaged";
    assert_damaged_end(&folder, &damaged, three, end, "not whole: 2 frames are damaged, 19 frames are sound");
}

#[test]
fn a_missing_end_is_reported_first_and_once_beside_the_damage_before_it() {
    let (folder, stream) = film_in_frames();
    let damaged = with_flipped(&stream, &[3]);
    let three = "frame 3, bytes 20672 to 24831 (plaintext 12288 to 16383): damaged";
    let end = FRAMES_START + 10 * WIRE;
    let summary = "not whole: 1 frame is damaged, the end is missing, 9 frames are sound";
    let at_boundary = "unfinished, or cut short: it ends before frame 10, at byte 49792";
    assert_damaged_end(&folder, &damaged[..end], three, at_boundary, summary);
    let in_a_tag = "unfinished, cut short or extended: it ends inside frame 10, at byte 49792";
    assert_damaged_end(&folder, &damaged[..end + 63], three, in_a_tag, summary);
    let in_a_payload = "frame 10, bytes 49792 to 49891 (plaintext from 40960 on): cut short, extended or damaged";
    let summary = "not whole: 2 frames are damaged, 9 frames are sound";
    assert_damaged_end(&folder, &damaged[..end + 100], three, in_a_payload, summary);
}

#[test]
fn bytes_after_the_end_are_damage() {
    let (folder, mut stream) = film_in_frames();
    stream.extend([0; 100]);
    let lines = [
        "frame 20, bytes 91392 to 91560 (plaintext from 81920 on): cut short, extended or damaged",
        "not whole: 1 frame is damaged, it may be unfinished, 20 frames are sound",
    ];
    assert_damaged(&folder, &stream, &lines);
}

#[test]
fn a_damaged_header_copy_is_a_warning_and_two_are_the_end() {
    let (folder, mut stream) = film_in_frames();
    stream[100] ^= 1;
    folder.write("film.reel", &stream);
    let one = folder.run(&["verify", "film.reel"]);
    assert_done(&one);
    assert!(text(&one.stderr).contains("warning: film.reel: the first of the two header copies"), "{one:?}");
    stream[4196] ^= 1;
    folder.write("film.reel", &stream);
    assert_refused(&folder.run(&["verify", "film.reel"]), 4, "film.reel: both header copies are damaged");
}

#[test]
fn one_bad_file_among_many_is_named_again_and_gives_the_code() {
    let (folder, stream) = film_in_frames();
    folder.write("bad.reel", &with_flipped(&stream, &[1]));
    folder.write("also.reel", &stream);
    let output = folder.run(&["verify", "film.reel", "bad.reel", "missing.reel", "also.reel"]);
    assert_refused(&output, 4, "2 of 4 files failed:\nreelseal:   bad.reel: not whole");
    assert_eq!(text(&output.stdout).lines().count(), 2);
}

#[test]
fn one_passphrase_from_a_descriptor_serves_all_files() {
    let folder = Folder::new();
    let secret = folder.write("secret", b"sesame\n");
    for name in ["one", "two"] {
        folder.write(name, name.as_bytes());
        let encrypt = &mut folder.reelseal(&["encrypt", name, "--passphrase-file", "secret"]);
        assert_done(&encrypt.args(support::CHEAP).output().unwrap());
    }
    let verify = &mut folder.reelseal(&["verify", "one.reel", "two.reel", "--passphrase-fd", "0"]);
    let output = verify.stdin(std::fs::File::open(secret).unwrap()).output().unwrap();
    assert_done(&output);
    assert_eq!(text(&output.stdout).lines().count(), 2);
}

#[test]
fn damage_everywhere_is_counted_in_bounded_memory() {
    let folder = Folder::new();
    folder.write("film", &vec![0; 20_100 * PAYLOAD]);
    assert_done(&folder.run(&["encrypt", "film", "--frame-size", "4K"]));
    let stream = folder.read("film.reel");
    let every_other: Vec<_> = (0..10_050).map(|frame| 2 * frame).collect();
    folder.write("film.reel", &with_flipped(&stream, &every_other));
    let output = folder.run(&["verify", "film.reel"]);
    let reported = text(&output.stderr);
    assert_eq!(reported.lines().filter(|line| line.ends_with(": damaged")).count(), 10_000);
    assert_refused(&output, 4, "and 50 more damaged frames, too scattered to be listed");
    assert_refused(&output, 4, "not whole: 10050 frames are damaged, 10051 frames are sound");
}

fn verify_vector(name: &str) -> Output {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut command = Command::new(support::reelseal());
    command.args(["verify", "--key-file", "key", &format!("{name}.reel")]).current_dir(vectors).output().unwrap()
}

#[test]
fn an_interrupted_recording_is_whole_and_says_that_it_was() {
    let output = verify_vector("interrupted");
    assert_done(&output);
    let said =
        "interrupted.reel: whole, 5 bytes, 1 frame authenticated; the writer was interrupted, and ended it there\n";
    assert_eq!(text(&output.stdout), said);
}

#[test]
fn an_authentic_frame_in_the_wrong_place_is_reported_by_its_fault() {
    let fault = "live-gap.reel: frame 1, bytes 5184 to 5252: the frame is tagged with a wrong offset, 101\n";
    assert_refused(&verify_vector("live-gap"), 4, fault);
    let fault = "falling-time.reel: frame 1, bytes 5184 to 5252 (plaintext from 4096 on): the frame is tagged with a wrong time, 4\n";
    assert_refused(&verify_vector("falling-time"), 4, fault);
}

/// Runs the command on `it` under strace; the positioned reads of `it` that `failing` counts fail.
fn with_failing_reads(folder: &Folder, failing: &str, arguments: &[&str]) -> Output {
    let it = folder.path("it");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", "signal=none", "-P"]).arg(&it);
    command.args(["-e", &format!("inject=pread64:error=EIO:when={failing}")]);
    command.arg(support::reelseal()).args(arguments).args(["--key-file", "key"]).arg(&it);
    command.current_dir(folder.path("")).output().unwrap()
}

/// The first read is that of the final frame.
#[test]
#[ignore = "needs strace"]
fn frames_that_cannot_be_read_are_ranges_like_others_and_the_frames_after_them_are_checked() {
    let (folder, stream) = film_in_frames();
    folder.write("it", &with_flipped(&stream, &[9]));
    let output = with_failing_reads(&folder, "5..6", &["verify", "--threads", "1"]);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let lines = [
        "frames 3 to 4, bytes 20672 to 28991 (plaintext 12288 to 20479): cannot be read: input/output error",
        "frame 9, bytes 45632 to 49791 (plaintext 36864 to 40959): damaged",
        "not whole: 2 frames cannot be read, 1 frame is damaged, 18 frames are sound",
    ];
    let reported = text(&output.stderr);
    assert_eq!(reported.lines().count(), lines.len() + 1, "{reported}");
    for (line, expected) in reported.lines().zip(lines) {
        assert!(line.ends_with(&format!(": {expected}")), "{reported}");
    }
    let hint =
        "hint: use another copy of the stream, on another disk: this one may be failing, or recover what is sound: ";
    assert!(reported.contains(&format!("{hint}reelseal salvage ")), "{reported}");
}

#[test]
#[ignore = "needs strace"]
fn a_final_frame_that_cannot_be_read_is_reported_first_and_once_and_the_others_are_checked() {
    let (folder, stream) = film_in_frames();
    folder.write("it", &stream);
    let output = with_failing_reads(&folder, "1..22+21", &["verify", "--threads", "1"]);
    assert_refused(&output, 4, "not whole: 1 frame cannot be read, 20 frames are sound");
    let reported = text(&output.stderr);
    let first = reported.lines().next().unwrap();
    let end = "frame 20, bytes 91392 to 91460 (plaintext from 81920 on): cannot be read: input/output error";
    assert!(first.ends_with(&format!("it: {end}")), "{reported}");
}

#[test]
#[ignore = "needs strace"]
fn a_frame_that_cannot_be_read_is_listed_as_such_and_named_by_a_decryption_that_ends_there() {
    let (folder, stream) = film_in_frames();
    folder.write("it", &stream);
    let output = with_failing_reads(&folder, "5", &["inspect", "--frames"]);
    assert_refused(&output, 4, "not whole: 1 frame cannot be read, 20 frames are sound");
    let listed = text(&output.stdout);
    assert!(listed.contains("       3          20672 refused: cannot be read: input/output error\n"), "{listed}");
    let last = listed.lines().last().unwrap();
    assert!(last.trim_start().starts_with("20 ") && last.ends_with("final"), "{listed}");

    let output = with_failing_reads(&folder, "5", &["decrypt", "--threads", "1", "-o", "back"]);
    assert_refused(&output, 1, "it: cannot read frame 3, at byte 20672: input/output error");
    assert!(!folder.path("back").exists());
}

#[test]
fn files_that_are_verified_at_the_same_time_are_reported_in_their_order() {
    let folder = Folder::new();
    let names: Vec<_> = (0..30).map(|number| format!("clip-{number:02}")).collect();
    let sealed: Vec<_> = names.iter().map(|name| format!("{name}.reel")).collect();
    // The first file takes longest.
    names.iter().enumerate().for_each(|(at, name)| drop(folder.write(name, &plaintext(3_000_000 >> at.min(9)))));
    let inputs: Vec<_> = ["encrypt"].into_iter().chain(names.iter().map(String::as_str)).collect();
    assert_done(&folder.run(&inputs));
    for damaged in [3, 4, 20] {
        let mut stream = folder.read(&sealed[damaged]);
        stream[9000] ^= 1;
        folder.write(&sealed[damaged], &stream);
    }
    let inputs: Vec<_> = ["verify", "--threads", "4"].into_iter().chain(sealed.iter().map(String::as_str)).collect();
    let output = folder.run(&inputs);
    assert_eq!(output.status.code(), Some(4));
    let whole: Vec<_> = text(&output.stdout).lines().map(|line| line[..12].to_owned()).collect();
    let sound = sealed.iter().enumerate().filter(|(at, _)| ![3, 4, 20].contains(at)).map(|(_, name)| name.clone());
    assert_eq!(whole, sound.collect::<Vec<_>>());
    let damaged: Vec<_> =
        text(&output.stderr).lines().filter(|line| line.contains("not whole")).map(str::to_owned).collect();
    let expected = [3, 4, 20, 3, 4, 20].map(|at| sealed[at].clone());
    assert_eq!(damaged.len(), 6, "{damaged:?}");
    assert!(damaged.iter().zip(&expected).all(|(line, name)| line.contains(name.as_str())), "{damaged:?}");
}
