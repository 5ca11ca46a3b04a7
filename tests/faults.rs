//! What is said where the system fails a single call, which strace has it do.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    ffi::{OsStr, OsString},
    process::{Command, Output},
};

use support::{Folder, assert_done, text};

const ENCRYPT: &str = "encrypt film --key-file key --threads 1";
const ENCRYPT_AND_REMOVE: &str = "encrypt film --remove --key-file key --threads 1";
const DECRYPT: &str = "decrypt sealed.reel -o new --key-file key --threads 1";
const PASSWD: &str = "passwd sealed.reel --key-file key --new-key-file key";

/// `film`, and a stream of the same content.
fn prepared() -> Folder {
    let folder = Folder::new();
    folder.write("film", b"frames");
    assert_done(&folder.run(&["encrypt", "film", "-o", "sealed.reel"]));
    folder
}

/// Runs the command under strace with these `options`; what it traces is in `log`.
fn traced(folder: &Folder, options: &[impl AsRef<OsStr>], arguments: &str) -> Output {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "log", "-e", "signal=none"]).args(options);
    strace.arg(env!("CARGO_BIN_EXE_reelseal")).args(arguments.split(' ')).current_dir(folder.path("")).output().unwrap()
}

/// The options for an `injection` into calls on `file` alone, if one is given.
fn on(folder: &Folder, file: Option<&str>, injection: &str) -> Vec<OsString> {
    let only = file.into_iter().flat_map(|file| ["-P".into(), folder.path(file).into()]);
    only.chain(["-e".into(), injection.into()]).collect()
}

#[track_caller]
fn assert_told(output: &Output, code: i32, told: &str) {
    assert_eq!(text(&output.stderr), format!("reelseal: {told}\n"));
    assert_eq!(output.status.code(), Some(code), "{told}");
}

#[test]
#[ignore = "needs strace"]
fn each_call_that_fails_is_told_by_what_it_was_for() {
    for (injection, arguments, code, told) in [
        ("fallocate:error=ENOSPC", ENCRYPT, 1, "film.reel: cannot write: no space left on device"),
        ("fsync:error=EIO:when=1", ENCRYPT, 1, "film.reel: cannot write: input/output error"),
        (
            "fsync:error=EIO:when=2",
            ENCRYPT,
            1,
            "film.reel: is whole, but a power cut may lose it: cannot sync its folder: input/output error",
        ),
        (
            "utimensat:error=EPERM",
            ENCRYPT,
            0,
            "warning: film.reel: its file system does not keep the input's mode or time",
        ),
        ("lseek:error=ESPIPE", ENCRYPT, 1, "film: cannot tell the position: illegal seek"),
        ("pipe2:error=EMFILE", DECRYPT, 1, "pipe: cannot open: too many open files"),
        ("unlink:error=EPERM", ENCRYPT_AND_REMOVE, 1, "film: cannot remove: operation not permitted"),
        ("flock:error=EIO", PASSWD, 1, "sealed.reel: cannot lock: input/output error"),
    ] {
        assert_told(&traced(&prepared(), &["-e", &format!("inject={injection}")], arguments), code, told);
    }
}

#[test]
#[ignore = "needs strace"]
fn an_input_is_kept_when_its_output_does_not_read_back() {
    // Its header not written, and called done.
    let lost = "inject=pwrite64:retval=8192:when=1";
    let unreadable = "inject=pread64:error=EIO:when=1";
    for (file, injection, fact) in [
        (None, lost, "does not read back as it was written"),
        (Some("film.reel"), unreadable, "cannot be read back: input/output error"),
        (Some("film"), unreadable, "cannot be read back: input/output error"),
    ] {
        let folder = prepared();
        let told = format!("film.reel: {fact}\nreelseal: hint: film is kept; remove film.reel, and try again");
        assert_told(&traced(&folder, &on(&folder, file, injection), ENCRYPT_AND_REMOVE), 1, &told);
        assert_eq!(folder.read("film"), b"frames");
    }
}

#[test]
#[ignore = "needs strace"]
fn a_header_that_cannot_be_read_back_is_told_with_what_opens_the_file() {
    let folder = prepared();
    let output = traced(&folder, &on(&folder, Some("sealed.reel"), "inject=pread64:error=EIO"), PASSWD);
    let hint = "the file opens with the old secret or with the new one; try both before you try again";
    let told = format!("sealed.reel: cannot read the header back: input/output error\nreelseal: hint: {hint}");
    assert_told(&output, 1, &told);
}

#[test]
#[ignore = "needs strace"]
fn without_randomness_nothing_is_written() {
    for arguments in [ENCRYPT, "keygen -o film.reel"] {
        let folder = prepared();
        assert_done(&traced(&folder, &["-e", "trace=getrandom"], arguments));
        // The first ones are the runtime's own.
        let last = text(&folder.read("log")).lines().count();
        std::fs::remove_file(folder.path("film.reel")).unwrap();
        let output = traced(&folder, &["-e", &format!("inject=getrandom:error=EIO:when={last}")], arguments);
        assert_told(&output, 1, "the operating system gave no randomness");
        assert_eq!(folder.names(), ["film", "log", "sealed.reel"]);
    }
}
