//! Parts of a plaintext: by bytes, as in curl, and by times.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    fs::File,
    io::Write,
    os::unix::fs::FileExt,
    process::{Command, Output, Stdio},
};

use reelseal::{
    container::{Features, FrameSize, FrameTag, Layout, TagFlags},
    keys::{KeyFile, Lock, NewStream},
    stage::{Chain, Frame, FrameBuffer},
};
use support::{Folder, assert_done, assert_refused, plaintext, text};

const LENGTH: usize = 1_000_003;
/// 2026-11-24T10:00:00Z.
const TEN: i64 = 1_795_514_400_000_000;

fn sealed() -> Folder {
    let folder = Folder::new();
    folder.write("film", &plaintext(LENGTH));
    assert_done(&folder.run(&["encrypt", "film", "--frame-size", "4K"]));
    folder
}

/// A stream that opens with the key file of `folder`.
fn new_stream(folder: &Folder, frame_size: FrameSize, features: Features) -> NewStream {
    let key_file = KeyFile::parse(&folder.read("key")).unwrap();
    Lock::with_key_file(&key_file).new_stream(Layout { frame_size, ..Layout::default() }, features).unwrap()
}

fn frame(chain: &Chain, frame_size: FrameSize, tag: FrameTag, payload: &[u8]) -> Vec<u8> {
    let mut buffer = FrameBuffer::new(frame_size);
    buffer.payload_area()[..payload.len()].copy_from_slice(payload);
    chain.seal(Frame::clear(buffer, tag)).wire().to_vec()
}

/// `clock.reel`: a live stream with one frame per minute from ten o'clock on, each holding its number in words; then
/// the end.
fn clock() -> Folder {
    let folder = Folder::new();
    let (size, features) = (FrameSize::MIN, Features::LIVE.union(Features::TIMED));
    let stream = new_stream(&folder, size, features);
    let chain = Chain::new(&stream.keys, &stream.header.prefix);
    let mut bytes = stream.keys.seal_header(&stream.header).unwrap();
    let mut offset = 0;
    for (index, word) in ["zero ", "one ", "two ", "three ", "four ", ""].into_iter().enumerate() {
        let flags = if word.is_empty() { TagFlags::FINAL } else { TagFlags::NONE };
        let time = TEN + index as i64 * 60_000_000;
        let tag = FrameTag { index: index as u64, time, offset, length: word.len() as u32, flags };
        bytes.extend(frame(&chain, size, tag, word.as_bytes()));
        offset += word.len() as u64;
    }
    folder.write("clock.reel", &bytes);
    folder
}

/// The command with the key file, in UTC.
fn run(folder: &Folder, arguments: &[&str]) -> Output {
    folder.reelseal(arguments).args(["--key-file", "key"]).env("TZ", "UTC").output().unwrap()
}

#[test]
fn a_range_is_the_bytes_that_curl_would_give() {
    let (folder, plaintext) = (sealed(), plaintext(LENGTH));
    let stream = folder.read("film.reel");
    for (range, expected) in [
        ("0-0", 0..1),
        ("0-499", 0..500),
        ("4095-4096", 4095..4097),
        ("4096-8191", 4096..8192),
        ("123456-654321", 123_456..654_322),
        ("999999-", 999_999..LENGTH),
        ("-7", LENGTH - 7..LENGTH),
        ("-99999999", 0..LENGTH),
        ("1000000-99999999", 1_000_000..LENGTH),
        ("0-", 0..LENGTH),
    ] {
        let expected = &plaintext[expected];
        for arguments in [["film.reel", "-o", "-"], ["film.reel", "-o", "cut"]] {
            let output = folder.run(&[&["decrypt", "--range", range], arguments.as_slice()].concat());
            assert_done(&output);
            let given = if arguments[2] == "-" { output.stdout } else { folder.read("cut") };
            assert!(given == expected, "{range}: {arguments:?}");
            let _ = std::fs::remove_file(folder.path("cut"));
        }
        // With a pipe on either side, no -o is needed; a file that the shell opened is still a file.
        let redirected = folder
            .reelseal(&["decrypt", "--range", range, "--key-file", "key"])
            .stdin(File::open(folder.path("film.reel")).unwrap())
            .output()
            .unwrap();
        assert_done(&redirected);
        assert!(redirected.stdout == expected, "{range}");
        let piped = folder.run(&["decrypt", "--range", range, "film.reel"]);
        assert!(piped.stdout == expected, "{range}");
        let from_pipe = folder.pipe(&["decrypt", "--range", range], &stream);
        if range.starts_with('-') {
            assert_refused(&from_pipe, 2, "standard input: is a pipe, and its length is not known in advance");
        } else {
            assert_done(&from_pipe);
            assert!(from_pipe.stdout == expected, "{range}");
        }
    }
    assert_eq!(folder.names(), ["film", "film.reel"]);
}

