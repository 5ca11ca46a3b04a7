//! Secrets do not stay in memory longer than they are needed, and do not show.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    fs::{self, File},
    io::{Read, Write},
    os::{fd::AsFd, unix::fs::FileExt},
    process::{Command, Stdio},
    thread,
};

use reelseal::keys::{Key, KeyFile, Passphrase};
use rexpect::session::{PtySession, spawn_command};
use rustix::io::ioctl_fionread;
use support::{CHEAP, Folder, plaintext, text};

const PASSPHRASE: &str = "thirteen zebras drink lukewarm lemonade";

/// The process's writable memory, piece by piece.
fn memory_of(process: u32) -> Vec<Vec<u8>> {
    let process = format!("/proc/{process}");
    let (maps, memory) =
        (fs::read_to_string(format!("{process}/maps")).unwrap(), File::open(format!("{process}/mem")).unwrap());
    let pieces = maps.lines().filter(|line| line.contains(" rw")).filter_map(|line| {
        let (start, end) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
        let (start, end) = (u64::from_str_radix(start, 16).unwrap(), u64::from_str_radix(end, 16).unwrap());
        let mut image = vec![0; (end - start) as usize];
        memory.read_exact_at(&mut image, start).ok().map(|()| image)
    });
    pieces.collect()
}

fn holds(memory: &[Vec<u8>], needle: &[u8]) -> bool {
    memory.iter().any(|piece| piece.windows(needle.len()).any(|window| window == needle))
}

/// That no ten bytes of `secret` that follow on each other stand anywhere, as typed or in lower case.
#[track_caller]
fn assert_gone(memory: &[Vec<u8>], secret: &str) {
    let left = |secret: &str| {
        let parts: Vec<_> = secret.as_bytes().windows(10).filter(|part| holds(memory, part)).collect();
        parts.iter().map(|part| String::from_utf8_lossy(part).into_owned()).collect::<Vec<_>>()
    };
    assert_eq!(left(secret), Vec::<String>::new());
    assert_eq!(left(&secret.to_lowercase()), Vec::<String>::new());
}

/// Until the other end of `pipe` has read all that was written.
fn wait_until_read(pipe: impl AsFd) {
    while ioctl_fionread(&pipe).unwrap() > 0 {
        thread::yield_now();
    }
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
    wait_until_read(&input);
    // That the search finds what is there: the end of the input waits in a frame.
    let memory = memory_of(child.id());
    assert!(holds(&memory, &marker[70_000..70_100]));
    assert_gone(&memory, PASSPHRASE);
    drop(input);
    child.wait().unwrap();
}

/// Encrypts from one pipe to another with a passphrase from the prompt, which `answer` gives; what it returns is then
/// looked for while frames move.
fn assert_gone_after_the_prompt(answer: impl FnOnce(&mut PtySession) -> String) {
    let folder = Folder::new();
    let made = Command::new("mkfifo").args(["input", "output"]).current_dir(folder.path("")).status().unwrap();
    assert!(made.success());
    let script = "echo $$ >process; exec \"$reelseal\" encrypt --scrypt-log-n 14 <input >output";
    let mut command = Command::new("sh");
    command.args(["-c", script]).current_dir(folder.path("")).env_remove("REELSEAL_PASSPHRASE");
    command.env("reelseal", env!("CARGO_BIN_EXE_reelseal"));
    let mut session = spawn_command(command, Some(60_000)).unwrap();
    let mut input = File::options().write(true).open(folder.path("input")).unwrap();
    let mut output = File::open(folder.path("output")).unwrap();
    let secret = answer(&mut session);
    let marker = plaintext(100_000);
    input.write_all(&marker).unwrap();
    output.read_exact(&mut vec![0; 8192 + 65_600]).unwrap();
    wait_until_read(&input);
    let memory = memory_of(text(&folder.read("process")).trim().parse().unwrap());
    assert!(holds(&memory, &marker[70_000..70_100]));
    assert_gone(&memory, &secret);
    drop(input);
    output.read_to_end(&mut Vec::new()).unwrap();
    session.exp_eof().unwrap();
}

fn type_at_both_prompts(session: &mut PtySession, passphrase: &str, second_question: &str) -> String {
    session.exp_string("Passphrase (empty: make one up): ").unwrap();
    session.send_line(passphrase).unwrap();
    session.exp_string(second_question).unwrap();
    session.send_line(passphrase).unwrap();
    passphrase.to_owned()
}

#[test]
#[ignore = "needs root, or leave to read another process's memory"]
fn a_typed_passphrase_is_gone_from_memory_once_frames_move() {
    let typed = "Thirteen Zebras Drink Lukewarm Lemonade";
    assert_gone_after_the_prompt(|session| type_at_both_prompts(session, typed, "Passphrase again: "));
}

#[test]
#[ignore = "needs root, or leave to read another process's memory"]
fn a_weak_passphrase_is_gone_from_memory_although_its_strength_was_looked_into() {
    let (typed, warned) = ("Superman1987Superman1987", "Passphrase again (empty: make one up): ");
    assert_gone_after_the_prompt(|session| type_at_both_prompts(session, typed, warned));
}

#[test]
#[ignore = "needs root, or leave to read another process's memory"]
fn a_passphrase_that_was_made_up_is_gone_from_memory_once_frames_move() {
    assert_gone_after_the_prompt(|session| {
        session.exp_string("Passphrase (empty: make one up): ").unwrap();
        session.send_line("").unwrap();
        let screen = session.exp_string("Write it down").unwrap();
        screen.lines().map(str::trim).find(|line| line.split('-').count() == 8).unwrap().to_owned()
    });
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
