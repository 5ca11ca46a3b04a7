//! The program in a world that fails: full disks, folders that may not be written, limits, missing terminals.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    fs::{self, Permissions},
    io::{BufRead, BufReader, Read, Write},
    os::unix::fs::{FileTypeExt, PermissionsExt},
    process::{Command, Stdio},
};

use support::{Folder, assert_done, assert_refused, plaintext, text};

const PAYLOAD: usize = 4096;
const WIRE: usize = PAYLOAD + 64;
const FRAMES_START: usize = 2 * 4096;

/// A small file system, mounted on a folder.
struct Mounted<'a>(&'a Folder);

impl<'a> Mounted<'a> {
    fn new(folder: &'a Folder, options: &str) -> Self {
        fs::create_dir(folder.path("small")).unwrap();
        let mount = &mut Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "none"]).arg(folder.path("small"));
        assert_done(&mount.output().unwrap());
        Self(folder)
    }

    fn remount(&self, options: &str) {
        let mount = &mut Command::new("mount");
        assert_done(&mount.args(["-o", &format!("remount,{options}")]).arg(self.0.path("small")).output().unwrap());
    }

    fn names(&self) -> usize {
        fs::read_dir(self.0.path("small")).unwrap().count()
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path("small")).status();
    }
}

#[test]
#[ignore = "needs root"]
fn a_full_disk_fails_at_once_for_a_file_and_in_time_for_a_stream_and_leaves_nothing() {
    let folder = Folder::new();
    folder.write("film", &plaintext(3 << 20));
    let small = Mounted::new(&folder, "size=1m");
    let full = "small/film.reel: cannot write: no space left on device";
    assert_refused(&folder.run(&["encrypt", "film", "-o", "small/film.reel"]), 1, full);
    assert_refused(&folder.pipe(&["encrypt", "-o", "small/film.reel"], &plaintext(3 << 20)), 1, full);
    assert_done(&folder.run(&["encrypt", "film"]));
    let full = "small/film: cannot write: no space left on device";
    assert_refused(&folder.run(&["decrypt", "film.reel", "-o", "small/film"]), 1, full);
    assert_refused(&folder.pipe(&["decrypt", "-o", "small/film"], &folder.read("film.reel")), 1, full);
    assert_eq!(small.names(), 0);
    assert_eq!(folder.read("film"), plaintext(3 << 20));
}

#[test]
#[ignore = "needs root"]
fn a_read_only_folder_is_refused_before_anything_is_done() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    let small = Mounted::new(&folder, "size=1m");
    small.remount("ro");
    let output = folder.run(&["encrypt", "film", "-o", "small/film.reel"]);
    assert_refused(&output, 1, "small/film.reel: cannot write: read-only file system");
}

#[test]
#[ignore = "needs root"]
fn a_user_without_permission_gets_an_error() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    fs::set_permissions(folder.path(""), Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(folder.path("key"), Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(folder.path("film"), Permissions::from_mode(0o644)).unwrap();
    // A copy in a place where everybody may run it.
    let program = folder.path("reelseal");
    fs::copy(support::reelseal(), &program).unwrap();
    let as_nobody = |arguments: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program).args(arguments);
        command.args(["--key-file", "key"]).current_dir(folder.path("")).stdin(Stdio::null()).output().unwrap()
    };
    assert_refused(&as_nobody(&["encrypt", "film"]), 1, "film.reel: cannot write: permission denied");
    fs::create_dir(folder.path("open")).unwrap();
    fs::set_permissions(folder.path("open"), Permissions::from_mode(0o777)).unwrap();
    assert_done(&as_nobody(&["encrypt", "film", "-o", "open/film.reel"]));
    assert_done(&as_nobody(&["encrypt", "film", "-o", "open/film.reel", "--force"]));
    fs::set_permissions(folder.path("film"), Permissions::from_mode(0o600)).unwrap();
    assert_refused(&as_nobody(&["encrypt", "film", "-o", "-"]), 1, "film: cannot open: permission denied");
    assert_eq!(folder.names(), ["film", "open", "reelseal"]);
    assert_eq!(fs::read_dir(folder.path("open")).unwrap().count(), 1);
}

