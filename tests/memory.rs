//! The command's memory does not grow with its input.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    fs::{self, File},
    io::{self, Read},
    process::Stdio,
};

use support::Folder;

const MEBIBYTE: u64 = 1 << 20;
const LIMIT: u64 = 8 * MEBIBYTE;
// More than any pipe holds: the command is still writing while this much is unread.
const UNREAD: u64 = 4 * MEBIBYTE;

/// The most memory that the command has taken until it has all but written an input of `length` bytes, in bytes.
fn peak(folder: &Folder, length: u64, arguments: &[&str], stdin: Stdio) -> u64 {
    let command = &mut folder.reelseal(arguments);
    let mut child =
        command.args(["--key-file", "key", "--threads", "2"]).stdin(stdin).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = child.stdout.take().unwrap();
    io::copy(&mut output.by_ref().take(length - UNREAD), &mut io::sink()).unwrap();
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let high = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim().strip_suffix(" kB").unwrap();
    io::copy(&mut output, &mut io::sink()).unwrap();
    assert!(child.wait().unwrap().success());
    high.parse::<u64>().unwrap() << 10
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
fn a_stream_takes_no_more() {
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
