//! `reelseal inspect`: what anyone can read of a stream, what a secret adds, and never the word "whole".

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::{Value, json};
use support::{CHEAP, Folder, assert_done, assert_refused, feed, film_in_frames, text};

const PAYLOAD: usize = 4096;
const WIRE: usize = PAYLOAD + 64;
const FRAMES_START: usize = 8192;

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

/// The command on a vector, with the vectors' key if it is to be `opened`.
fn inspect_vector(name: &str, opened: bool, flags: &[&str]) -> Command {
    let mut command = Command::new(support::reelseal());
    command.arg("inspect").args(flags).current_dir(vectors()).env_remove("REELSEAL_PASSPHRASE");
    if opened {
        command.args(["--key-file", "key"]);
    }
    command.arg(format!("{name}.reel"));
    command
}

/// Every line of JSON in the output.
fn lines(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn inspect_json(folder: &Folder, stream: &[u8], opened: bool) -> (Output, Value) {
    folder.write("it", stream);
    let command = &mut folder.reelseal(&["inspect", "--json", "it"]);
    let output = if opened { command.args(["--key-file", "key"]) } else { command }.output().unwrap();
    let found = lines(&output).remove(0);
    (output, found)
}

#[test]
fn a_sound_stream_shows_its_header_and_its_length_without_a_secret_and_without_asking() {
    let (folder, stream) = film_in_frames();
    let (output, found) = inspect_json(&folder, &stream, false);
    assert_done(&output);
    let expected = json!({
        "file": "it",
        "version": 1,
        "frame_size": 4096,
        "features": [],
        "header_length": 4096,
        "copies": [
            {"state": "sound", "generation": 1, "counts": true},
            {"state": "sound", "generation": 1, "counts": false},
        ],
        "slots": [{"kind": "key-file", "bytes": 76, "quantum": "holds"}],
        "length": {"stream": stream.len(), "frames": 21, "plaintext": 81925, "at_most": false, "cut": false},
        "authenticated": null,
        "problems": [],
    });
    assert_eq!(found, expected);
    assert_eq!(folder.names(), ["film", "film.reel", "it"]);
}

#[test]
fn a_passphrase_slot_shows_what_scrypt_costs_here() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    let encrypt = &mut folder.reelseal(&["encrypt", "film", "--scrypt-log-n", "15"]);
    assert_done(&encrypt.env("REELSEAL_PASSPHRASE", "sesame").output().unwrap());
    let output = folder.reelseal(&["inspect", "--json", "film.reel"]).output().unwrap();
    let slot = &lines(&output)[0]["slots"][0];
    assert_eq!((&slot["kind"], &slot["log2_n"]), (&json!("passphrase"), &json!(15)));
    assert_eq!(slot["memory"], 128 * 8 * ((1 << 15) + 2));
    assert!(slot["seconds"].as_f64().unwrap() > 0.0);
    let shown = text(&folder.reelseal(&["inspect", "film.reel"]).output().unwrap().stdout);
    assert!(shown.contains("N = 2^15, r = 8, p = 1: 32 MiB of memory, about "), "{shown}");
}

#[test]
fn a_secret_authenticates_header_and_final_frame() {
    let (folder, stream) = film_in_frames();
    let (output, found) = inspect_json(&folder, &stream, true);
    assert_done(&output);
    let authenticated = &found["authenticated"];
    assert_eq!((&authenticated["header"], &authenticated["plaintext"]), (&json!(true), &json!(81925)));
    assert_eq!((&authenticated["frames"], &authenticated["interrupted"]), (&json!(21), &json!(false)));
    assert_eq!(authenticated["first_time"], Value::Null);
}