/// A block device backed by a file in the folder.
struct Device(String);

impl Device {
    fn new(folder: &Folder, name: &str, content: &[u8]) -> Self {
        let made = Command::new("losetup").args(["-f", "--show"]).arg(folder.write(name, content)).output().unwrap();
        assert_done(&made);
        Self(text(&made.stdout).trim().to_owned())
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = Command::new("losetup").args(["-d", &self.0]).status();
    }
}

#[test]
#[ignore = "needs root and loop devices"]
fn a_block_device_is_read_whole_and_written_directly() {
    let folder = Folder::new();
    let content = plaintext(1 << 20);
    let (disk, small) = (Device::new(&folder, "disk", &content), Device::new(&folder, "small", &[0; 1 << 18]));
    assert_done(&folder.run(&["encrypt", &disk.0, "-o", "disk.reel"]));
    assert!(folder.run(&["decrypt", "disk.reel", "-o", "-"]).stdout == content);
    let over_itself = folder.run(&["encrypt", &disk.0, "-o", &disk.0]);
    assert_refused(&over_itself, 2, "is also an input or the secret; writing would destroy it");
    let full = format!("{}: cannot write: no space left on device", small.0);
    assert_refused(&folder.run(&["decrypt", "disk.reel", "-o", &small.0]), 1, &full);
    assert_done(&folder.run(&["decrypt", "disk.reel", "-o", &disk.0]));
    assert!(fs::read(&disk.0).unwrap() == content);
    assert_eq!(folder.names(), ["disk", "disk.reel", "small"]);
}

#[test]
fn writing_to_the_null_device_succeeds_and_leaves_it_a_device() {
    let folder = Folder::new();
    folder.write("film", &plaintext(300_000));
    assert_done(&folder.run(&["encrypt", "film", "-o", "/dev/null"]));
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    assert_eq!(folder.names(), ["film"]);
}

#[test]
fn a_peer_that_goes_silent_after_a_damaged_frame_does_not_hold_the_end() {
    let folder = Folder::new();
    let film = plaintext(10 * PAYLOAD);
    let mut stream = folder.pipe(&["encrypt", "--frame-size", "4K"], &film).stdout;
    stream.truncate(FRAMES_START + 3 * WIRE);
    stream[FRAMES_START + 2 * WIRE + 40] ^= 1;
    for (output, threads) in [("-", "1"), ("-", "4"), ("back", "1"), ("back", "4")] {
        let decrypt = &mut folder.reelseal(&["decrypt", "-o", output, "--threads", threads, "--key-file", "key"]);
        decrypt.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = decrypt.spawn().unwrap();
        // Open until the command has ended.
        let mut silent = child.stdin.take().unwrap();
        silent.write_all(&stream).unwrap();
        let reported = child.wait_with_output().unwrap();
        assert_refused(&reported, 4, "standard input: cut short, extended or damaged in frame 2, at byte 16512");
        let released = if output == "-" { 2 * PAYLOAD } else { 0 };
        assert!(reported.stdout == film[..released]);
        assert_eq!(folder.names(), Vec::<String>::new());
    }
}

#[test]
fn a_consumer_that_hangs_up_ends_the_wait_for_a_silent_producer() {
    // The pipe between the two belongs to the shell: if it belonged to the test, a process forked for another test
    // might hold an end.
    const SCRIPT: &str = "exec 3>&1; { \"$0\" encrypt --threads \"$1\" --key-file key; echo $? >&3; } | \
                          { head -c \"$2\" >/dev/null; exec <&-; echo gone >&3; }";
    let folder = Folder::new();
    for threads in ["1", "4"] {
        let frame = plaintext(1 << 16);
        let sealed = (FRAMES_START + frame.len() + 64).to_string();
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT, support::reelseal(), threads, &sealed]).current_dir(folder.path(""));
        let mut child = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut silent = child.stdin.take().unwrap();
        silent.write_all(&frame).unwrap();
        let mut reported = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        reported.read_line(&mut line).unwrap();
        assert_eq!(line, "gone\n");
        // The workers are waiting for more.
        silent.write_all(&frame).unwrap();
        reported.read_line(&mut line).unwrap();
        assert_eq!(line, "gone\n1\n");
        let errors = child.wait_with_output().unwrap().stderr;
        assert_eq!(support::text(&errors), "reelseal: standard output: the reader has closed the pipe\n");
    }
}

