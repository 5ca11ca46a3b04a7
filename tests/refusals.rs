//! What a refusal costs: a stream that is refused takes little time and memory before that, whatever it asks for.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

#[path = "vectors/maker.rs"]
#[expect(dead_code, reason = "the vectors use the rest of it")]
mod maker;
mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use maker::{Maker, PHRASE, checked, file_key, flipped, key_file};
use nix::sys::resource::{UsageWho, getrusage};
use reelseal::{
    container::{Header, HeaderLength, Record, Slot},
    keys::new_key_file_slot,
};
use support::{Folder, text};

const PROCESSOR_TIME: Duration = Duration::from_millis(100);
const MEMORY: i64 = 16 << 20;

/// The processor time of all children so far, and the most memory that one of them took, in bytes.
fn spent_by_children() -> (Duration, i64) {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let microseconds =
        [usage.user_time(), usage.system_time()].into_iter().map(|time| time.tv_sec() * 1_000_000 + time.tv_usec());
    (Duration::from_micros(microseconds.sum::<i64>() as u64), usage.max_rss() << 10)
}

/// Runs `command` and checks what it used against the limits.
#[track_caller]
fn cheaply(name: &str, command: &mut Command) -> Output {
    let (before, _) = spent_by_children();
    let output = command.output().unwrap();
    let (after, memory) = spent_by_children();
    let time = after - before;
    assert!(time <= PROCESSOR_TIME, "{name} took {time:?}");
    assert!(memory <= MEMORY, "{name} took {memory} bytes");
    output
}

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

/// A stream that seems to have a sound second copy at every length, each refuted only by its checksum.
fn a_second_copy_everywhere() -> Vec<u8> {
    let whole = Maker::plain().header();
    (0..2 * HeaderLength::MAX.bytes() / 64)
        .flat_map(|unit| {
            let mut bytes = [0; 64];
            bytes[..48].copy_from_slice(&whole[..48]);
            bytes[32..34].copy_from_slice(&u16::try_from(unit).unwrap().to_le_bytes());
            // The first copy is damaged, so that the others matter.
            bytes[0] ^= u8::from(unit == 0);
            bytes
        })
        .collect()
}

/// The longest header, full of slots that all unwrap, with a MAC that fails.
fn slots_that_unwrap_in_vain() -> Vec<u8> {
    let slot = Slot::KeyFile(new_key_file_slot(&file_key(), &key_file(), [3; 32]));
    let record = Record::from(&slot);
    let count = (HeaderLength::MAX.bytes() - 96) / 76;
    let prefix = Maker::plain().prefix;
    let header = Header { prefix, length: HeaderLength::MAX, generation: 1, records: vec![record; count] };
    checked(flipped(header.encode(|_| [0; 32]).unwrap(), &[40])).repeat(2)
}

// A single test, since the counters are for the whole process.
#[test]
fn every_refusal_takes_at_most_100_ms_of_processor_time_and_16_mib() {
    let folder = Folder::new();
    let with_secret = |secret: &str, arguments: &[&str]| {
        let mut command = folder.reelseal(&[["decrypt"].as_slice(), arguments].concat());
        match secret {
            "key" => command.arg("--key-file").arg(vectors().join("key")),
            _ => command.env("REELSEAL_PASSPHRASE", PHRASE),
        };
        command
    };
    let mut refused = 0;
    for line in fs::read_to_string(vectors().join("INDEX")).unwrap().lines() {
        let [name, secret, outcome, _] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        if outcome.starts_with("whole") {
            continue;
        }
        let vector = vectors().join(name).with_extension("reel");
        let from_file = with_secret(secret, &[vector.to_str().unwrap(), "-o", "-"]);
        let mut from_pipe = with_secret(secret, &[]);
        from_pipe.stdin(fs::File::open(&vector).unwrap());
        for mut command in [from_file, from_pipe] {
            let output = cheaply(name, &mut command);
            assert!(!output.status.success(), "{name}");
        }
        refused += 1;
    }
    assert!(refused > 80, "{refused}");

    for (name, stream, fact) in [
        ("copies", a_second_copy_everywhere(), "not a reelseal stream"),
        ("slots", slots_that_unwrap_in_vain(), "the header was altered"),
        ("noise", vec![0x55; 1 << 20], "not a reelseal stream"),
    ] {
        let path = folder.write(name, &stream);
        let output = cheaply(name, &mut with_secret("key", &[path.to_str().unwrap(), "-o", "-"]));
        support::assert_refused(&output, 4, fact);
    }

    let most = vectors().join("cost-most-memory.reel");
    let lifted = &mut with_secret("passphrase", &[most.to_str().unwrap(), "-o", "-", "--max-kdf-memory", "16T"]);
    let reported = text(&cheaply("memory that no machine has", lifted).stderr);
    assert!(reported.contains("which the system cannot provide"), "{reported}");
}
