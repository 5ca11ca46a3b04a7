//! Secrets do not stay in memory longer than they are needed, and are not shown.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    ffi::OsStr,
    fs::{self, File, Permissions},
    io::{Read, Write},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt, process::ExitStatusExt},
    process::{Child, ChildStdin, Command, Stdio},
};

use reelseal::{
    container::{Features, ParsedHeader, Search, Slot, search_header},
    keys::{Credential, Key, KeyFile, Passphrase, ScryptCost, StageKeys, Unlocked, unlock},
};
use rexpect::session::{PtySession, spawn_command};
use support::{CHEAP, Folder, memory_holds, plaintext};

const PASSPHRASE: &str = "thirteen zebras drink lukewarm lemonade";

/// The header of `stream`.
fn header(stream: &[u8]) -> ParsedHeader {
    let Ok(Search::Found(found)) = search_header(stream, false) else { panic!("no header") };
    found.copy.parse(Features::TIMED).unwrap()
}

/// The secrets that must not stay in memory, by name, and the keys that a run needs until its end.
type Secrets = (Vec<(&'static str, Vec<u8>)>, StageKeys);

/// The secrets of a stream that `passphrase` opens.
fn secrets_of_passphrase(stream: &[u8], passphrase: &str) -> Secrets {
    let parsed = header(stream);
    let Some(Slot::Passphrase(slot)) = parsed.header().records[0].slot().unwrap() else { panic!("no passphrase slot") };
    let secret = Passphrase::new(passphrase).unwrap();
    let key_encryption_key = ScryptCost::of(&slot).unwrap().derive(&secret, &slot.salt).unwrap();
    let mut credential = Credential::from(secret);
    let Unlocked { file_key, keys: stage_keys, .. } = unlock(&parsed, &mut credential).unwrap();
    let secrets = vec![
        ("the passphrase", passphrase.as_bytes().to_vec()),
        ("what scrypt gave", key_encryption_key.bytes().to_vec()),
        ("the file key", file_key.bytes().to_vec()),
    ];
    (secrets, stage_keys)
}

/// The secrets of a stream that the key file with this `text` opens.
fn secrets_of_key_file(stream: &[u8], text: &[u8]) -> Secrets {
    let parsed = header(stream);
    let Some(Slot::KeyFile(slot)) = parsed.header().records[0].slot().unwrap() else { panic!("no key-file slot") };
    let digits = text[KEY_FILE_LABEL..KEY_FILE_LABEL + 64].to_vec();
    let mut key = vec![0; 32];
    base16ct::lower::decode(&digits, &mut key).unwrap();
    let material = [key.as_slice(), &slot.salt].concat();
    let key_encryption_key = blake3::derive_key("reelseal v1 key-file slot", &material);
    let key_file = KeyFile::parse(text).unwrap();
    let mut credential = Credential::from(key_file.clone());
    let Unlocked { file_key, keys: stage_keys, .. } = unlock(&parsed, &mut credential).unwrap();
    let secrets = vec![
        ("the key file's text", digits),
        ("the key file's key", key),
        ("the key-encryption key", key_encryption_key.to_vec()),
        ("the file key", file_key.bytes().to_vec()),
    ];
    (secrets, stage_keys)
}

#[track_caller]
fn assert_forgotten(process: u32, (secrets, stage_keys): &Secrets) {
    // The search does find secrets: this one is needed as long as there are frames.
    assert!(memory_holds(process, stage_keys.frame_authentication.bytes()));
    for (name, secret) in secrets {
        // An allocator overwrites the front of freed memory with its own data; the end must have been wiped.
        for piece in [&secret[..PIECE], &secret[secret.len() - PIECE..]] {
            assert!(!memory_holds(process, piece), "{name} stays in memory");
        }
    }
}

const PIECE: usize = 16;
/// Bytes of a key file before its first digit.
const KEY_FILE_LABEL: usize = 16;
const HEADER: usize = 8192;
const FRAME: usize = 65_600;

/// Starts the command and gives it `input`, the beginning of its input; returns the first `length` bytes of its output,
/// while the command is in the middle of its work.
fn in_the_middle(command: &mut Command, input: &[u8], length: usize) -> (Child, ChildStdin, Vec<u8>) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut to_child = child.stdin.take().unwrap();
    to_child.write_all(input).unwrap();
    let mut output = vec![0; length];
    child.stdout.as_mut().unwrap().read_exact(&mut output).unwrap();
    (child, to_child, output)
}

#[test]
#[ignore = "needs root, or leave to read another process's memory"]
fn the_passphrase_and_what_is_derived_from_it_are_wiped_once_frames_move() {
    let folder = Folder::new();
    folder.write("secret", PASSPHRASE.as_bytes());
    let with_passphrase = |arguments: &[&str]| {
        let mut command = folder.reelseal(arguments);
        command.args(["--passphrase-file", "secret"]);
        command
    };
    let marker = plaintext(100_000);
    let mut encrypt = with_passphrase(&[["encrypt"].as_slice(), &CHEAP].concat());
    let (mut child, to_child, stream) = in_the_middle(&mut encrypt, &marker, HEADER + FRAME);
    assert_forgotten(child.id(), &secrets_of_passphrase(&stream, PASSPHRASE));
    drop(to_child);
    child.wait().unwrap();

    let (mut child, to_child, opened) = in_the_middle(&mut with_passphrase(&["decrypt"]), &stream, 1 << 16);
    assert!(marker.starts_with(&opened));
    assert_forgotten(child.id(), &secrets_of_passphrase(&stream, PASSPHRASE));
    drop(to_child);
    child.wait().unwrap();
}

/// Encrypts from one pipe to another with a passphrase from the prompt, which `answer` gives and returns; while frames
/// move, the memory is then searched for it and for what is derived from it.
fn assert_forgotten_after_the_prompt(answer: impl FnOnce(&mut PtySession) -> String) {
    let folder = Folder::new();
    for name in ["in", "out"] {
        assert!(Command::new("mkfifo").arg(folder.path(name)).status().unwrap().success());
    }
    let mut shell = Command::new("sh");
    let script = "echo $$; exec \"$0\" encrypt in -o out \"$@\"";
    shell.args(["-c", script, support::reelseal()]).args(CHEAP).current_dir(folder.path(""));
    shell.env_remove("REELSEAL_PASSPHRASE").env("TERM", "xterm");
    let mut session = spawn_command(shell, Some(60_000)).unwrap();
    let process = session.read_line().unwrap().trim().parse().unwrap();
    let mut input = File::options().write(true).open(folder.path("in")).unwrap();
    let passphrase = answer(&mut session);
    let mut output = File::open(folder.path("out")).unwrap();
    input.write_all(&plaintext(100_000)).unwrap();
    let mut stream = vec![0; HEADER + FRAME];
    output.read_exact(&mut stream).unwrap();
    assert_forgotten(process, &secrets_of_passphrase(&stream, &passphrase));
}

const QUESTION: &str = "Passphrase to encrypt in (press Enter to generate one): ";

fn type_at_both_prompts(session: &mut PtySession, passphrase: &str, second_question: &str) -> String {
    for question in [QUESTION, second_question] {
        session.exp_string(question).unwrap();
        session.send_line(passphrase).unwrap();
    }
    passphrase.to_owned()
}

#[test]
#[ignore = "needs root, or leave to read another process's memory"]
fn a_typed_passphrase_is_wiped_too() {
    assert_forgotten_after_the_prompt(|session| {
        type_at_both_prompts(session, PASSPHRASE, "Passphrase to encrypt in, again: ")
    });
}

#[test]
#[ignore = "needs root, or leave to read another process's memory"]
fn a_weak_passphrase_is_wiped_although_its_strength_was_checked() {
    let (typed, warned) =
        ("Superman1987Superman1987", "Passphrase to encrypt in, again (press Enter to generate one): ");
    assert_forgotten_after_the_prompt(|session| type_at_both_prompts(session, typed, warned));
}

#[test]
#[ignore = "needs root, or leave to read another process's memory"]
fn a_generated_passphrase_is_wiped_too() {
    assert_forgotten_after_the_prompt(|session| {
        session.exp_string(QUESTION).unwrap();
        session.send_line("").unwrap();
        let screen = session.exp_string("Write it down").unwrap();
        screen.lines().map(str::trim).find(|line| line.split('-').count() == 8).unwrap().to_owned()
    });
}

#[test]
#[ignore = "needs root, or leave to read another process's memory"]
fn the_key_file_and_what_is_derived_from_it_are_wiped_once_frames_move() {
    let folder = Folder::new();
    let text = folder.read("key");
    let marker = plaintext(100_000);
    let mut encrypt = folder.reelseal(&["encrypt", "--key-file", "key"]);
    let (mut child, to_child, stream) = in_the_middle(&mut encrypt, &marker, HEADER + FRAME);
    assert_forgotten(child.id(), &secrets_of_key_file(&stream, &text));
    drop(to_child);
    child.wait().unwrap();

    let mut decrypt = folder.reelseal(&["decrypt", "--key-file", "key"]);
    let (mut child, to_child, opened) = in_the_middle(&mut decrypt, &stream, 1 << 16);
    assert!(marker.starts_with(&opened));
    assert_forgotten(child.id(), &secrets_of_key_file(&stream, &text));
    drop(to_child);
    child.wait().unwrap();
}

#[test]
#[ignore = "needs root, strace"]
fn another_process_of_the_same_user_reads_neither_memory_nor_environment_and_does_not_attach() {
    let folder = Folder::new();
    for name in ["", "key"] {
        fs::set_permissions(folder.path(name), Permissions::from_mode(0o755)).unwrap();
    }
    // A copy that everyone may run and read: the system hides a program that may not be read in any case.
    let program = folder.path("reelseal");
    fs::copy(support::reelseal(), &program).unwrap();
    let as_nobody = |program: &str, arguments: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--", program]).args(arguments);
        command.current_dir(folder.path(""));
        command
    };
    let attached = |child: &Child| {
        let process = format!("/proc/{}", child.id());
        let environment = as_nobody("head", &["-c", "1", &format!("{process}/environ")]).output().unwrap();
        let maps = as_nobody("head", &["-c", "1", &format!("{process}/maps")]).output().unwrap();
        [environment.status.success(), maps.status.success()]
    };
    // The same user can do so with a process that is not hardened.
    let (mut child, to_child, _) = in_the_middle(&mut as_nobody("cat", &[]), b"a", 1);
    assert_eq!(attached(&child), [true, true]);
    drop(to_child);
    child.wait().unwrap();

    let mut encrypt = as_nobody("./reelseal", &["encrypt", "--key-file", "key"]);
    let (mut child, to_child, _) = in_the_middle(&mut encrypt, &[], HEADER);
    assert_eq!(attached(&child), [false, false]);
    let strace = as_nobody("strace", &["-o", "/dev/null", "-p", &child.id().to_string()]).output().unwrap();
    assert!(support::text(&strace.stderr).contains("Operation not permitted"), "{strace:?}");
    drop(to_child);
    child.wait().unwrap();
}