#[test]
fn a_range_after_the_end_is_refused_with_the_length_and_leaves_nothing() {
    let folder = sealed();
    let fact = "the range begins after the end: the plaintext has 1000003 bytes";
    for range in ["1000003-", "1000003-1000009", "99999999-", "18446744073709551615-"] {
        assert_refused(&folder.run(&["decrypt", "film.reel", "--range", range, "-o", "cut"]), 2, fact);
        let from_pipe = folder.pipe(&["decrypt", "--range", range, "-o", "cut"], &folder.read("film.reel"));
        assert_refused(&from_pipe, 2, fact);
    }
    assert_eq!(folder.names(), ["film", "film.reel"]);
}

#[test]
fn a_part_does_not_get_the_name_of_the_whole() {
    let folder = sealed();
    std::fs::remove_file(folder.path("film")).unwrap();
    let mut command = folder.reelseal(&["decrypt", "film.reel", "--range", "0-9", "--key-file", "key"]);
    let output = command.stdout(File::create(folder.path("redirected")).unwrap()).output().unwrap();
    assert_refused(
        &output,
        2,
        "decrypting a part needs an explicit output\n\
         reelseal: hint: name it with -o FILE, or pipe the output",
    );
    assert_eq!(folder.names(), ["film.reel", "redirected"]);
    assert!(folder.read("redirected").is_empty());
}

#[test]
fn a_damaged_frame_is_refused_where_the_range_needs_it_and_nowhere_else() {
    let (folder, plaintext) = (sealed(), plaintext(LENGTH));
    let mut stream = folder.read("film.reel");
    stream[8192 + 100 * 4160 + 50] ^= 1;
    folder.write("film.reel", &stream);
    for (range, damaged) in [("0-409599", false), ("409600-409600", true), ("413696-", false), ("-1000000", true)] {
        let output = folder.run(&["decrypt", "film.reel", "--range", range, "-o", "cut"]);
        assert_eq!(output.status.code(), Some(if damaged { 4 } else { 0 }), "{range}: {}", text(&output.stderr));
        assert_eq!(folder.path("cut").exists(), !damaged, "{range}");
        let _ = std::fs::remove_file(folder.path("cut"));
    }
    // Frames before the range are authenticated too.
    let from_pipe = folder.pipe(&["decrypt", "--range", "500000-500009"], &stream);
    assert_refused(&from_pipe, 4, "standard input: cut short, extended or damaged in frame 100");
    let before = folder.pipe(&["decrypt", "--range", "409000-409599"], &stream);
    assert_done(&before);
    assert!(before.stdout == plaintext[409_000..409_600]);
}