#[test]
fn a_passphrase_in_the_environment_is_used_where_one_fits_and_no_harm_elsewhere() {
    let (folder, _) = film_in_frames();
    folder.write("clip", b"frames");
    let with_phrase =
        |arguments: &[&str]| folder.reelseal(arguments).env("REELSEAL_PASSPHRASE", "sesame").output().unwrap();
    assert_done(&with_phrase(&[["encrypt", "clip"].as_slice(), &CHEAP].concat()));
    let output = with_phrase(&["inspect", "--json", "clip.reel", "film.reel"]);
    assert_done(&output);
    let found = lines(&output);
    assert_eq!(found[0]["authenticated"]["plaintext"], 6);
    assert_eq!(found[1]["authenticated"], Value::Null);
}

#[test]
fn a_wrong_secret_is_code_3_and_what_anybody_can_read_is_still_shown() {
    let (folder, _) = film_in_frames();
    assert_done(&folder.reelseal(&["keygen", "-o", "other"]).output().unwrap());
    let output = folder.reelseal(&["inspect", "film.reel", "--key-file", "other"]).output().unwrap();
    assert_refused(&output, 3, "film.reel: wrong key file");
    assert!(text(&output.stdout).contains("consistent with 81925 bytes of plaintext"), "{output:?}");
}

#[test]
fn both_copies_are_reported_and_one_damaged_is_a_warning() {
    let (folder, stream) = film_in_frames();
    for (place, damaged, sound, which) in [(100, 0, 1, "first"), (4196, 1, 0, "second")] {
        let mut stream = stream.clone();
        stream[place] ^= 1;
        let (output, found) = inspect_json(&folder, &stream, false);
        assert_done(&output);
        assert!(text(&output.stderr).contains("of the two header copies is damaged"), "{output:?}");
        assert_eq!(found["copies"][damaged], json!({"state": "damaged", "generation": null, "counts": false}));
        assert_eq!(found["copies"][sound], json!({"state": "sound", "generation": 1, "counts": true}));
        let problem = format!("the {which} of the two header copies is damaged; the other one is used");
        assert_eq!(found["problems"], json!([problem]));
    }
    let newer = inspect_vector("newer-second-copy", false, &["--json"]).output().unwrap();
    let copies = &lines(&newer)[0]["copies"];
    assert_eq!(copies[0], json!({"state": "sound", "generation": 1, "counts": false}));
    assert_eq!(copies[1], json!({"state": "sound", "generation": 2, "counts": true}));
}

#[test]
fn two_damaged_copies_still_show_what_the_first_claims() {
    let (folder, mut stream) = film_in_frames();
    stream[100] ^= 1;
    stream[4196] ^= 1;
    let (output, found) = inspect_json(&folder, &stream, false);
    assert_refused(&output, 4, "it: both header copies are damaged");
    assert_eq!((&found["version"], &found["frame_size"]), (&json!(1), &json!(4096)));
    assert_eq!(found["copies"][0]["state"], "damaged");
    assert_eq!(found["problems"], json!(["both header copies are damaged"]));
    let shown = text(&folder.reelseal(&["inspect", "it"]).output().unwrap().stdout);
    assert!(shown.contains("nothing confirms it"), "{shown}");
    let piped = feed(&mut folder.reelseal(&["inspect", "--json"]), &stream);
    assert_eq!(lines(&piped)[0]["frame_size"], 4096);
}

#[test]
fn an_unknown_version_and_unknown_features_are_named() {
    let version = inspect_vector("version-2", false, &["--json"]).output().unwrap();
    assert_refused(&version, 4, "version 2 is not supported");
    let found = &lines(&version)[0];
    assert_eq!((&found["version"], &found["frame_size"]), (&json!(2), &Value::Null));
    let features = inspect_vector("unknown-feature", false, &["--json"]).output().unwrap();
    assert_refused(&features, 4, "unknown features");
    let found = &lines(&features)[0];
    assert!(found["features"][0].as_str().unwrap().starts_with("unknown 0x"), "{found}");
    assert_eq!(found["copies"][0]["state"], "sound");
}

