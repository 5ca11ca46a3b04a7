//! Secrets do not stay in memory longer than they are needed, and do not show.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    fs::{self, File},
    io::{Read, Write},
    os::unix::fs::FileExt,
    process::{Child, Stdio},
};

use reelseal::keys::{Key, KeyFile, Passphrase};
use support::{CHEAP, Folder, plaintext};

const PASSPHRASE: &str = "thirteen zebras drink lukewarm lemonade";

/// Whether `needle` stands anywhere in the process's writable memory.
fn memory_holds(child: &Child, needle: &[u8]) -> bool {
    let process = format!("/proc/{}", child.id());
    let (maps, memory) =
        (fs::read_to_string(format!("{process}/maps")).unwrap(), File::open(format!("{process}/mem")).unwrap());
    maps.lines().filter(|line| line.contains(" rw")).any(|line| {
        let (start, end) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
        let (start, end) = (u64::from_str_radix(start, 16).unwrap(), u64::from_str_radix(end, 16).unwrap());
        let mut image = vec![0; (end - start) as usize];
        memory.read_exact_at(&mut image, start).is_ok() && image.windows(needle.len()).any(|window| window == needle)
    })
}

#[test]
#[ignore = "needs root, or leave to read another process's memory"]
fn the_passphrase_is_gone_from_memory_once_frames_move() {
    let folder = Folder::new();
    folder.write("secret", PASSPHRASE.as_bytes());
    let encrypt = &mut folder.reelseal(&["encrypt", "--passphrase-file", "secret"]);
    let mut child = encrypt.args(CHEAP).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let marker = plaintext(100_000);
    let mut input = child.stdin.take().unwrap();
    input.write_all(&marker).unwrap();
    let mut first_frame = vec![0; 8192 + 65_600];
    child.stdout.as_mut().unwrap().read_exact(&mut first_frame).unwrap();
    // That the search finds what is there: the end of the input waits in a frame.
    assert!(memory_holds(&child, &marker[70_000..70_100]));
    assert!(!memory_holds(&child, PASSPHRASE.as_bytes()));
    // Nor does half of it stay.
    assert!(!memory_holds(&child, &PASSPHRASE.as_bytes()[..20]));
    drop(input);
    child.wait().unwrap();
}

#[test]
fn there_is_no_core_dump_to_hold_a_secret() {
    let folder = Folder::new();
    let mut child = folder
        .reelseal(&["encrypt", "--key-file", "key"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    let limits = fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "{core}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    let key = Key::from_bytes([0x5a; 32]);
    assert_eq!(format!("{key:?}"), "Key(..)");
    assert_eq!(format!("{:?}", KeyFile::from_key(key)), "KeyFile(Key(..))");
    assert_eq!(format!("{:?}", Passphrase::new(PASSPHRASE).unwrap()), "Passphrase(..)");
}