#[test]
fn a_peer_that_stalls_anywhere_in_a_frame_holds_back_only_that_frame() {
    let folder = Folder::new();
    let film = plaintext(3 * PAYLOAD);
    let stream = folder.pipe(&["encrypt", "--frame-size", "4K"], &film).stdout;
    for place in [1, 31, 32, 33, WIRE / 2, WIRE - 33, WIRE - 32, WIRE - 1] {
        let decrypt = &mut folder.reelseal(&["decrypt", "--key-file", "key"]);
        let mut child = decrypt.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut released = vec![0; PAYLOAD];
        let (before, after) = stream.split_at(FRAMES_START + WIRE + place);
        input.write_all(before).unwrap();
        output.read_exact(&mut released).unwrap();
        input.write_all(after).unwrap();
        drop(input);
        output.read_to_end(&mut released).unwrap();
        assert!(released == film, "{place}");
        assert!(child.wait().unwrap().success(), "{place}");
    }
}

/// Runs the command under limits that the shell sets.
fn limited(folder: &Folder, limit: &str, arguments: &str) -> std::process::Output {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit {limit}; exec \"$0\" {arguments}"), support::reelseal()]);
    command.current_dir(folder.path("")).env("REELSEAL_PASSPHRASE", "x").stdin(Stdio::null()).output().unwrap()
}

#[test]
fn memory_that_a_limit_denies_is_an_error_with_a_hint() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    let output = limited(&folder, "-v 200000", "encrypt film");
    let reported = "reelseal: passphrase: scrypt needs 257 MiB of memory, which the system cannot provide\n\
                reelseal: hint: free some memory, or lift the limit that the shell set (ulimit -v)\n";
    assert_refused(&output, 1, reported);
    assert_eq!(folder.names(), ["film"]);
}

#[test]
fn a_file_beyond_the_limit_is_an_error_and_leaves_nothing() {
    let folder = Folder::new();
    folder.write("film", &plaintext(1 << 20));
    let output = limited(&folder, "-f 100", "encrypt film --key-file key");
    assert_refused(&output, 1, "film.reel: cannot write: file too large");
    assert_eq!(folder.names(), ["film"]);
}

#[test]
fn a_socket_as_output_is_refused() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    let _socket = std::os::unix::net::UnixListener::bind(folder.path("socket")).unwrap();
    assert_refused(&folder.run(&["encrypt", "film", "-o", "socket"]), 1, "socket: cannot write: is a socket");
}

#[test]
fn of_two_runs_with_the_same_output_one_wins_and_the_other_reports_that() {
    let folder = Folder::new();
    folder.write("film", &plaintext(1 << 20));
    let start = || {
        let encrypt = &mut folder.reelseal(&["encrypt", "-o", "film.reel", "--key-file", "key"]);
        encrypt.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let (mut one, mut other) = (start(), start());
    // Both have checked, and neither has named its output: each has taken more than its pipe holds.
    for child in [&mut one, &mut other] {
        child.stdin.as_mut().unwrap().write_all(&plaintext(4 << 20)).unwrap();
    }
    assert_done(&one.wait_with_output().unwrap());
    assert_refused(&other.wait_with_output().unwrap(), 2, "film.reel: exists already");
    assert_eq!(folder.run(&["decrypt", "film.reel", "-o", "-"]).stdout, plaintext(4 << 20));
    assert_eq!(folder.names(), ["film", "film.reel"]);
}