#[test]
fn a_cut_that_the_length_shows_is_code_4_without_a_secret_and_any_other_with_one() {
    let (folder, stream) = film_in_frames();
    let boundary = FRAMES_START + 10 * WIRE;
    for (length, shows) in [(boundary, true), (boundary + 63, true), (boundary + 100, false)] {
        let (output, found) = inspect_json(&folder, &stream[..length], false);
        assert_eq!(output.status.code(), Some(if shows { 4 } else { 0 }), "{length}");
        assert_eq!(found["length"]["cut"], shows, "{length}");
        let (output, found) = inspect_json(&folder, &stream[..length], true);
        assert_refused(&output, 4, "cut short");
        assert_eq!(found["authenticated"]["plaintext"], Value::Null, "{length}");
        assert_eq!(found["problems"].as_array().unwrap().len(), 1, "{length}");
    }
    let (output, _) = inspect_json(&folder, &[stream.as_slice(), b"more"].concat(), true);
    assert_refused(&output, 4, "cut short, extended or damaged in frame 20");
}

#[test]
fn a_pipe_is_read_no_further_than_its_header() {
    let (folder, stream) = film_in_frames();
    let (reader, mut writer) = std::io::pipe().unwrap();
    std::io::Write::write_all(&mut writer, &stream[..FRAMES_START]).unwrap();
    // The writer stays open: a command that read on would wait for ever.
    let output = folder.reelseal(&["inspect", "--json", "--key-file", "key"]).stdin(reader).output().unwrap();
    drop(writer);
    assert_done(&output);
    let found = &lines(&output)[0];
    assert_eq!((&found["file"], &found["length"]), (&json!("standard input"), &Value::Null));
    assert_eq!(found["authenticated"]["header"], true);
    let output = feed(&mut folder.reelseal(&["inspect"]), &stream);
    assert!(text(&output.stdout).ends_with("\nlength:      not known until it is read to its end\n"), "{output:?}");
}

#[test]
fn frames_are_listed_in_the_same_way_from_a_file_and_from_a_pipe() {
    let stream = fs::read(vectors().join("live-and-timed.reel")).unwrap();
    let file = inspect_vector("live-and-timed", true, &["--json", "--frames"]).output().unwrap();
    assert_done(&file);
    let found = lines(&file);
    assert_eq!(found[0]["authenticated"]["first_time"], "1970-01-01T00:00:00.000005Z");
    assert_eq!(found[0]["authenticated"]["last_time"], "1970-01-01T00:00:00.000007Z");
    assert_eq!(found[0]["length"]["at_most"], true);
    let frame = |index: u64, position: u64, offset: u64, length: u64, time: &str, last: bool| {
        json!({
            "file": "live-and-timed.reel", "frame": index, "position": position, "offset": offset, "length": length,
            "time": time, "final": last, "interrupted": false,
        })
    };
    let expected = [
        frame(0, 1024, 0, 100, "1970-01-01T00:00:00.000005Z", false),
        frame(1, 5184, 100, 0, "1970-01-01T00:00:00.000005Z", false),
        frame(2, 9344, 100, 9, "1970-01-01T00:00:00.000007Z", true),
    ];
    assert_eq!(found[1..], expected);

    let folder = Folder::new();
    fs::copy(vectors().join("key"), folder.path("key")).unwrap();
    let pipe = folder.pipe(&["inspect", "--json", "--frames"], &stream);
    assert_done(&pipe);
    let without_name = |line: &Value| {
        let mut line = line.clone();
        line.as_object_mut().unwrap().remove("file");
        line
    };
    let piped = lines(&pipe);
    assert_eq!(
        piped[1..].iter().map(without_name).collect::<Vec<_>>(),
        expected.iter().map(without_name).collect::<Vec<_>>()
    );
}

