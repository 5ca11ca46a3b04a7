//! Many files in one run: one secret, one failure not stopping the rest, inputs removed only once that is safe.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink},
    path::Path,
    process::Output,
};

use support::{CHEAP, Folder, assert_done, assert_refused, plaintext, text};

const SALT: std::ops::Range<usize> = 48 + 4 + 12..48 + 4 + 12 + 32;
const WRAPPED_KEY: std::ops::Range<usize> = SALT.end..SALT.end + 40;
const IV: std::ops::Range<usize> = 16..32;

/// A folder with clips of these names, each with different content.
fn clips(names: &[&str]) -> Folder {
    let folder = Folder::new();
    for (at, name) in names.iter().enumerate() {
        fs::create_dir_all(folder.path(name).parent().unwrap()).unwrap();
        folder.write(name, &content(at));
    }
    folder
}

fn content(at: usize) -> Vec<u8> {
    plaintext(10_000 + at)[at..].to_vec()
}

fn with_passphrase(folder: &Folder, arguments: &[&str]) -> Output {
    folder.reelseal(arguments).env("REELSEAL_PASSPHRASE", "open sesame").output().unwrap()
}

#[test]
fn all_files_are_encrypted_and_decrypted_in_one_run() {
    let names = ["a", "b", "c", "d", "e"];
    let folder = clips(&names);
    assert_done(&folder.run(&[["encrypt"].as_slice(), &names].concat()));
    for name in names {
        fs::remove_file(folder.path(name)).unwrap();
    }
    assert_done(&folder.run(&["decrypt", "a.reel", "b.reel", "c.reel", "d.reel", "e.reel"]));
    for (at, name) in names.iter().enumerate() {
        assert!(folder.read(name) == content(at), "{name}");
    }
}

#[test]
fn files_of_a_batch_share_the_salt_and_nothing_else() {
    let folder = clips(&["a", "b"]);
    assert_done(&with_passphrase(&folder, &[["encrypt", "a", "b"].as_slice(), &CHEAP].concat()));
    let (one, other) = (folder.read("a.reel"), folder.read("b.reel"));
    assert_eq!(one[SALT], other[SALT]);
    assert_ne!(one[IV], other[IV]);
    assert_ne!(one[WRAPPED_KEY], other[WRAPPED_KEY]);
    assert_done(&with_passphrase(&folder, &["encrypt", "a", "-o", "apart.reel", "--scrypt-log-n", "14"]));
    assert_ne!(one[SALT], folder.read("apart.reel")[SALT]);
}

#[test]
fn a_failure_does_not_stop_the_rest_is_named_at_the_end_and_the_worst_code_counts() {
    let folder = clips(&["a", "b", "c"]);
    assert_done(&folder.run(&["encrypt", "a", "b", "c"]));
    let mut damaged = folder.read("b.reel");
    damaged[9000] ^= 1;
    folder.write("b.reel", &damaged);
    let output = folder.run(&["decrypt", "a.reel", "b.reel", "missing.reel", "c.reel", "--output-dir", "out"]);
    assert_refused(&output, 4, "reelseal: 2 of 4 files failed:\n");
    let reported = text(&output.stderr);
    let (_, summary) = reported.split_once("files failed:\n").unwrap();
    for line in [
        "reelseal:   b.reel: cut short, extended or damaged in frame 0, at byte 8192\n",
        "reelseal:   missing.reel: cannot open: no such file or directory\n",
    ] {
        assert!(summary.contains(line), "{summary}");
    }
    assert!(folder.read("out/a") == content(0) && folder.read("out/c") == content(2));
    assert!(!folder.path("out/b").exists());
}

#[test]
fn a_folder_is_processed_with_everything_below_it_and_mirrored_in_the_output_folder() {
    let folder = clips(&["clips/a", "clips/day/b", "clips/day/night/c"]);
    symlink("a", folder.path("clips/link")).unwrap();
    assert_refused(
        &folder.run(&["encrypt", "clips"]),
        2,
        "clips: is a folder\nreelseal: hint: encrypt, decrypt and verify take the files in it with --recursive",
    );
    assert_done(&folder.run(&["encrypt", "--recursive", "clips", "--output-dir", "sealed"]));
    assert_done(&folder.run(&["decrypt", "--recursive", "sealed/clips", "--output-dir", "back/here"]));
    for (at, name) in ["a", "day/b", "day/night/c"].iter().enumerate() {
        assert!(folder.path(&format!("sealed/clips/{name}.reel")).is_file(), "{name}");
        assert!(folder.read(&format!("back/here/clips/{name}")) == content(at), "{name}");
    }
    assert!(!folder.path("sealed/clips/link.reel").exists());
}

