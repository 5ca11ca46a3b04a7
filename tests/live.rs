//! Live streams of the command: what arrives is passed on, even if nothing follows.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    fs,
    io::{PipeReader, PipeWriter, Read, Write, pipe},
    process::{Child, Stdio},
};

use serde_json::Value;
use support::{Folder, assert_done, assert_refused, plaintext, text};

/// Starts the command on `input`; returns it and the reading end of its output pipe.
fn between(folder: &Folder, arguments: &[&str], input: Stdio) -> (Child, PipeReader) {
    let (output, writer) = pipe().unwrap();
    let mut command = folder.reelseal(arguments);
    let child = command.args(["--key-file", "key"]).stdin(input).stdout(writer).spawn().unwrap();
    (child, output)
}

/// `encrypt --live` with these arguments, followed by decrypt: what is written at one end should come out at the other.
fn live(folder: &Folder, arguments: &[&str]) -> (PipeWriter, PipeReader, [Child; 2]) {
    let (input, writer) = pipe().unwrap();
    let (encrypt, sealed) = between(folder, &[&["encrypt", "--live"], arguments].concat(), input.into());
    let (decrypt, opened) = between(folder, &["decrypt"], sealed.into());
    (writer, opened, [encrypt, decrypt])
}

#[track_caller]
fn assert_comes_out(opened: &mut PipeReader, expected: &[u8]) {
    let mut area = vec![0; expected.len()];
    // If anything were held back until more came, this would wait for ever.
    opened.read_exact(&mut area).unwrap();
    assert!(area == expected);
}

#[track_caller]
fn assert_end(mut opened: PipeReader, children: [Child; 2]) {
    assert_eq!(opened.read_to_end(&mut Vec::new()).unwrap(), 0);
    children.into_iter().for_each(|mut child| assert!(child.wait().unwrap().success()));
}

#[test]
fn a_frame_that_is_not_full_comes_out_even_if_the_producer_never_writes_again() {
    let folder = Folder::new();
    for arguments in [[].as_slice(), &["--max-delay", "1ms", "--threads", "1"], &["--max-delay=0", "--threads", "4"]] {
        let (mut writer, mut opened, children) = live(&folder, arguments);
        // Less than a frame, several frames and part of one, and one byte.
        for length in [5, 30_000, 100_000, 1] {
            let piece = plaintext(length);
            std::thread::scope(|scope| {
                scope.spawn(|| writer.write_all(&piece).unwrap());
                assert_comes_out(&mut opened, &piece);
            });
        }
        drop(writer);
        assert_end(opened, children);
    }
}

#[test]
fn a_frame_that_is_full_does_not_wait_for_the_delay() {
    let folder = Folder::new();
    let (mut writer, mut opened, children) = live(&folder, &["--max-delay", "1000d", "--frame-size", "4K"]);
    writer.write_all(&plaintext(2 * 4096 + 5)).unwrap();
    assert_comes_out(&mut opened, &plaintext(2 * 4096));
    drop(writer);
    assert_comes_out(&mut opened, &plaintext(2 * 4096 + 5)[2 * 4096..]);
    assert_end(opened, children);
}

#[test]
fn the_header_leaves_before_anything_has_arrived() {
    let folder = Folder::new();
    let (input, writer) = pipe().unwrap();
    let (mut encrypt, mut sealed) = between(&folder, &["encrypt", "--live"], input.into());
    sealed.read_exact(&mut [0; 2 * 4096]).unwrap();
    drop(writer);
    assert_eq!(sealed.read_to_end(&mut Vec::new()).unwrap(), 64);
    assert!(encrypt.wait().unwrap().success());
}

#[test]
fn what_a_command_writes_comes_out_while_it_runs() {
    let folder = Folder::new();
    let (input, mut writer) = pipe().unwrap();
    let arguments = ["encrypt", "--live", "--max-delay", "1ms", "--key-file", "key", "--", "cat"];
    let (sealed, sealed_end) = pipe().unwrap();
    let mut encrypt = folder.reelseal(&arguments).stdin(input).stdout(sealed_end).spawn().unwrap();
    let (mut decrypt, mut opened) = between(&folder, &["decrypt"], sealed.into());
    for piece in [b"a".as_slice(), b"few", b"bytes"] {
        writer.write_all(piece).unwrap();
        assert_comes_out(&mut opened, piece);
    }
    drop(writer);
    assert_eq!(opened.read_to_end(&mut Vec::new()).unwrap(), 0);
    assert!(encrypt.wait().unwrap().success() && decrypt.wait().unwrap().success());
}