#[test]
fn refused_frames_are_marked_and_the_list_goes_on() {
    let (folder, mut stream) = film_in_frames();
    for frame in [3, 4, 20] {
        stream[FRAMES_START + frame * WIRE + 50] ^= 1;
    }
    folder.write("it", &stream);
    for output in
        [folder.run(&["inspect", "--json", "--frames", "it"]), folder.pipe(&["inspect", "--json", "--frames"], &stream)]
    {
        assert_refused(&output, 4, "not whole: 3 frames are damaged, 18 frames are sound");
        let found = lines(&output);
        assert_eq!(found.len(), 22);
        let refused: Vec<_> = found[1..].iter().filter(|line| line.get("refused").is_some()).collect();
        assert_eq!(refused.iter().map(|line| line["frame"].as_u64().unwrap()).collect::<Vec<_>>(), [3, 4, 20]);
    }
    let cut = folder.pipe(&["inspect", "--json", "--frames"], &stream[..FRAMES_START + 2 * WIRE]);
    assert_refused(&cut, 4, "not whole: unfinished, or cut short, 2 frames are sound");
    assert_eq!(lines(&cut)[3]["refused"], "the stream ends before this frame");
}

#[test]
fn frames_without_a_secret_are_a_usage_error() {
    let (folder, _) = film_in_frames();
    let output = folder.reelseal(&["inspect", "--frames", "film.reel"]).output().unwrap();
    assert_refused(&output, 2, "--frames needs a secret");
}

#[test]
fn an_interrupted_recording_says_so() {
    let output = inspect_vector("interrupted", true, &[]).output().unwrap();
    assert_done(&output);
    assert!(text(&output.stdout).contains("when its writer was interrupted"), "{output:?}");
}

#[test]
fn many_files_are_blocks_with_a_blank_line_between_and_one_bad_one_gives_the_code() {
    let (folder, stream) = film_in_frames();
    folder.write("cut.reel", &stream[..FRAMES_START]);
    let output = folder.reelseal(&["inspect", "film.reel", "cut.reel", "film.reel"]).output().unwrap();
    assert_refused(&output, 4, "1 of 3 files failed:");
    let shown = text(&output.stdout);
    let blocks: Vec<_> = shown.split("\n\n").collect();
    assert_eq!(blocks.len(), 3, "{shown}");
    assert!(blocks.iter().all(|block| block.starts_with("file: ")), "{shown}");
}

#[test]
fn no_vector_is_called_whole_and_none_causes_a_panic() {
    let index = fs::read_to_string(vectors().join("INDEX")).unwrap();
    for line in index.lines() {
        let [name, secret, outcome, _] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        for opened in [false, secret == "key"] {
            for flags in [["--json"].as_slice(), if opened { &["--frames"] } else { &[] }] {
                let output = inspect_vector(name, opened, flags).output().unwrap();
                let (shown, reported) = (text(&output.stdout), text(&output.stderr));
                let code = output.status.code().unwrap();
                assert!(code == 0 || code == 4 || (opened && (code == 2 || code == 3)), "{line}: {code}: {reported}");
                assert!(!shown.contains("whole"), "{line}: {shown}");
                if outcome.starts_with("whole") {
                    assert_eq!(code, 0, "{line}: {reported}");
                } else if opened && flags == ["--frames"] {
                    assert_ne!(code, 0, "{line}: {shown}");
                }
            }
        }
    }
}

#[test]
fn a_stream_that_turns_into_zeros_is_called_unfinished_by_every_command_that_opens_it() {
    let (folder, stream) = film_in_frames();
    folder.write("it", &[&stream[..FRAMES_START + 5 * WIRE], &[0; 3 * WIRE + 1000]].concat());
    for arguments in [["decrypt", "it", "-o", "out"].as_slice(), &["verify", "it"], &["inspect", "it"]] {
        let output = folder.run(arguments);
        let reported = [text(&output.stdout), text(&output.stderr)].concat();
        assert_eq!(output.status.code(), Some(4), "{reported}");
        let fact = format!("unfinished: frame 8, at byte {}, is all zeros", FRAMES_START + 8 * WIRE);
        assert!(reported.contains(&fact), "{reported}");
        assert!(reported.contains("reelseal salvage it -o it.salvaged"), "{reported}");
    }
    assert!(!folder.path("out").exists());
}
