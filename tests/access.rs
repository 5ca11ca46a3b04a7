//! Who may read a result: nobody who may not read its input.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    process::{Command, Output},
};

use support::{Folder, assert_done, mode, text};

fn film_of(permissions: u32) -> Folder {
    let folder = Folder::new();
    let film = folder.write("film", b"frames");
    fs::set_permissions(film, Permissions::from_mode(permissions)).unwrap();
    folder
}

fn set_list(folder: &Folder, arguments: &[&str]) {
    assert!(Command::new("setfacl").args(arguments).current_dir(folder.path("")).status().unwrap().success());
}

fn list(folder: &Folder, name: &str) -> String {
    let output = Command::new("getfacl").args(["-cn", name]).current_dir(folder.path("")).output().unwrap();
    assert!(output.status.success());
    text(&output.stdout)
}

/// Encrypts `film` while these `calls` fail with an error.
fn encrypt_without(folder: &Folder, calls: &[&str]) -> Output {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "log", "-e", "signal=none"]);
    strace.args(calls.iter().map(|call| format!("--inject={call}")));
    strace.arg(support::reelseal()).args(["encrypt", "film", "--key-file", "key"]);
    strace.current_dir(folder.path("")).output().unwrap()
}

#[test]
fn setuid_setgid_and_sticky_bits_are_not_carried_over() {
    let folder = film_of(0o7755);
    assert_done(&folder.run(&["encrypt", "film"]));
    assert_done(&folder.run(&["decrypt", "film.reel", "-o", "back"]));
    assert_eq!([mode(&folder.path("film.reel")), mode(&folder.path("back"))], [0o755; 2]);
    fs::set_permissions(folder.path("film.reel"), Permissions::from_mode(0o7755)).unwrap();
    assert_done(&folder.run(&["decrypt", "film.reel", "-o", "again"]));
    assert_eq!(mode(&folder.path("again")), 0o755);
}

#[test]
#[ignore = "needs strace"]
fn a_group_that_is_not_the_inputs_gets_no_more_than_everybody() {
    for (permissions, expected) in [(0o660, 0o600), (0o664, 0o644), (0o646, 0o646), (0o640, 0o600), (0o644, 0o644)] {
        let folder = film_of(permissions);
        assert_done(&encrypt_without(&folder, &["fchown:error=EPERM"]));
        assert_eq!(mode(&folder.path("film.reel")), expected, "{permissions:o}");
    }
}

#[test]
#[ignore = "needs setfacl"]
fn an_access_list_is_carried_over_both_ways() {
    let folder = film_of(0o640);
    set_list(&folder, &["-m", "g::-,u:65534:rw,g:1:r,o::-", "film"]);
    assert_done(&folder.run(&["encrypt", "film"]));
    assert_done(&folder.run(&["decrypt", "film.reel", "-o", "back"]));
    let expected = "user::rw-\nuser:65534:rw-\ngroup::---\ngroup:1:r--\nmask::rw-\nother::---\n\n";
    for name in ["film", "film.reel", "back"] {
        assert_eq!(list(&folder, name), expected, "{name}");
    }
}

#[test]
#[ignore = "needs setfacl"]
fn an_access_list_of_any_length_is_carried_over() {
    let folder = film_of(0o640);
    let entries: Vec<_> = (1000..1200).map(|user| format!("u:{user}:r")).collect();
    set_list(&folder, &["-m", &entries.join(","), "film"]);
    assert_done(&folder.run(&["encrypt", "film"]));
    assert_eq!(list(&folder, "film.reel"), list(&folder, "film"));
    assert!(list(&folder, "film").contains("user:1199:r--"));
}

#[test]
#[ignore = "needs setfacl"]
fn a_folders_default_access_list_opens_no_result_to_others() {
    let folder = film_of(0o640);
    fs::create_dir(folder.path("store")).unwrap();
    set_list(&folder, &["-d", "-m", "u:65534:rw", "store"]);
    assert_done(&folder.run(&["encrypt", "film", "-o", "store/out"]));
    assert_eq!(list(&folder, "store/out"), "user::rw-\ngroup::r--\nother::---\n\n");
    // Without an input to take permissions from, the folder decides.
    assert_done(&folder.pipe(&["encrypt", "-o", "store/piped"], b"frames"));
    assert!(list(&folder, "store/piped").contains("user:65534:rw-"));
}

#[test]
#[ignore = "needs setfacl, strace"]
fn where_an_access_list_cannot_be_kept_nobody_gets_more_access_and_there_is_a_warning() {
    for (entries, expected) in [
        ("g::-,u:65534:rw,o::-", 0o600),
        ("g::r,u:65534:rw,o::-", 0o640),
        ("g::r,u:65534:-,o::r", 0o600),
        ("g::r,u:65534:rw,g:1:-,o::r", 0o640),
    ] {
        let folder = film_of(0o640);
        set_list(&folder, &["-m", entries, "film"]);
        let output = encrypt_without(&folder, &["fsetxattr:error=EOPNOTSUPP"]);
        assert_done(&output);
        assert_eq!(mode(&folder.path("film.reel")), expected, "{entries}");
        let reported = "reelseal: warning: film.reel: its file system does not keep the input's mode or time\n";
        assert_eq!(text(&output.stderr), reported);
    }
}

#[test]
#[ignore = "needs setfacl, strace"]
fn under_an_access_list_too_another_group_gets_no_more_than_everybody() {
    let folder = film_of(0o640);
    set_list(&folder, &["-m", "g::rw,u:65534:rw,o::r", "film"]);
    assert_done(&encrypt_without(&folder, &["fchown:error=EPERM"]));
    let expected = "user::rw-\nuser:65534:rw-\ngroup::r--\nmask::rw-\nother::r--\n\n";
    assert_eq!(list(&folder, "film.reel"), expected);
}