#[test]
fn a_problem_with_a_secret_is_reported_without_showing_it() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    let wrong = |secret: &[u8], way: &str| {
        folder.write("secret", secret);
        let stream = if way == "key" { "keyed.reel" } else { "film.reel" };
        let mut command = folder.reelseal(&["decrypt", stream, "-o", "-"]);
        match way {
            "environment" => command.env("REELSEAL_PASSPHRASE", OsStr::from_bytes(secret)),
            "key" => command.args(["--key-file", "secret"]),
            "descriptor" => command.args(["--passphrase-fd", "0"]).stdin(File::open(folder.path("secret")).unwrap()),
            _ => command.args(["--passphrase-file", "secret"]),
        };
        command.output().unwrap()
    };
    let sealed =
        folder.reelseal(&[["encrypt", "film"].as_slice(), &CHEAP].concat()).env("REELSEAL_PASSPHRASE", "x").output();
    assert!(sealed.unwrap().status.success());
    assert!(folder.run(&["encrypt", "film", "-o", "keyed.reel"]).status.success());
    let long = PASSPHRASE.repeat(100);
    let foreign = [PASSPHRASE.as_bytes(), b"\xff"].concat();
    let mut damaged = folder.read("key");
    let digit = &mut damaged[KEY_FILE_LABEL];
    *digit = if *digit == b'0' { b'1' } else { b'0' };
    for (secret, way, fact) in [
        (PASSPHRASE.as_bytes(), "environment", "wrong passphrase"),
        (PASSPHRASE.as_bytes(), "file", "wrong passphrase"),
        (PASSPHRASE.as_bytes(), "descriptor", "wrong passphrase"),
        (long.as_bytes(), "environment", "longer than 1024 bytes"),
        (long.as_bytes(), "file", "longer than 1024 bytes"),
        (&foreign, "environment", "not UTF-8"),
        (&foreign, "descriptor", "not UTF-8"),
        (PASSPHRASE.as_bytes(), "key", "not a reelseal key file"),
        (&damaged, "key", "the key file is damaged"),
    ] {
        let output = wrong(secret, way);
        let reported = support::text(&output.stderr);
        assert!(!output.status.success() && reported.contains(fact), "{reported}");
        assert!(!reported.contains(&*String::from_utf8_lossy(&secret[16..36])), "{reported}");
        assert_eq!(output.stdout, b"");
    }
}

