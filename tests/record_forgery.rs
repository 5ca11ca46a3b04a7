//! Recordings that are locked with a public key, and an attacker who has that key and the folder but no secret: nothing
//! that the attacker puts into the folder passes for the recorder's.

#![cfg(feature = "age")]
#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    fs::{self, File},
    io::Write,
};

use age::NoCallbacks;
use reelseal::{
    container::{Header, IV_LENGTH, Predecessor, Record, SegmentRecord},
    keys::{Key, Lock, Recipient, StageKeys},
    stream::{Clock, ReaderInput, StreamHeader, Writer},
};
use support::{Folder, assert_done, assert_refused, plaintext, recorder::segments, text};

const SECRET: [&str; 2] = ["-i", "id"];
const FORGED: &[u8] = b"forged by somebody who has the public key";

/// A recording in three segments, and the recipient that it is locked with.
fn recording(length: usize) -> (Folder, String) {
    let folder = Folder::new();
    let made = folder.reelseal(&["keygen", "--age", "-o", "id"]).output().unwrap();
    assert_done(&made);
    let recipient = text(&made.stdout).trim().to_owned();
    let film = folder.write("film", &plaintext(length));
    let record = ["record", "--output-dir", "cam", "--segment-size", "42K", "--name", "film", "-r", &recipient];
    assert_done(&folder.reelseal(&record).stdin(File::open(film).unwrap()).output().unwrap());
    (folder, recipient)
}

fn header_of(stream: &[u8]) -> Header {
    StreamHeader::read(ReaderInput(stream), Vec::new()).unwrap().into_header().0
}

/// A stream with the prefix and the header length of `header`, this record, and a file key of the forger's own.
fn forged(header: &Header, record: &SegmentRecord, recipient: &str, file_key: &Key) -> Vec<u8> {
    let lock = Lock::with_recipient(&Recipient::parse(recipient, NoCallbacks).unwrap());
    let mut records: Vec<_> = lock.new_slots(file_key).unwrap().iter().map(Record::from).collect();
    records.push(record.into());
    let header = Header { records, ..header.clone() };
    let keys = StageKeys::derive(file_key, &header.prefix);
    let mut writer = Writer::new(Vec::new(), &header, &keys, Vec::new(), Clock::system()).unwrap();
    writer.write_all(FORGED).unwrap();
    writer.finish().unwrap()
}

#[test]
fn copying_the_prefix_record_and_link_of_a_segment_does_not_make_one() {
    let (folder, recipient) = recording(40_000);
    let names = segments(&folder);
    assert_eq!(names.len(), 3, "{names:?}");
    let genuine = |place: usize| fs::read(folder.path("cam").join(&names[place])).unwrap();
    let (first, second) = (genuine(0), genuine(1));
    let header = header_of(&second);
    let record = header.segment().unwrap();
    let key = Key::from_bytes([66; 32]);
    let copied = forged(&header, &record, &recipient, &key);
    assert_eq!(copied[..32], second[..32]);

    // Another forged segment follows it, with keys that are all the forger's.
    let mut next_header = header.clone();
    next_header.prefix.iv = [7; IV_LENGTH];
    let next_key = Key::from_bytes([67; 32]);
    let mac = *copied.last_chunk().unwrap();
    let predecessor = Predecessor { frames: 2, mac, is_final: true };
    let (number, offset) = (record.number + 1, record.offset + FORGED.len() as u64);
    let mut next_record = SegmentRecord { number, offset, predecessor, ..record };
    let link = |header: &Header, key: &Key| StageKeys::derive(key, &header.prefix).link;
    let (before, own) = (link(&header, &key), link(&next_header, &next_key));
    next_record.link = *before.link(&next_record, &next_header.prefix, &own).as_bytes();
    let next = forged(&next_header, &next_record, &recipient, &next_key);

    fs::create_dir(folder.path("forged")).unwrap();
    for (name, stream) in [("1.reel", first.as_slice()), ("2.reel", &copied), ("3.reel", &next)] {
        folder.write(&format!("forged/{name}"), stream);
    }
    let run = |arguments: &[&str]| folder.reelseal(&[arguments, &SECRET].concat()).output().unwrap();
    // It opens, and each of its frames is authentic: anybody can make a stream for a recipient.
    assert!(run(&["decrypt", "forged/2.reel", "-o", "-"]).stdout == FORGED);
    let verified = run(&["verify", "forged"]);
    assert_eq!(verified.status.code(), Some(4), "{verified:?}");
    let reported = text(&verified.stderr);
    assert!(reported.contains("forged/2.reel: was not made by the recorder of forged/1.reel"), "{reported}");
    assert!(reported.contains("is not whole: 3 segments of it found"), "{reported}");
    assert!(!reported.contains("3.reel: was not made"), "{reported}");
    for arguments in [&["decrypt", "forged", "-o", "-"][..], &["decrypt", "forged", "-o", "-", "--allow-gaps"]] {
        let refused = run(arguments);
        assert_refused(&refused, 4, "forged/2.reel: was not made by the recorder of forged/1.reel");
        assert_eq!(refused.stdout, b"", "{arguments:?}");
    }
    // A follower delivers what came before it, and goes no further.
    let followed = run(&["decrypt", "--follow", "forged", "-o", "-", "--allow-gaps"]);
    assert_refused(&followed, 4, "forged/2.reel: was not made by the recorder of forged/1.reel");
    assert!(followed.stdout == plaintext(record.offset as usize));
}

#[test]
fn after_a_gap_a_warning_says_that_whoever_has_the_public_key_may_have_made_the_rest() {
    let (folder, recipient) = recording(40_000);
    let names = segments(&folder);
    let first = fs::read(folder.path("cam").join(&names[0])).unwrap();
    let mut header = header_of(&first);
    let record = header.segment().unwrap();
    header.prefix.iv = [7; IV_LENGTH];
    let predecessor = Predecessor { frames: 2, mac: [1; 32], is_final: true };
    let after_a_gap = SegmentRecord { number: 9, offset: 1 << 20, predecessor, link: [5; 32], ..record };
    let of_another = SegmentRecord { recording: [8; 16], ..record };
    fs::create_dir(folder.path("forged")).unwrap();
    for (forged_record, fact) in [
        (after_a_gap, "2.reel: does not follow forged/1.reel: segments 2 to 8 are missing"),
        (of_another, "2.reel: belongs to a different recording from forged/1.reel"),
    ] {
        folder.write("forged/1.reel", &first);
        folder.write("forged/2.reel", &forged(&header, &forged_record, &recipient, &Key::from_bytes([66; 32])));
        let run = |arguments: &[&str]| folder.reelseal(&[arguments, &SECRET].concat()).output().unwrap();
        let inputs = ["decrypt", "forged/1.reel", "forged/2.reel", "-o", "-"];
        let refused = run(&inputs);
        assert_refused(&refused, 2, fact);
        assert_eq!(refused.stdout, b"");
        let allowed = run(&[&inputs[..], &["--allow-gaps"]].concat());
        assert_done(&allowed);
        assert!(allowed.stdout == [&plaintext(16_384), FORGED].concat());
        let warned = format!("{fact}; nothing links it to that one, and whoever knows the public key may have made it");
        let reported = text(&allowed.stderr);
        assert!(reported.contains(&warned), "{reported}");
    }
}