/// What inspect reports about a stream, as one object, and about its frames.
fn inspect(folder: &Folder, name: &str) -> (Value, Vec<Value>) {
    let output = folder.run(&["inspect", "--json", "--frames", name]);
    assert_done(&output);
    let mut objects =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>();
    let stream = objects.remove(0);
    (stream, objects)
}

#[test]
fn a_live_stream_carries_times_and_ends_with_an_empty_frame_whatever_its_input_is() {
    let folder = Folder::new();
    let film = plaintext(40_000);
    folder.write("film", &film);
    assert_done(&folder.run(&["encrypt", "--live", "film"]));
    let piped = folder.pipe(&["encrypt", "--live", "-o", "piped.reel"], &film);
    assert_done(&piped);
    for name in ["film.reel", "piped.reel"] {
        let (stream, frames) = inspect(&folder, name);
        assert_eq!(stream["features"], serde_json::json!(["live", "timed"]), "{stream}");
        assert_eq!(stream["frame_size"], 16_384, "{stream}");
        let last = frames.last().unwrap();
        assert_eq!(last["length"], 0, "{frames:?}");
        assert_eq!(last["offset"], 40_000, "{frames:?}");
        assert_eq!(folder.run(&["decrypt", name, "-o", "-"]).stdout, film);
        assert_done(&folder.run(&["verify", name]));
    }
    // All of a file is there at once, so its frames are full.
    let (_, frames) = inspect(&folder, "film.reel");
    assert_eq!(
        frames.iter().map(|frame| frame["length"].as_u64().unwrap()).collect::<Vec<_>>(),
        [16_384, 16_384, 7_232, 0]
    );
}

#[test]
fn a_frame_size_that_is_given_counts() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    assert_done(&folder.run(&["encrypt", "--live", "--frame-size", "64K", "film"]));
    assert_eq!(inspect(&folder, "film.reel").0["frame_size"], 65_536);
}

#[test]
fn a_live_stream_of_a_file_is_read_back_before_the_file_is_removed() {
    let folder = Folder::new();
    folder.write("film", &plaintext(40_000));
    assert_done(&folder.run(&["encrypt", "--live", "--remove", "film"]));
    assert_eq!(folder.names(), ["film.reel"]);
    assert_done(&folder.run(&["decrypt", "--remove", "film.reel"]));
    assert_eq!(folder.names(), ["film"]);
    assert!(folder.read("film") == plaintext(40_000));
}

#[test]
fn a_file_that_changes_while_it_is_encrypted_live_gets_no_final_frame() {
    let folder = Folder::new();
    let film = folder.write("film", &plaintext(2 << 20));
    let (mut encrypt, mut sealed) = between(&folder, &["encrypt", "--live", "film", "-o", "-"], Stdio::null());
    sealed.read_exact(&mut [0; 2 * 4096]).unwrap();
    // More than the pipe holds is still to come.
    fs::File::options().append(true).open(film).unwrap().write_all(b"more").unwrap();
    sealed.read_to_end(&mut Vec::new()).unwrap();
    assert_eq!(encrypt.wait().unwrap().code(), Some(1));
}

#[test]
fn options_that_contradict_a_live_stream_are_a_usage_error() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    for (arguments, fact) in [
        (["--live", "--timestamps", "never", "film"].as_slice(), "always carries times of arrival"),
        (&["--live", "film", "key"], "--live takes one input"),
        (&["--live", "--recursive", "."], "cannot be used with '--recursive'"),
        (&["--max-delay", "1s", "film"], "--live"),
    ] {
        let output = folder.run(&[&["encrypt"], arguments].concat());
        assert_refused(&output, 2, fact);
        assert_eq!(folder.names(), ["film"]);
    }
}
