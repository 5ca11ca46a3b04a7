//! Standard streams that are closed or lead nowhere: output that is lost is never reported as written.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::process::{Command, Output};

use support::{Folder, assert_done, text};

const OUTPUT_CLOSED: &str = "reelseal: standard output is closed, or is /dev/null opened read-write\n\
                             reelseal: hint: to discard the output, redirect it: >/dev/null\n";
const INPUT_CLOSED: &str = "reelseal: standard input is closed, or is /dev/null opened read-write\n\
                            reelseal: hint: for an empty input, redirect it: </dev/null\n";

/// A shell script in a folder with `film` and its encrypted form; `$reelseal` is the command.
fn sh(folder: &Folder, script: &str) -> Output {
    let mut command = Command::new("sh");
    command.args(["-c", script]).current_dir(folder.path("")).env("reelseal", support::reelseal());
    command.env_remove("REELSEAL_PASSPHRASE").output().unwrap()
}

fn folder_with_film() -> Folder {
    let folder = Folder::new();
    folder.write("film", b"frames");
    assert_done(&folder.run(&["encrypt", "film", "-o", "sealed"]));
    folder
}

#[track_caller]
fn assert_refused_as(output: &Output, reported: &str) {
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(1), reported));
}

#[test]
fn output_to_a_closed_standard_output_is_refused() {
    let folder = folder_with_film();
    for arguments in [
        "encrypt film -o - --key-file key",
        "encrypt --key-file key <film",
        "decrypt sealed -o - --key-file key",
        "decrypt --key-file key <sealed",
        "keygen -o -",
    ] {
        assert_refused_as(&sh(&folder, &format!("$reelseal {arguments} >&-")), OUTPUT_CLOSED);
        assert_refused_as(&sh(&folder, &format!("$reelseal {arguments} 1<>/dev/null")), OUTPUT_CLOSED);
    }
}

#[test]
fn a_closed_standard_input_is_not_taken_for_an_empty_one() {
    let folder = folder_with_film();
    for arguments in ["encrypt -o new", "encrypt - -o new", "decrypt -o new", "verify", "verify -", "inspect"] {
        assert_refused_as(&sh(&folder, &format!("$reelseal {arguments} --key-file key <&-")), INPUT_CLOSED);
        assert_refused_as(&sh(&folder, &format!("$reelseal {arguments} --key-file key <>/dev/null")), INPUT_CLOSED);
    }
    assert_eq!(folder.names(), ["film", "sealed"]);
}

#[test]
fn a_redirection_to_or_from_dev_null_is_taken_at_its_word() {
    let folder = folder_with_film();
    for script in [
        "$reelseal encrypt film -o - --key-file key >/dev/null",
        "$reelseal decrypt sealed -o - --key-file key >/dev/null",
        "$reelseal keygen -o - >/dev/null",
        "$reelseal encrypt --key-file key -o empty </dev/null && $reelseal verify empty --key-file key",
    ] {
        assert_done(&sh(&folder, script));
    }
}

#[test]
fn a_closed_stream_that_carries_no_data_of_the_run_is_not_a_failure() {
    let folder = folder_with_film();
    for script in [
        "$reelseal encrypt film -o new --key-file key <&- >&- 2>&-",
        "$reelseal decrypt sealed -o back --key-file key <&- >&- 2>&-",
        "$reelseal verify sealed --key-file key <&- >&- 2>&-",
        "$reelseal encrypt film -o - --key-file key 2>&- >piped",
        "$reelseal keygen -o other <&- >&- 2>&-",
    ] {
        assert_done(&sh(&folder, script));
    }
    assert_eq!(folder.read("back"), b"frames");
    assert_done(&folder.run(&["verify", "piped"]));
}

#[test]
fn a_refused_standard_input_is_refused_before_a_passphrase_is_read() {
    let folder = folder_with_film();
    assert_refused_as(&sh(&folder, "$reelseal encrypt -o new --passphrase-file missing <&-"), INPUT_CLOSED);
}