#[test]
fn a_pipe_is_read_no_further_than_its_range() {
    let folder = sealed();
    let stream = folder.read("film.reel");
    let mut command = folder.reelseal(&["decrypt", "--range", "0-4999", "--key-file", "key"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    // Two frames, and then a writer that never continues.
    let mut input = child.stdin.take().unwrap();
    input.write_all(&stream[..8192 + 2 * 4160]).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_done(&output);
    assert!(output.stdout == plaintext(LENGTH)[..5000]);
    drop(input);
}

#[test]
fn a_cut_stream_is_refused_whatever_the_range() {
    let folder = sealed();
    let stream = folder.read("film.reel");
    for length in [stream.len() - 1, 8192 + 4160 * 9] {
        folder.write("film.reel", &stream[..length]);
        assert_refused(&folder.run(&["decrypt", "film.reel", "--range", "0-9", "-o", "cut"]), 4, "cut short");
        assert!(!folder.path("cut").exists());
    }
}

#[test]
fn times_select_whole_frames_from_the_one_that_was_arriving_on() {
    let folder = clock();
    let stream = folder.read("clock.reel");
    for (arguments, expected) in [
        (vec!["--since", "2026-11-24T10:00:00Z"], "zero one two three four "),
        (vec!["--since", "2026-11-24 10:02"], "two three four "),
        (vec!["--since", "2026-11-24 10:02:30"], "two three four "),
        (vec!["--until", "2026-11-24 10:01:59"], "zero one "),
        (vec!["--since", "2026-11-24T10:01:00Z", "--until", "2026-11-24T10:02:00Z"], "one two "),
        (vec!["--since", "2026-11-24 09:00", "--until", "2026-11-24 10:00"], "zero "),
        (vec!["--since=2000-01-01", "--until=2100-01-01"], "zero one two three four "),
    ] {
        for place in [["clock.reel", "-o", "-"], ["clock.reel", "-o", "cut"]] {
            let output = run(&folder, &[&["decrypt"], arguments.as_slice(), &place].concat());
            assert_done(&output);
            let given = if place[2] == "-" { output.stdout } else { folder.read("cut") };
            assert_eq!(text(&given), expected, "{arguments:?}");
            let _ = std::fs::remove_file(folder.path("cut"));
        }
        let mut piped = folder.reelseal(&["decrypt"]);
        piped.args(&arguments).args(["--key-file", "key"]).env("TZ", "UTC");
        let piped = support::feed(&mut piped, &stream);
        assert_done(&piped);
        assert_eq!(text(&piped.stdout), expected, "{arguments:?}");
    }
}

#[test]
fn a_time_in_which_nothing_arrived_is_refused_with_the_times_of_the_stream() {
    let folder = clock();
    let before = ["--until", "2026-11-24 09:59"];
    let output = run(&folder, &[&["decrypt", "clock.reel", "-o", "cut"], before.as_slice()].concat());
    assert_refused(
        &output,
        2,
        "clock.reel: nothing arrived in that time\n\
         reelseal: hint: its times range from 2026-11-24T10:00:00.000000Z to 2026-11-24T10:05:00.000000Z",
    );
    let mut piped = folder.reelseal(&["decrypt", "-o", "cut", "--key-file", "key"]);
    let piped = support::feed(piped.args(before).env("TZ", "UTC"), &folder.read("clock.reel"));
    assert_refused(&piped, 2, "standard input: nothing arrived in that time");
    assert_eq!(folder.names(), ["clock.reel"]);
}

#[test]
fn a_part_is_encrypted_into_a_stream_of_its_own() {
    let (folder, plaintext) = (sealed(), plaintext(LENGTH));
    let script = "\"$reelseal\" decrypt --range 1000-200999 --key-file key film.reel -o - \
                  | \"$reelseal\" encrypt --key-file key -o cut.reel";
    let mut shell = Command::new("bash");
    shell.args(["-c", &format!("set -o pipefail; {script}")]).current_dir(folder.path(""));
    assert_done(&shell.env("reelseal", support::reelseal()).output().unwrap());
    assert!(folder.run(&["decrypt", "cut.reel", "-o", "-"]).stdout == plaintext[1000..201_000]);
}

#[test]
#[ignore = "needs strace"]
fn a_mebibyte_from_the_middle_of_a_hundred_gigabytes_reads_little_more_than_that() {
    let folder = Folder::new();
    let size = FrameSize::default();
    let stream = new_stream(&folder, size, Features::NONE);
    let chain = Chain::new(&stream.keys, &stream.header.prefix);
    let layout = stream.header.layout();
    // A hole, except for the header, the frames of the range, and the final one.
    let file = File::create(folder.path("film.reel")).unwrap();
    file.write_all_at(&stream.keys.seal_header(&stream.header).unwrap(), 0).unwrap();
    let (payload, last) = (size.payload() as u64, 100_000_000_000 / size.payload() as u64);
    let first = last / 2;
    let content = plaintext(18 * size.payload());
    for (at, payload_bytes) in content.chunks(size.payload()).enumerate() {
        let index = first + at as u64;
        let (offset, length) = (index * payload, payload_bytes.len() as u32);
        let sealed = frame(&chain, size, FrameTag { index, offset, length, ..FrameTag::default() }, payload_bytes);
        file.write_all_at(&sealed, layout.frame_position(index)).unwrap();
    }
    let tag = FrameTag { index: last, offset: last * payload, flags: TagFlags::FINAL, ..FrameTag::default() };
    file.write_all_at(&frame(&chain, size, tag, &[]), layout.frame_position(last)).unwrap();

    let start = first * payload + 1000;
    let range = format!("{start}-{}", start + (1 << 20) - 1);
    let mut command = Command::new("strace");
    command.args(["-f", "-y", "-e", "trace=read,pread64,readv,preadv,preadv2", "-o", "trace"]);
    command.args([support::reelseal(), "decrypt", "film.reel", "--range", &range, "-o", "cut"]);
    assert_done(&command.args(["--key-file", "key"]).current_dir(folder.path("")).output().unwrap());
    assert!(folder.read("cut") == content[1000..1000 + (1 << 20)]);
    let trace = text(&folder.read("trace"));
    let of_stream = trace.lines().filter(|line| line.contains("film.reel>"));
    let bytes: u64 = of_stream.filter_map(|line| line.rsplit("= ").next()?.trim().parse::<u64>().ok()).sum();
    assert!((1 << 20..1_363_148).contains(&bytes), "{bytes} bytes read");
}
