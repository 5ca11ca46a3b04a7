//! Secrets in files: which line of one is the passphrase, and who else can read it.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    process::{Command, Output},
};

use support::{CHEAP, Folder, assert_done, text};

const SEVERAL_LINES: &str = "more than one line; the passphrase is the first";
const EXPOSED: &str = "others can read this secret; chmod 600 makes it private";

fn folder_with(files: &[(&str, &[u8])]) -> Folder {
    let folder = Folder::new();
    for (name, content) in files {
        folder.write(name, content);
        set_mode(&folder, name, 0o600);
    }
    folder
}

fn set_mode(folder: &Folder, name: &str, mode: u32) {
    fs::set_permissions(folder.path(name), Permissions::from_mode(mode)).unwrap();
}

/// Standard error of a run that succeeded.
#[track_caller]
fn reported(output: &Output) -> String {
    assert_done(output);
    text(&output.stderr)
}

#[test]
fn the_first_line_of_a_passphrase_file_is_the_passphrase_and_more_of_them_get_a_warning() {
    let folder = folder_with(&[("film", b"frames"), ("several", b"open sesame\r\nfor the archive\n")]);
    let from_file =
        |arguments: &[&str], file: &str| folder.reelseal(arguments).args(["--passphrase-file", file]).output().unwrap();
    let warning = format!("reelseal: warning: several: {SEVERAL_LINES}\n");
    let encrypted = from_file(&[["encrypt", "film"].as_slice(), &CHEAP].concat(), "several");
    assert_eq!(reported(&encrypted), warning);
    let mut decrypt = folder.reelseal(&["decrypt", "film.reel", "-o", "-"]);
    assert_eq!(decrypt.env("REELSEAL_PASSPHRASE", "open sesame").output().unwrap().stdout, b"frames");
    assert_eq!(reported(&from_file(&["verify", "film.reel"], "several")), warning);
}

#[test]
fn a_new_passphrase_file_is_read_and_warned_about_in_the_same_way() {
    let folder = folder_with(&[("film", b"frames"), ("new", b"shut it\nby night\n")]);
    assert_done(&folder.run(&["encrypt", "film"]));
    let arguments = [["passwd", "film.reel", "--quiet", "--new-passphrase-file", "new"].as_slice(), &CHEAP].concat();
    assert_eq!(reported(&folder.run(&arguments)), format!("reelseal: warning: new: {SEVERAL_LINES}\n"));
    let mut verify = folder.reelseal(&["verify", "film.reel"]);
    assert_done(&verify.env("REELSEAL_PASSPHRASE", "shut it").output().unwrap());
}

#[test]
fn a_passphrase_file_of_one_line_gets_no_warning_however_the_line_ends() {
    for content in [b"open sesame".as_slice(), b"open sesame\n", b"open sesame\r\n"] {
        let folder = folder_with(&[("film", b"frames"), ("one", content)]);
        let mut encrypt = folder.reelseal(&["encrypt", "film", "--passphrase-file", "one"]);
        assert_eq!(reported(&encrypt.args(CHEAP).output().unwrap()), "");
        let mut verify = folder.reelseal(&["verify", "film.reel"]);
        assert_done(&verify.env("REELSEAL_PASSPHRASE", "open sesame").output().unwrap());
    }
}

#[test]
fn a_secret_that_others_can_read_is_warned_about_once_however_many_files_it_seals() {
    let folder = folder_with(&[("one", b"1"), ("two", b"2"), ("phrase", b"open sesame\n")]);
    for (mode, others_can) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true)] {
        for name in ["key", "phrase"] {
            set_mode(&folder, name, mode);
        }
        let expected =
            |name| if others_can { format!("reelseal: warning: {name}: {EXPOSED}\n") } else { String::new() };
        assert_eq!(reported(&folder.run(&["encrypt", "one", "two", "--force"])), expected("key"), "{mode:o}");
        assert_eq!(reported(&folder.run(&["verify", "one.reel", "two.reel", "-q"])), expected("key"), "{mode:o}");
        let mut encrypt = folder.reelseal(&["encrypt", "one", "two", "--force", "--passphrase-file", "phrase"]);
        assert_eq!(reported(&encrypt.args(CHEAP).output().unwrap()), expected("phrase"), "{mode:o}");
    }
}

#[test]
fn passwd_warns_of_either_secret() {
    let folder = folder_with(&[("film", b"frames")]);
    assert_done(&folder.reelseal(&["keygen", "-o", "new"]).output().unwrap());
    assert_done(&folder.run(&["encrypt", "film"]));
    for name in ["key", "new"] {
        set_mode(&folder, name, 0o644);
    }
    let shown = reported(&folder.run(&["passwd", "film.reel", "film.reel", "--quiet", "--new-key-file", "new"]));
    let warning = |name| format!("reelseal: warning: {name}: {EXPOSED}\n");
    assert_eq!(shown, warning("key") + &warning("new"));
}

/// Standard error of a shell script that succeeded; `$reelseal` is the command.
fn stderr_of_shell(folder: &Folder, script: &str) -> String {
    let mut command = Command::new("sh");
    command.args(["-c", script]).current_dir(folder.path("")).env("reelseal", support::reelseal());
    reported(&command.env_remove("REELSEAL_PASSPHRASE").output().unwrap())
}

#[test]
fn a_passphrase_on_a_descriptor_is_warned_about_only_if_it_comes_from_a_file() {
    let folder = folder_with(&[("film", b"frames"), ("phrase", b"open sesame\n")]);
    set_mode(&folder, "phrase", 0o644);
    let encrypt = "$reelseal encrypt film --force --scrypt-log-n 14 --passphrase-fd";
    let shown = stderr_of_shell(&folder, &format!("{encrypt} 3 3<phrase"));
    assert_eq!(shown, format!("reelseal: warning: descriptor 3: {EXPOSED}\n"));
    assert_eq!(stderr_of_shell(&folder, &format!("cat phrase | {encrypt} 0")), "");
}

#[test]
fn keygen_warns_of_a_redirection_to_a_file_that_others_can_read() {
    let folder = Folder::new();
    let warning = format!("reelseal: warning: standard output: {EXPOSED}\n");
    assert_eq!(stderr_of_shell(&folder, "umask 022; $reelseal keygen -o - >exposed"), warning);
    for script in [
        "umask 077; $reelseal keygen -o - >private",
        "umask 022; $reelseal keygen -o - | cat >piped",
        "umask 022; $reelseal keygen -o made",
    ] {
        assert_eq!(stderr_of_shell(&folder, script), "", "{script}");
    }
    assert_done(&folder.reelseal(&["encrypt", "key", "-o", "-", "--key-file", "exposed"]).output().unwrap());
}
