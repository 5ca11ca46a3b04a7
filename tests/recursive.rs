//! Folders: what is taken from them, what is passed over and reported, and that their structure is kept.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    fs,
    os::unix::{fs::symlink, net::UnixListener},
    process::Command,
};

use serde_json::{Value, json};
use support::{Folder, assert_done, assert_refused, plaintext, text};

/// A folder of clips that also holds a plain file, a stream and one of each kind of thing that is not a file.
fn mixed() -> (Folder, UnixListener) {
    let folder = Folder::new();
    fs::create_dir(folder.path("clips")).unwrap();
    folder.write("clips/film", &plaintext(1000));
    assert_done(&folder.run(&["encrypt", "clips/film", "-o", "clips/sealed"]));
    symlink("film", folder.path("clips/link")).unwrap();
    assert!(Command::new("mkfifo").arg(folder.path("clips/pipe")).status().unwrap().success());
    let socket = UnixListener::bind(folder.path("clips/socket")).unwrap();
    folder.write("clips/.reelseal-0123456789abcdef.partial", b"half");
    (folder, socket)
}

#[test]
fn what_is_passed_over_is_counted_in_one_line() {
    let (folder, _socket) = mixed();
    let output = folder.run(&["encrypt", "--recursive", "clips", "--output-dir", "out"]);
    assert_done(&output);
    let expected = "reelseal: 5 passed over: 1 symbolic link, 1 stream, 1 pipe, 1 socket, 1 temporary file\n";
    assert_eq!(text(&output.stderr), expected);
    let output = folder.run(&["encrypt", "--recursive", "clips", "--output-dir", "quiet", "--quiet"]);
    assert_done(&output);
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn what_is_passed_over_is_an_event_for_programs() {
    let (folder, _socket) = mixed();
    let output = folder.run(&["encrypt", "--recursive", "clips", "--output-dir", "out", "--progress", "json"]);
    assert_done(&output);
    let told = text(&output.stderr);
    let objects: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let passed_over: Vec<_> =
        objects.iter().filter(|object| object["event"] == "passed_over").map(|object| &object["reason"]).collect();
    assert_eq!(
        passed_over,
        ["temporary file", "symbolic link", "pipe", "stream", "socket"]
            .map(|reason| json!(reason))
            .iter()
            .collect::<Vec<_>>(),
        "{told}"
    );
    assert!(objects.iter().any(|object| object["event"] == "passed_over" && object["file"] == "clips/link"), "{told}");
    assert_eq!(objects.last().unwrap()["event"], "note");
}

#[test]
fn a_stream_is_recognised_by_its_magic_and_not_by_its_name() {
    let folder = Folder::new();
    fs::create_dir(folder.path("clips")).unwrap();
    folder.write("clips/a", b"frames");
    folder.write("clips/x.reel", b"plaintext, whatever its name");
    assert_done(&folder.run(&["encrypt", "--recursive", "clips", "--output-dir", "out"]));
    assert!(folder.path("out/clips/x.reel.reel").is_file());
    folder.write("out/clips/y.reel", b"plaintext");
    let output = folder.run(&["decrypt", "--recursive", "out/clips", "--output-dir", "back"]);
    assert_done(&output);
    assert_eq!(text(&output.stderr), "reelseal: 1 passed over: 1 plaintext named .reel\n");
    assert_eq!(folder.read("back/clips/x.reel"), b"plaintext, whatever its name");
    assert!(!folder.path("back/clips/y").exists());
    // `verify` is meant to find out whether all is well, and a stream that has lost its beginning is not well.
    assert_refused(&folder.run(&["verify", "--recursive", "out"]), 4, "out/clips/y.reel: not a reelseal stream");
}

#[test]
fn empty_folders_are_mirrored_and_not_in_themselves() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path("clips/day/empty")).unwrap();
    folder.write("clips/a", b"frames");
    for _ in 0..2 {
        assert_done(&folder.run(&["encrypt", "--recursive", "clips", "--output-dir", "clips/out", "--force"]));
        assert!(folder.path("clips/out/clips/day/empty").is_dir());
        assert!(!folder.path("clips/out/clips/out").exists());
    }
    assert_done(&folder.run(&["decrypt", "--recursive", "clips/out/clips", "--output-dir", "back"]));
    assert!(folder.path("back/clips/day/empty").is_dir());
    fs::remove_dir_all(folder.path("back/clips/day")).unwrap();
    folder.write("back/clips/day", b"in the way");
    let again = folder.run(&["decrypt", "--recursive", "clips/out/clips", "--output-dir", "back", "--force"]);
    assert_refused(&again, 1, "reelseal: back/clips/day/empty: cannot make the folder: not a directory\n");
}

#[test]
fn no_empty_folder_is_mirrored_by_a_run_that_produced_nothing() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path("clips/empty")).unwrap();
    folder.write("clips/a", b"frames");
    let arguments = ["encrypt", "--recursive", "clips", "--output-dir", "out", "--passphrase-file", "missing"];
    assert_refused(&folder.reelseal(&arguments).output().unwrap(), 1, "missing: cannot read the passphrase");
    assert!(!folder.path("out").exists());
}