#[test]
fn without_an_output_folder_results_go_next_to_their_inputs_and_are_passed_over_the_next_time() {
    let folder = clips(&["clips/a", "clips/day/b"]);
    assert_done(&folder.run(&["encrypt", "--recursive", "clips"]));
    assert!(folder.path("clips/a.reel").is_file() && folder.path("clips/day/b.reel").is_file());
    assert_done(&folder.run(&["encrypt", "--recursive", "clips", "--force"]));
    assert!(!folder.path("clips/a.reel.reel").exists());
    fs::create_dir(folder.path("empty")).unwrap();
    assert_refused(&folder.run(&["encrypt", "--recursive", "empty"]), 2, "empty: contains no file for this command");
}

#[test]
fn two_inputs_never_go_to_one_output_not_even_with_force() {
    let folder = clips(&["a/film", "b/film"]);
    let output = folder.run(&["encrypt", "a/film", "b/film", "--output-dir", "out", "--force"]);
    assert_refused(&output, 2, "out/film.reel: another input of this run has the same output");
    assert_done(&folder.run(&["decrypt", "out/film.reel"]));
    let back = folder.read("out/film");
    assert!(back == content(0) || back == content(1));
}

#[test]
fn an_input_is_never_the_output_of_another_not_even_with_force() {
    let folder = clips(&["film", "film.reel"]);
    let output = folder.run(&["encrypt", "film", "film.reel", "--force"]);
    assert_refused(&output, 2, "film.reel: is also an input or the secret; writing would destroy it");
    assert!(folder.read("film.reel") == content(1));
}

#[test]
fn several_inputs_neither_go_to_one_named_output_nor_come_from_standard_input() {
    let folder = clips(&["a", "b"]);
    assert_refused(&folder.run(&["encrypt", "a", "b", "-o", "c"]), 2, "several inputs cannot all go to one output");
    for command in ["encrypt", "decrypt", "verify", "inspect"] {
        assert_refused(&folder.run(&[command, "a", "-"]), 2, "standard input: cannot be one of several inputs");
    }
    assert_refused(&folder.pipe(&["encrypt", "--output-dir", "out"], b"frames"), 2, "gives no file name");
    assert_eq!(folder.names(), ["a", "b"]);
}

#[test]
fn a_secret_that_cannot_be_read_is_reported_once_and_not_for_every_file() {
    let folder = clips(&["a", "b", "c"]);
    let output = folder.reelseal(&["encrypt", "a", "b", "c", "--passphrase-file", "missing"]).output().unwrap();
    assert_refused(&output, 1, "1 of 3 files failed, 2 not begun:");
    assert_eq!(text(&output.stderr).matches("missing: cannot read the passphrase").count(), 2);
    assert_eq!(folder.names(), ["a", "b", "c"]);
}

#[test]
fn names_of_any_bytes_are_kept_and_shown_escaped() {
    let folder = Folder::new();
    let name = OsStr::from_bytes(b"caf\xe9\n\x1b[2Jfilm");
    fs::write(folder.path("").join(name), b"frames").unwrap();
    folder.write("other", b"frames");
    let sealed = folder.reelseal(&["encrypt", "--key-file", "key", "-v", "other"]).arg(name).output().unwrap();
    assert_done(&sealed);
    let escaped = r"caf\xe9\n\u{1b}[2Jfilm";
    let line = format!("reelseal: {escaped} -> {escaped}.reel: 6 B in ");
    assert!(text(&sealed.stderr).contains(&line), "{}", text(&sealed.stderr));
    fs::remove_file(folder.path("").join(name)).unwrap();
    assert_done(&folder.run(&["decrypt", "--recursive", ".", "--output-dir", "out"]));
    assert_eq!(fs::read(folder.path("out").join(name)).unwrap(), b"frames");
}

#[test]
fn an_input_is_removed_once_its_output_was_read_back() {
    let folder = clips(&["a", "b"]);
    assert_done(&folder.run(&["encrypt", "a", "b", "--remove"]));
    assert_eq!(folder.names(), ["a.reel", "b.reel"]);
    assert_done(&folder.run(&["decrypt", "a.reel", "b.reel", "--remove"]));
    assert_eq!(folder.names(), ["a", "b"]);
    assert!(folder.read("a") == content(0) && folder.read("b") == content(1));
}