#[test]
fn there_is_no_core_dump_to_hold_a_secret_and_a_command_may_have_its_own() {
    let folder = Folder::new();
    let script = "ulimit -c \"$(ulimit -H -c)\"; exec \"$reelseal\" encrypt --key-file key";
    let mut child = command_with(&folder, script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 8192]).unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id() as i32), nix::sys::signal::Signal::SIGABRT).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(6));
    assert!(!status.core_dumped());

    let limits = "[ \"$(ulimit -c)\" = \"$(ulimit -H -c)\" ] && ulimit -c";
    let script = format!(
        "ulimit -c \"$(ulimit -H -c)\"; exec \"$reelseal\" encrypt --key-file key -o limit -- sh -c '{limits}'"
    );
    let status = command_with(&folder, &script).status().unwrap();
    assert!(status.success());
}

/// A shell script; `$reelseal` is the command.
fn command_with(folder: &Folder, script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]).current_dir(folder.path("")).env("reelseal", support::reelseal());
    command
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    let key = Key::from_bytes([0x5a; 32]);
    assert_eq!(format!("{key:?}"), "Key(..)");
    assert_eq!(format!("{:?}", KeyFile::from_key(key)), "KeyFile(Key(..))");
    assert_eq!(format!("{:?}", Passphrase::new(PASSPHRASE).unwrap()), "Passphrase(..)");
}
