//! The program against a world that fails: full disks, folders that may not be written, limits, missing terminals.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
};

use support::{Folder, assert_done, assert_refused, plaintext};

/// A small file system of its own, on a folder.
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
    assert_eq!(small.names(), 0);
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
fn another_user_without_permission_is_told_so() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    fs::set_permissions(folder.path(""), Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(folder.path("key"), Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(folder.path("film"), Permissions::from_mode(0o644)).unwrap();
    // A copy where everybody may run it.
    let program = folder.path("reelseal");
    fs::copy(env!("CARGO_BIN_EXE_reelseal"), &program).unwrap();
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

/// Runs the command under limits that the shell sets.
fn limited(folder: &Folder, limit: &str, arguments: &str) -> std::process::Output {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit {limit}; exec \"$0\" {arguments}"), env!("CARGO_BIN_EXE_reelseal")]);
    command.current_dir(folder.path("")).env("REELSEAL_PASSPHRASE", "x").stdin(Stdio::null()).output().unwrap()
}

#[test]
fn memory_that_a_limit_denies_is_an_error_with_a_hint() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    let output = limited(&folder, "-v 200000", "encrypt film");
    assert_refused(&output, 1, "scrypt needs 257 MiB of memory, which the system does not give\nreelseal: hint: ");
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
fn of_two_runs_on_one_output_one_wins_and_the_other_says_so() {
    let folder = Folder::new();
    folder.write("film", &plaintext(1 << 20));
    let start = || {
        let encrypt = &mut folder.reelseal(&["encrypt", "-o", "film.reel", "--key-file", "key"]);
        encrypt.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let (mut one, mut other) = (start(), start());
    // Both have checked, and neither has named its output: each has taken more than its pipe holds.
    for child in [&mut one, &mut other] {
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), &plaintext(4 << 20)).unwrap();
    }
    assert_done(&one.wait_with_output().unwrap());
    assert_refused(&other.wait_with_output().unwrap(), 2, "film.reel: exists already");
    assert_eq!(folder.run(&["decrypt", "film.reel", "-o", "-"]).stdout, plaintext(4 << 20));
    assert_eq!(folder.names(), ["film", "film.reel"]);
}