#[test]
fn an_input_is_kept_when_its_run_fails_or_it_could_not_be_removed() {
    let folder = clips(&["film"]);
    symlink("film", folder.path("link")).unwrap();
    assert_refused(&folder.run(&["encrypt", "link", "--remove"]), 2, "link: not a regular file, so --remove");
    let output = folder.run(&["encrypt", "film", "--remove", "-o", "-"]);
    assert_refused(&output, 2, "standard output: cannot be read back, as --remove requires");
    assert_refused(&folder.pipe(&["encrypt", "--remove", "-o", "x"], b"frames"), 2, "standard input: not a regular");
    folder.write("film.reel", b"precious");
    assert_refused(&folder.run(&["encrypt", "film", "--remove"]), 2, "film.reel: exists already");
    assert_eq!(folder.names(), ["film", "film.reel", "link"]);
}

#[test]
fn small_and_large_files_go_through_one_run_together() {
    let folder = Folder::new();
    let length = |at: usize| if at % 5 == 3 { 5 << 20 } else { 100 * at };
    let names: Vec<_> = (0..20).map(|at| format!("clip{at}")).collect();
    for (at, name) in names.iter().enumerate() {
        folder.write(name, &plaintext(length(at)));
    }
    let inputs: Vec<_> = names.iter().map(String::as_str).collect();
    assert_done(&folder.run(&[["encrypt", "--remove", "--threads", "4"].as_slice(), &inputs].concat()));
    let sealed: Vec<_> = names.iter().map(|name| format!("{name}.reel")).collect();
    assert_eq!(folder.names().len(), sealed.len());
    for (at, name) in sealed.iter().enumerate() {
        assert!(folder.run(&["decrypt", name, "-o", "-"]).stdout == plaintext(length(at)), "{name}");
    }
}

#[test]
fn progress_that_is_always_shown_ends_with_a_line_for_each_file_and_one_for_all() {
    let folder = clips(&["a", "b"]);
    let reported = |arguments: &str| {
        let arguments: Vec<_> = arguments.split(' ').chain(["--threads", "1", "--progress", "always"]).collect();
        text(&folder.run(&arguments).stderr)
    };
    let encrypted = reported("encrypt a missing b");
    let beginnings =
        ["a -> a.reel: ", "missing: cannot open: ", "b -> b.reel: ", "2 of 3 files, ", "1 of 3 files failed:"];
    for beginning in beginnings {
        assert_eq!(encrypted.matches(&format!("reelseal: {beginning}")).count(), 1, "{encrypted}");
    }
    let places: Vec<_> = beginnings.iter().map(|beginning| encrypted.find(beginning)).collect();
    assert!(places.is_sorted(), "{encrypted}");
    assert_eq!(reported("verify a.reel"), "");
    for name in ["a.reel", "b.reel"] {
        let mut damaged = folder.read(name);
        *damaged.last_mut().unwrap() ^= 1;
        folder.write(name, &damaged);
    }
    let nothing_done = reported("verify a.reel b.reel");
    assert!(nothing_done.contains("2 of 2 files failed:") && !nothing_done.contains("0 of 2"), "{nothing_done}");
}

