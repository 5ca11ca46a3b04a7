//! The command's memory does not grow with its input, and inputs larger than memory come back the same.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    process::{Child, ChildStdout, Stdio},
};

use support::Folder;

const MEBIBYTE: u64 = 1 << 20;
const LIMIT: u64 = 10 * MEBIBYTE;
// More than any pipe holds: the command is still writing while this much is unread.
const UNREAD: u64 = 4 * MEBIBYTE;

/// Starts the command on `stdin`, with its output piped.
fn start(folder: &Folder, arguments: &[&str], stdin: Stdio) -> (Child, ChildStdout) {
    let command = &mut folder.reelseal(arguments);
    command.args(["--key-file", "key", "--threads", "2"]).stdin(stdin).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let output = child.stdout.take().unwrap();
    (child, output)
}

/// Passes all of `output`, at least `length` bytes, to `taker`; returns the most memory, in bytes, that the command had
/// used by the time nearly all of it was written.
fn drain(child: &mut Child, mut output: ChildStdout, length: u64, taker: &mut impl Write) -> u64 {
    io::copy(&mut output.by_ref().take(length - UNREAD), taker).unwrap();
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let high = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim().strip_suffix(" kB").unwrap();
    io::copy(&mut output, taker).unwrap();
    assert!(child.wait().unwrap().success());
    high.parse::<u64>().unwrap() << 10
}

/// The most memory, in bytes, that the command has used by the time it has written nearly all of an input of `length`
/// bytes.
fn peak(folder: &Folder, length: u64, arguments: &[&str], stdin: Stdio) -> u64 {
    let (mut child, output) = start(folder, arguments, stdin);
    drain(&mut child, output, length, &mut io::sink())
}

fn sparse(folder: &Folder, length: u64) {
    File::create(folder.path("sparse")).unwrap().set_len(length).unwrap();
}

#[test]
fn a_file_of_64_mib_and_one_of_2_gib_take_the_same_few_mebibytes() {
    let folder = Folder::new();
    for length in [64 * MEBIBYTE, 2048 * MEBIBYTE] {
        sparse(&folder, length);
        let peak = peak(&folder, length, &["encrypt", "sparse", "-o", "-"], Stdio::null());
        assert!(peak <= LIMIT, "{length} bytes of input took {peak}");
    }
}

#[test]
fn a_stream_takes_no_more_memory() {
    let folder = Folder::new();
    for length in [64 * MEBIBYTE, 1024 * MEBIBYTE] {
        sparse(&folder, length);
        let sparse = File::open(folder.path("sparse")).unwrap();
        let cat = &mut std::process::Command::new("cat");
        let mut cat = cat.stdin(sparse).stdout(Stdio::piped()).spawn().unwrap();
        let peak = peak(&folder, length, &["encrypt"], cat.stdout.take().unwrap().into());
        assert!(cat.wait().unwrap().success());
        assert!(peak <= LIMIT, "{length} bytes of input took {peak}");
    }
}

#[test]
fn a_sparse_file_of_1_gib_comes_back_with_the_same_digest() {
    let folder = Folder::new();
    let length = 1024 * MEBIBYTE;
    sparse(&folder, length);
    let mut expected = blake3::Hasher::new();
    io::copy(&mut io::repeat(0).take(length), &mut expected).unwrap();

    let (mut encrypt, sealed) = start(&folder, &["encrypt", "sparse", "-o", "-"], Stdio::null());
    let (mut decrypt, opened) = start(&folder, &["decrypt"], sealed.into());
    let mut digest = blake3::Hasher::new();
    let peak = drain(&mut decrypt, opened, length, &mut digest);
    assert!(encrypt.wait().unwrap().success());
    assert_eq!(digest.count(), length);
    assert_eq!(digest.finalize(), expected.finalize());
    assert!(peak <= LIMIT, "{length} bytes of input took {peak}");
}

#[test]
fn a_recording_takes_no_more_than_12_mib() {
    let folder = Folder::new();
    let looked_after = ["--status", "cam.sock", "--keep-size", "64M", "--on-segment", "true"];
    for (length, options) in [
        (32 * MEBIBYTE, [].as_slice()),
        (256 * MEBIBYTE, &[]),
        (32 * MEBIBYTE, &looked_after),
        (256 * MEBIBYTE, &looked_after),
    ] {
        let mut command =
            folder.reelseal(&["record", "--output-dir", "cam", "--segment-size", "16M", "--key-file", "key"]);
        command.args(options);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let mut left = length;
        while left > 0 {
            left -= io::copy(&mut io::repeat(7).take(MEBIBYTE.min(left)), &mut input).unwrap();
        }
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let high = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim().strip_suffix(" kB");
        let peak = high.unwrap().parse::<u64>().unwrap() << 10;
        drop(input);
        assert!(child.wait().unwrap().success());
        assert!(peak <= 12 * MEBIBYTE, "{length} bytes of input took {peak}");
        fs::remove_dir_all(folder.path("cam")).unwrap();
    }
}