#[test]
fn every_line_for_programs_is_an_object() {
    let folder = clips(&["a", "b"]);
    let output = folder.run(&["encrypt", "a", "b", "missing", "--progress", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let reported = text(&output.stderr);
    let objects: Vec<serde_json::Value> = reported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |event: &str| objects.iter().filter(|object| object["event"] == event).collect::<Vec<_>>();
    let mut done: Vec<_> = of("done").iter().map(|object| object["output"].as_str().unwrap().to_owned()).collect();
    done.sort();
    assert_eq!(done, ["a.reel", "b.reel"]);
    let [error] = of("error")[..] else { panic!("{reported}") };
    assert_eq!(error["exit_code"], 1);
    assert_eq!(error["message"], "missing: cannot open: no such file or directory");
    let [summary] = of("summary")[..] else { panic!("{reported}") };
    assert_eq!(summary["failures"].as_array().unwrap().len(), 1);
}

#[test]
fn an_event_has_the_bytes_of_a_name_that_is_not_utf_8() {
    let folder = clips(&[]);
    let name = OsStr::from_bytes(b"caf\xe9");
    fs::write(folder.path("").join(name), b"frames").unwrap();
    let mut command = folder.reelseal(&["encrypt", "--progress", "json", "--key-file", "key"]);
    let output = command.arg(name).output().unwrap();
    assert!(output.status.success());
    let last = text(&output.stderr).lines().last().unwrap().to_owned();
    let object: serde_json::Value = serde_json::from_str(&last).unwrap();
    let [file, bytes, output, output_bytes] =
        ["file", "file_bytes", "output", "output_bytes"].map(|key| object[key].as_str().unwrap());
    assert_eq!((file, bytes), ("caf\u{fffd}", "Y2Fm6Q=="));
    assert_eq!((output, output_bytes), ("caf\u{fffd}.reel", "Y2Fm6S5yZWVs"));
}

#[test]
fn findings_of_verify_are_objects_one_per_line_as_well() {
    let folder = clips(&["a"]);
    assert_done(&folder.run(&["encrypt", "a"]));
    let mut damaged = folder.read("a.reel");
    damaged[100] ^= 1;
    damaged[9000] ^= 1;
    folder.write("a.reel", &damaged);
    let output = folder.run(&["verify", "a.reel", "--progress", "json"]);
    assert_eq!(output.status.code(), Some(4));
    let reported = text(&output.stderr);
    let events: Vec<_> = reported
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["event"].as_str().unwrap().to_owned())
        .collect();
    for event in ["warning", "damage", "error"] {
        assert!(events.iter().any(|known| known == event), "{event}: {reported}");
    }
}

#[test]
fn several_inputs_without_names_never_share_standard_output() {
    let folder = clips(&["a", "b"]);
    let script = "exec \"$0\" encrypt --key-file key /dev/fd/3 /dev/fd/4 3<a 4<b";
    let command = &mut std::process::Command::new("sh");
    command.args(["-c", script, support::reelseal()]).current_dir(folder.path(""));
    let output = command.output().unwrap();
    assert_refused(&output, 2, "/dev/fd/3: gives no output name, and several inputs cannot share");
    assert_eq!(output.stdout, b"");
}

#[test]
fn an_input_that_is_named_twice_is_done_once() {
    let folder = clips(&["a", "sub/b"]);
    assert_done(&folder.run(&["encrypt", "--remove", "a", "./a", "sub/../a"]));
    assert_eq!(folder.names(), ["a.reel", "sub"]);
    assert_done(&folder.run(&["decrypt", "a.reel"]));
    assert!(folder.read("a") == content(0));
}

#[test]
fn what_the_run_itself_made_is_not_one_of_its_inputs() {
    let folder = clips(&["a"]);
    let output = folder.run(&["encrypt", "--remove", "--threads", "1", "a", "a.reel"]);
    assert_refused(&output, 2, "a.reel: was written by this run, from another input");
    assert_eq!(folder.names(), ["a.reel"]);
}

#[test]
fn only_files_are_written_to_under_a_name_that_nobody_chose() {
    let folder = clips(&["film"]);
    assert_done(&folder.run(&["encrypt", "film"]));
    fs::remove_file(folder.path("film")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(folder.path("film")).status().unwrap();
    assert!(made.success());
    for force in [None, Some("--force")] {
        let output = folder.run(&["decrypt", "film.reel"].into_iter().chain(force).collect::<Vec<_>>());
        assert_refused(&output, 2, "film: exists already, and is not a file");
    }
    fs::remove_file(folder.path("film")).unwrap();
    symlink("elsewhere", folder.path("film")).unwrap();
    assert_refused(&folder.run(&["decrypt", "film.reel"]), 2, "film: exists already, and is not a file");
    assert_eq!(folder.names(), ["film", "film.reel"]);
}

#[test]
fn no_folder_is_created_for_an_output_that_is_never_written() {
    let folder = clips(&["a"]);
    let output =
        folder.reelseal(&["encrypt", "a", "--output-dir", "out/deep", "--passphrase-file", "missing"]).output();
    assert_refused(&output.unwrap(), 1, "missing: cannot read the passphrase");
    assert_eq!(folder.names(), ["a"]);
    assert_done(&folder.run(&["encrypt", "a", "--output-dir", "out/deep"]));
    assert!(folder.path("out/deep/a.reel").is_file());
}

#[test]
fn files_with_frames_too_large_to_go_side_by_side_go_one_by_one() {
    let names: Vec<_> = (0..8).map(|at| format!("clip{at}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let folder = clips(&names);
    let options = ["encrypt", "--frame-size", "16M", "--threads", "64", "--key-file", "key"];
    let mut command = std::process::Command::new("sh");
    // All 64 files at once would need 2 GiB for their buffers.
    command.args(["-c", "ulimit -v 1000000; exec \"$0\" \"$@\"", support::reelseal()]);
    let output = command.args(options).args(&names).current_dir(folder.path("")).output().unwrap();
    assert_done(&output);
    assert_eq!(folder.names().len(), 16);
}

#[test]
fn as_many_files_are_open_at_once_as_is_allowed() {
    let names: Vec<_> = (0..100).map(|at| format!("clips/{at:02}")).collect();
    let folder = clips(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let run = |limit: u32, arguments: &[&str]| {
        let mut command = std::process::Command::new("sh");
        let script = format!("ulimit -n {limit}; exec \"$0\" \"$@\"");
        command.args(["-c", &script, support::reelseal()]).args(arguments);
        command.args(["--recursive", "--key-file", "key"]).current_dir(folder.path("")).output().unwrap()
    };
    for (limit, threads) in [(40, "2"), (40, "64"), (20, "64")] {
        let threads = ["--force", "--threads", threads];
        assert_done(&run(limit, &[["encrypt", "clips", "--output-dir", "out"].as_slice(), &threads].concat()));
        assert_done(&run(limit, &[["decrypt", "out", "--output-dir", "back"].as_slice(), &threads].concat()));
    }
    for (at, name) in names.iter().enumerate() {
        assert!(folder.read(&format!("back/out/{name}")) == content(at), "{name}");
    }
}

#[test]
fn a_link_to_a_folder_that_is_named_is_followed() {
    let folder = clips(&["store/a"]);
    symlink("store", folder.path("clips")).unwrap();
    assert_done(&folder.run(&["encrypt", "--recursive", "clips", "--output-dir", "out"]));
    assert!(Path::new(&folder.path("out/clips/a.reel")).is_file());
}

#[test]
fn a_batch_that_is_run_again_does_what_remains() {
    let names: Vec<_> = (0..30).map(|at| format!("clips/{at:02}")).collect();
    let folder = clips(&names.iter().map(String::as_str).collect::<Vec<_>>());
    assert_done(&folder.run(&["encrypt", "--recursive", "clips", "--output-dir", "out"]));
    let sealed = folder.read("out/clips/00.reel");
    let again = folder.run(&["encrypt", "--recursive", "clips", "--output-dir", "out"]);
    assert_refused(&again, 2, "reelseal: 30 of 30 files failed:\n");
    let told = text(&again.stderr);
    // Each failure as it happens, one hint, the heading, and of the thirty equal failures ten and a count of the rest.
    assert_eq!(told.lines().count(), 30 + 1 + 1 + 10 + 1, "{told}");
    assert!(told.ends_with("reelseal:   and 20 more: exists already\n"), "{told}");

    fs::remove_file(folder.path("out/clips/17.reel")).unwrap();
    let rest = folder.run(&["encrypt", "--recursive", "clips", "--output-dir", "out", "--skip-existing", "--remove"]);
    assert_done(&rest);
    assert_eq!(text(&rest.stderr), "reelseal: 29 passed over: 29 existing outputs\n");
    assert!(folder.read("out/clips/00.reel") == sealed && folder.path("out/clips/17.reel").is_file());
    assert!(folder.path("clips/00").exists() && !folder.path("clips/17").exists());
    let back = ["decrypt", "--recursive", "out/clips", "--output-dir", "back", "--skip-existing"];
    assert_done(&folder.run(&back));
    assert_eq!(text(&folder.run(&back).stderr), "reelseal: 30 passed over: 30 existing outputs\n");
}

#[test]
fn an_output_that_this_run_made_does_not_count_as_an_existing_one() {
    let folder = clips(&["a/film", "b/film"]);
    for _ in 0..2 {
        let output = folder.run(&["encrypt", "a/film", "b/film", "--output-dir", "out", "--skip-existing"]);
        assert_refused(&output, 2, "out/film.reel: another input of this run has the same output");
    }
    let globbed = folder.run(&["encrypt", "a/film", "--skip-existing", "-o", "out/film.reel"]);
    assert_eq!(
        (globbed.status.code(), text(&globbed.stderr)),
        (Some(0), "reelseal: 1 passed over: 1 existing output\n".to_owned())
    );
}
