//! The command on a terminal, driven through a pseudo-terminal.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    fs::{self, File, Permissions},
    io::Write,
    num::NonZero,
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
};

use nix::sys::{signal::Signal, wait::WaitStatus};
use rexpect::session::{PtySession, spawn_command};
use rustix::termios::{LocalModes, tcgetattr};
use support::{CHEAP, Folder, assert_done, assert_refused, plaintext};

const NEW_PASSPHRASE: &str = "Passphrase to encrypt film (press Enter to generate one): ";
const OPEN_FILM: &str = "Passphrase for film.reel: ";
const AGAIN: &str = "Passphrase to encrypt film, again: ";
const NO_PASSPHRASE: &str = "reelseal: no passphrase, and no terminal to ask for one\n\
                             reelseal: hint: give one with --passphrase-file FILE, with --passphrase-fd N, or in the \
                             environment variable REELSEAL_PASSPHRASE";
// The time until a wait for something that never comes is given up; nothing is measured by it.
const GUARD_MILLISECONDS: Option<u64> = Some(60_000);

/// The command on a terminal that echoes, as terminals do.
fn on_terminal(folder: &Folder, arguments: &[&str]) -> PtySession {
    spawn(folder, "stty echo; exec \"$reelseal\" \"$@\"", arguments)
}

/// A shell script on the terminal; `$reelseal` is the command.
fn shell(folder: &Folder, script: &str) -> PtySession {
    spawn(folder, script, &[])
}

fn spawn(folder: &Folder, script: &str, arguments: &[&str]) -> PtySession {
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]).args(arguments).current_dir(folder.path(""));
    command.env_remove("REELSEAL_PASSPHRASE").env_remove("REELSEAL_NEW_PASSPHRASE");
    command.env("reelseal", support::reelseal()).env("TERM", "xterm");
    spawn_command(command, GUARD_MILLISECONDS).unwrap()
}

/// Asserts that the terminal is in its initial state: it echoes, edits lines and turns keys into signals.
#[track_caller]
fn assert_terminal_restored(session: &PtySession) {
    let terminal = session.process().get_file_handle().unwrap();
    let modes = tcgetattr(&terminal).unwrap().local_modes;
    assert!(modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG), "{modes:?}");
}

fn exit_code(session: &mut PtySession) -> i32 {
    session.exp_eof().unwrap();
    match session.process().wait().unwrap() {
        WaitStatus::Exited(_, code) => code,
        other => panic!("{other:?}"),
    }
}

/// The characters of a session as the bytes that they stand for.
fn bytes(shown: &str) -> Vec<u8> {
    shown.chars().map(|byte| byte as u8).collect()
}

/// An empty screen of this width.
fn screen(columns: u16) -> vt100::Parser {
    vt100::Parser::new(NonZero::new(24).unwrap(), NonZero::new(columns).unwrap(), 0)
}

/// The lines that remain on a screen of 80 columns after what a session has shown.
fn left_on_screen(shown: &str) -> Vec<String> {
    let mut screen = screen(80);
    screen.process(&bytes(shown));
    screen.screen().contents().lines().map(str::to_owned).collect()
}

/// Asserts that `lines` are these, each given by its beginning and its end.
#[track_caller]
fn assert_lines(lines: &[String], expected: &[(&str, &str)]) {
    let is_as_expected =
        |(line, (start, end)): (&String, &(&str, &str))| line.starts_with(start) && line.ends_with(end);
    assert!(lines.len() == expected.len() && lines.iter().zip(expected).all(is_as_expected), "{lines:#?}");
}

/// Waits until `what` is shown, and adds everything up to it to `shown`.
fn wait_for(session: &mut PtySession, what: &str, shown: &mut String) {
    let (before, matched) = session.exp_regex(what).unwrap();
    shown.push_str(&before);
    shown.push_str(&matched);
}

fn make_fifo(folder: &Folder, name: &str) {
    assert!(Command::new("mkfifo").arg(folder.path(name)).status().unwrap().success());
}

/// Makes `film.reel`, and a pipe, `fifo`, through which it can come in these two parts: after the first, a bar is
/// shown.
fn stream_in_two_parts(folder: &Folder) -> [Vec<u8>; 2] {
    folder.write("film", &plaintext(4 << 20));
    assert_done(&folder.run(&["encrypt", "film"]));
    make_fifo(folder, "fifo");
    let mut first = folder.read("film.reel");
    let rest = first.split_off(2 << 20);
    [first, rest]
}

fn encrypt_film(folder: &Folder) {
    folder.write("film", b"frames");
    let mut session = on_terminal(folder, &[["encrypt", "film"].as_slice(), &CHEAP].concat());
    session.exp_string(NEW_PASSPHRASE).unwrap();
    session.send_line("open sesame").unwrap();
    session.exp_string(AGAIN).unwrap();
    session.send_line("open sesame").unwrap();
    let shown = session.exp_eof().unwrap();
    assert!(!shown.contains("sesame"), "{shown}");
    assert!(matches!(session.process().wait().unwrap(), WaitStatus::Exited(_, 0)));
    assert_terminal_restored(&session);
}

#[test]
fn encrypting_asks_twice_and_decrypting_once_and_a_line_says_what_was_written() {
    let folder = Folder::new();
    encrypt_film(&folder);
    let mut session = on_terminal(&folder, &["decrypt", "film.reel", "-o", "back"]);
    session.exp_string(OPEN_FILM).unwrap();
    session.send_line("open sesame").unwrap();
    let shown = session.exp_eof().unwrap();
    assert_lines(&left_on_screen(shown.trim_start()), &[("reelseal: film.reel -> back: 6 B in ", "/s")]);
    assert!(!shown.contains("again") && !shown.contains("sesame"), "{shown}");
    assert_terminal_restored(&session);
    assert_eq!(folder.read("back"), b"frames");
}

#[test]
fn verify_asks_once_for_many_files() {
    let folder = Folder::new();
    encrypt_film(&folder);
    folder.write("copy.reel", &folder.read("film.reel"));
    let mut session = on_terminal(&folder, &["verify", "film.reel", "copy.reel", "--progress", "never"]);
    session.exp_string("Passphrase for 2 files: ").unwrap();
    session.send_line("open sesame").unwrap();
    let shown = session.exp_eof().unwrap();
    assert!(shown.contains("film.reel: whole") && shown.contains("copy.reel: whole"), "{shown}");
    assert!(!shown.contains("Passphrase"), "{shown}");
    assert_terminal_restored(&session);
}

#[cfg(feature = "age")]
#[test]
fn the_passphrase_of_an_ssh_key_is_asked_for_once_for_many_files() {
    let folder = Folder::new();
    let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let list = data.join("ssh-key.pub");
    let key = folder.write("locked", &std::fs::read(data.join("ssh-key-locked")).unwrap());
    std::fs::set_permissions(key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    for name in ["one", "two"] {
        folder.write(name, name.as_bytes());
        let encrypted = folder.reelseal(&["encrypt", name, "-R", list.to_str().unwrap()]).output().unwrap();
        support::assert_done(&encrypted);
    }
    for (passphrase, code, shown) in [("passphrase", 0, "two.reel: whole"), ("other", 3, "locked: wrong passphrase")] {
        let mut session = on_terminal(&folder, &["verify", "one.reel", "two.reel", "-i", "locked"]);
        session.exp_string("Passphrase of locked: ").unwrap();
        session.send_line(passphrase).unwrap();
        session.exp_string(shown).unwrap();
        assert_eq!(exit_code(&mut session), code);
    }
}

/// A stream that opens with the ssh key whose passphrase is `passphrase`, and that key, called `locked`.
#[cfg(feature = "age")]
fn locked_with_ssh() -> Folder {
    let folder = Folder::new();
    let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let key = folder.write("locked", &fs::read(data.join("ssh-key-locked")).unwrap());
    fs::set_permissions(key, Permissions::from_mode(0o600)).unwrap();
    folder.write("film", b"film");
    let list = data.join("ssh-key.pub");
    assert_done(&folder.reelseal(&["encrypt", "film", "-R", list.to_str().unwrap()]).output().unwrap());
    folder
}

#[cfg(feature = "age")]
#[test]
fn why_an_identity_s_passphrase_was_not_given_is_reported() {
    let folder = locked_with_ssh();
    let mut session = on_terminal(&folder, &["verify", "film.reel", "-i", "locked"]);
    session.exp_string("Passphrase of locked: ").unwrap();
    session.send_control('d').unwrap();
    session.exp_string("the prompt: no passphrase was typed").unwrap();
    session.exp_string("hint: end a passphrase with Enter").unwrap();
    assert_eq!(exit_code(&mut session), 2);
    assert_terminal_restored(&session);
}

#[cfg(feature = "age")]
#[test]
fn an_answer_to_a_plugin_that_is_not_secret_is_shown_as_it_is_typed() {
    let folder = locked_with_ssh();
    // Asks for the name, and saves the answer, which comes in base64.
    let script = "#!/bin/sh\n\
                  while read -r line; do case \"$line\" in '-> done'*) read -r _; break;; esac; done\n\
                  printf -- '-> request-public\\nTmFtZQ\\n'; read -r _; read -r answer\n\
                  echo \"$answer\" > \"${0%/*}/answer\"\n\
                  printf -- '-> error internal\\nbm8\\n'; read -r _; read -r _\n\
                  printf -- '-> done\\n\\n'\n";
    let plugin = folder.write("age-plugin-reelsealtest", script.as_bytes());
    fs::set_permissions(plugin, Permissions::from_mode(0o755)).unwrap();
    let identity = folder.write("identity", b"AGE-PLUGIN-REELSEALTEST-1YHMQPD\n");
    fs::set_permissions(identity, Permissions::from_mode(0o600)).unwrap();
    let run = "stty echo; PATH=\"$PWD:$PATH\" exec \"$reelseal\" verify film.reel -i identity";
    let mut session = shell(&folder, run);
    session.exp_string("Name: ").unwrap();
    session.send_line("studio").unwrap();
    session.exp_string("studio").unwrap();
    session.exp_string("identity: its plugin failed: ").unwrap();
    assert_eq!(exit_code(&mut session), 1);
    assert_eq!(folder.read("answer"), b"c3R1ZGlv\n");
}

#[test]
fn inspect_asks_only_when_told_to() {
    let folder = Folder::new();
    encrypt_film(&folder);
    let mut session = on_terminal(&folder, &["inspect", "film.reel"]);
    let shown = session.exp_eof().unwrap();
    assert!(shown.contains("consistent with 6 bytes") && !shown.contains("Passphrase"), "{shown}");
    let mut session = on_terminal(&folder, &["inspect", "film.reel", "--ask"]);
    session.exp_string(OPEN_FILM).unwrap();
    session.send_line("open sesame").unwrap();
    let shown = session.exp_eof().unwrap();
    assert!(shown.contains("by its authentic final frame"), "{shown}");
    assert_terminal_restored(&session);
}

#[test]
fn borg_3087_a_stream_of_unknown_length_shows_bytes_and_rate_and_no_time_left() {
    let folder = Folder::new();
    make_fifo(&folder, "gate");
    let script = "{ printf frames; read go <gate; } | $reelseal encrypt --key-file key >sealed";
    let mut session = shell(&folder, script);
    let mut shown = String::new();
    wait_for(&mut session, "standard input .* B .* B/s", &mut shown);
    folder.write("gate", b"\n");
    shown.push_str(&session.exp_eof().unwrap());
    assert!(!shown.contains("left"), "{shown}");
    assert_lines(&left_on_screen(&shown), &[("reelseal: standard input -> standard output: 6 B in ", "/s")]);
}

#[test]
fn quiet_shows_no_bar() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    let mut session = on_terminal(&folder, &["encrypt", "film", "--key-file", "key", "--quiet"]);
    assert_eq!(session.exp_eof().unwrap(), "");
}

/// Answers both questions for a new passphrase for `film`.
fn answer(session: &mut PtySession, [first, second]: [&str; 2]) {
    session.exp_string(NEW_PASSPHRASE).unwrap();
    session.send_line(first).unwrap();
    session.exp_string("Passphrase to encrypt film, again").unwrap();
    session.send_line(second).unwrap();
}

const NOT_THE_SAME: &str = "reelseal: the two passphrases are not the same; try again\r\n";

#[test]
fn two_different_passphrases_are_refused_after_three_attempts() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    let mut session = on_terminal(&folder, &["encrypt", "film"]);
    for second in ["two", ""] {
        answer(&mut session, ["a horse in a bathtub", second]);
        session.exp_string(NOT_THE_SAME).unwrap();
    }
    answer(&mut session, ["a horse in a bathtub", "a horse in a bathtub "]);
    session
        .exp_string("reelseal: the prompt: the two passphrases are not the same\r\nreelseal: hint: try again\r\n")
        .unwrap();
    assert_eq!(exit_code(&mut session), 2);
    assert_terminal_restored(&session);
    assert_eq!(folder.names(), ["film"]);
}

#[test]
fn a_mistyped_second_passphrase_asks_again_and_neither_of_the_two_counts() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    let mut session = on_terminal(&folder, &[["encrypt", "film"].as_slice(), &CHEAP].concat());
    answer(&mut session, ["a horse in a bathtub", "a hrose in a bathtub"]);
    session.exp_string(NOT_THE_SAME).unwrap();
    answer(&mut session, ["an ostrich in a bathtub", "an ostrich in a bathtub"]);
    assert_eq!(exit_code(&mut session), 0);
    let opens = |passphrase| {
        let mut verify = folder.reelseal(&["verify", "film.reel"]);
        verify.env("REELSEAL_PASSPHRASE", passphrase).output().unwrap().status.code()
    };
    let passphrases = ["an ostrich in a bathtub", "a horse in a bathtub", "a hrose in a bathtub"];
    assert_eq!(passphrases.map(opens), [Some(0), Some(3), Some(3)]);
}

#[test]
fn each_prompt_of_two_commands_in_one_pipe_says_which_it_is() {
    let folder = Folder::new();
    encrypt_film(&folder);
    for (script, question) in [
        ("$reelseal decrypt film.reel -o - | cat", "Passphrase for film.reel: "),
        ("cat film.reel | $reelseal decrypt -o back", "Passphrase for standard input: "),
        ("cat film | $reelseal encrypt -o new", "Passphrase to encrypt standard input (press Enter to generate one): "),
        (
            "cat film | $reelseal encrypt - -o new",
            "Passphrase to encrypt standard input (press Enter to generate one): ",
        ),
        ("cat film.reel | $reelseal verify", "Passphrase for standard input: "),
        ("cat film.reel | $reelseal inspect --ask - | cat", "Passphrase for standard input: "),
        ("$reelseal passwd film.reel", "Passphrase for film.reel: "),
    ] {
        let mut session = shell(&folder, script);
        session.exp_string(question).unwrap();
        session.send_control('c').unwrap();
        session.exp_eof().unwrap();
    }
}

#[test]
fn the_prompt_goes_to_the_terminal_when_the_streams_go_elsewhere() {
    let folder = Folder::new();
    let script = "printf frames | $reelseal encrypt --scrypt-log-n 14 2>errors | cat >sealed";
    let mut session = shell(&folder, script);
    session.exp_string("Passphrase to encrypt standard input (press Enter to generate one): ").unwrap();
    session.send_line("open sesame").unwrap();
    session.exp_string("Passphrase to encrypt standard input, again: ").unwrap();
    session.send_line("open sesame").unwrap();
    session.exp_eof().unwrap();
    assert_eq!(folder.read("errors"), b"");
    let opened = folder.reelseal(&["decrypt", "sealed", "-o", "-"]).env("REELSEAL_PASSPHRASE", "open sesame").output();
    assert_eq!(opened.unwrap().stdout, b"frames");
}

#[test]
fn without_a_terminal_and_a_source_the_three_ways_are_named() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    let mut command = Command::new("setsid");
    command.args(["--wait", support::reelseal(), "encrypt", "film"]).current_dir(folder.path(""));
    let output = command.env_remove("REELSEAL_PASSPHRASE").stdin(Stdio::null()).output().unwrap();
    assert_refused(&output, 2, NO_PASSPHRASE);
}

#[test]
#[ignore = "needs root"]
fn where_dev_has_no_terminal_the_three_ways_are_named() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    let mut command = Command::new("unshare");
    let script = "mount -t tmpfs none /dev && exec \"$0\" encrypt film";
    command.args(["--mount", "sh", "-c", script, support::reelseal()]).current_dir(folder.path(""));
    let output = command.env_remove("REELSEAL_PASSPHRASE").stdin(Stdio::null()).output().unwrap();
    assert_refused(&output, 2, NO_PASSPHRASE);
    assert_eq!(folder.names(), ["film"]);
}

#[test]
fn an_interrupt_at_the_prompt_ends_by_that_signal_and_restores_the_terminal() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    for prompts_answered in 0..2 {
        let mut session = on_terminal(&folder, &["encrypt", "film"]);
        session.exp_string(NEW_PASSPHRASE).unwrap();
        if prompts_answered == 1 {
            session.send_line("one").unwrap();
            session.exp_string("Passphrase to encrypt film, again").unwrap();
        }
        session.send_control('c').unwrap();
        session.exp_eof().unwrap();
        let status = session.process().wait().unwrap();
        assert!(matches!(status, WaitStatus::Signaled(_, Signal::SIGINT, _)), "{status:?}");
        assert_terminal_restored(&session);
    }
    assert_eq!(folder.names(), ["film"]);
}

#[test]
fn a_signal_from_elsewhere_at_the_prompt_restores_the_terminal() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT] {
        let mut session = on_terminal(&folder, &["encrypt", "film"]);
        session.exp_string(NEW_PASSPHRASE).unwrap();
        session.process_mut().signal(signal).unwrap();
        session.exp_eof().unwrap();
        let status = session.process().wait().unwrap();
        assert!(matches!(status, WaitStatus::Signaled(_, by, _) if by == signal), "{status:?}");
        assert_terminal_restored(&session);
    }
}

#[test]
fn an_empty_or_missing_answer_is_refused_and_the_terminal_restored() {
    let folder = Folder::new();
    encrypt_film(&folder);
    let missing = "reelseal: the prompt: no passphrase was typed\r\n\
                   reelseal: hint: end a passphrase with Enter\r\n";
    let empty = "reelseal: the prompt: the passphrase is empty\r\n\
                 reelseal: hint: a passphrase is one line of text, 1 to 1024 bytes long\r\n";
    for (command, prompt, control, reported) in [
        (["encrypt", "film", "-f"].as_slice(), NEW_PASSPHRASE, 'd', missing),
        (&["decrypt", "film.reel", "-o", "back"], OPEN_FILM, 'd', missing),
        (&["decrypt", "film.reel", "-o", "back"], OPEN_FILM, 'm', empty),
    ] {
        let mut session = on_terminal(&folder, command);
        session.exp_string(prompt).unwrap();
        session.send_control(control).unwrap();
        session.exp_string(reported).unwrap();
        assert_eq!(exit_code(&mut session), 2, "{command:?}, control-{control}");
        assert_terminal_restored(&session);
    }
}

/// The eight words that are on a line of their own.
fn shown_passphrase(screen: &str) -> &str {
    let mut lines = screen.lines().map(str::trim).filter(|line| line.split('-').count() == 8);
    let (passphrase, more) = (lines.next(), lines.next());
    assert!(more.is_none(), "{screen}");
    passphrase.unwrap_or_else(|| panic!("{screen}"))
}

#[test]
fn an_empty_answer_generates_a_passphrase_and_shows_it_once_and_only_on_the_terminal() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    let mut session = shell(&folder, "exec $reelseal encrypt film --scrypt-log-n 14 2>errors");
    session.exp_string(NEW_PASSPHRASE).unwrap();
    session.send_line("").unwrap();
    let screen = session.exp_eof().unwrap();
    assert!(matches!(session.process().wait().unwrap(), WaitStatus::Exited(_, 0)), "{screen}");
    let words = shown_passphrase(&screen);
    let reported = format!(
        "A random passphrase:\r\n\r\n    {words}\r\n\r\n\
         Write it down now: it is not shown again, and without it what it encrypts is lost.\r\n"
    );
    assert!(screen.ends_with(&reported) && !screen.contains("again:"), "{screen}");
    assert_eq!(folder.read("errors"), b"");

    let mut session = on_terminal(&folder, &["decrypt", "film.reel", "-o", "back"]);
    session.exp_string(OPEN_FILM).unwrap();
    session.send_line(words).unwrap();
    assert_eq!(exit_code(&mut session), 0);
    assert_eq!(folder.read("back"), b"frames");
}

#[test]
fn a_weak_passphrase_is_warned_about_on_the_terminal_and_accepted_when_typed_again() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    let mut session = shell(&folder, "exec $reelseal encrypt film --scrypt-log-n 14 2>errors");
    session.exp_string(NEW_PASSPHRASE).unwrap();
    session.send_line("password1").unwrap();
    let warning = "reelseal: warning: this passphrase is easy to guess: this is a very common password\r\n\
                   reelseal: hint: press Enter to have a strong one generated\r\n";
    session.exp_string(warning).unwrap();
    session.exp_string("Passphrase to encrypt film, again (press Enter to generate one): ").unwrap();
    session.send_line("password1").unwrap();
    assert_eq!(exit_code(&mut session), 0);
    assert_eq!(folder.read("errors"), b"");
    let opened = folder.reelseal(&["decrypt", "film.reel", "-o", "-"]).env("REELSEAL_PASSPHRASE", "password1").output();
    assert_eq!(opened.unwrap().stdout, b"frames");
}

#[test]
fn an_empty_answer_to_the_warning_generates_a_passphrase() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    let mut session = on_terminal(&folder, &[["encrypt", "film"].as_slice(), &CHEAP].concat());
    session.exp_string(NEW_PASSPHRASE).unwrap();
    session.send_line("letmein").unwrap();
    session.exp_string("Passphrase to encrypt film, again (press Enter to generate one): ").unwrap();
    session.send_line("").unwrap();
    let screen = session.exp_eof().unwrap();
    let mut decrypt = folder.reelseal(&["decrypt", "film.reel", "-o", "-"]);
    let opened = decrypt.env("REELSEAL_PASSPHRASE", shown_passphrase(&screen)).output().unwrap();
    assert_eq!(opened.stdout, b"frames");
}

#[test]
fn a_weak_passphrase_that_was_not_typed_here_is_not_warned_about() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    let weak = folder.write("weak", b"password1");
    fs::set_permissions(weak, Permissions::from_mode(0o600)).unwrap();
    for source in ["--passphrase-file weak", "--passphrase-fd 3 3<weak", ""] {
        let environment = if source.is_empty() { "REELSEAL_PASSPHRASE=password1" } else { "" };
        let script = format!("{environment} $reelseal encrypt film -fq --scrypt-log-n 14 {source}");
        let mut session = shell(&folder, &script);
        assert_eq!(session.exp_eof().unwrap(), "", "{script}");
        assert!(matches!(session.process().wait().unwrap(), WaitStatus::Exited(_, 0)), "{script}");
    }
}

#[test]
fn the_refusals_that_need_no_secret_come_before_the_prompt() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    folder.write("film.reel", b"not a stream");
    for (arguments, code, fact) in [
        (["encrypt", "film"].as_slice(), 2, "film.reel: exists already"),
        (&["decrypt", "film"], 2, "does not end in .reel, so no output name can be derived"),
        (&["decrypt", "film.reel", "-o", "back"], 4, "not a reelseal stream"),
        (&["encrypt", "film", "-o", "other", "--scrypt-log-n", "20"], 2, "--max-kdf-memory 1025M"),
        (
            &["encrypt"],
            2,
            "reelseal: standard input: is a terminal, and no input is named\r\n\
             reelseal: hint: name a file, or - to type the input\r\n",
        ),
    ] {
        let mut session = on_terminal(&folder, arguments);
        let shown = session.exp_eof().unwrap();
        assert!(shown.contains(fact) && !shown.contains("Passphrase"), "{shown}");
        assert!(matches!(session.process().wait().unwrap(), WaitStatus::Exited(_, exit) if exit == code));
    }
}

#[test]
fn ciphertext_goes_to_a_terminal_only_when_insisted_on() {
    let folder = Folder::new();
    let mut session = shell(&folder, "printf frames | $reelseal encrypt --key-file key");
    let reported = "reelseal: standard output: refusing to write ciphertext to a terminal\r\n\
                reelseal: hint: name a file with -o FILE, or pipe the output, or force it with -o -\r\n";
    session.exp_string(reported).unwrap();
    assert_eq!(exit_code(&mut session), 2);
    let mut session = shell(&folder, "printf frames | $reelseal encrypt --key-file key -o -");
    session.exp_string("RSL").unwrap();
}

#[test]
fn an_interrupt_while_frames_move_ends_by_that_signal_and_leaves_nothing() {
    let folder = Folder::new();
    let mut session = on_terminal(&folder, &["encrypt", "-", "-o", "film.reel", "--key-file", "key"]);
    session.send_line("the first line").unwrap();
    session.exp_string("standard input").unwrap();
    session.send_control('c').unwrap();
    session.exp_eof().unwrap();
    let status = session.process().wait().unwrap();
    assert!(matches!(status, WaitStatus::Signaled(_, Signal::SIGINT, _)), "{status:?}");
    assert_eq!(folder.names(), Vec::<String>::new());
}

#[test]
fn a_second_signal_does_not_keep_the_terminal_from_being_restored() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    for _ in 0..20 {
        let mut session = on_terminal(&folder, &["encrypt", "film"]);
        session.exp_string(NEW_PASSPHRASE).unwrap();
        session.process_mut().signal(Signal::SIGHUP).unwrap();
        // It may have ended already.
        let _ = session.process_mut().signal(Signal::SIGTERM);
        session.exp_eof().unwrap();
        assert_terminal_restored(&session);
    }
}

#[test]
fn a_prompt_in_the_background_is_refused() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    let script = "set -m; $reelseal encrypt film & wait $!; echo ended with $?";
    let mut command = Command::new("bash");
    command.args(["-c", script]).current_dir(folder.path("")).env("reelseal", support::reelseal());
    let mut session = spawn_command(command, GUARD_MILLISECONDS).unwrap();
    let reported = "reelseal: cannot prompt for a passphrase in the background\r\n\
                reelseal: hint: start it in the foreground, or give the passphrase with --passphrase-file FILE\r\n";
    session.exp_string(reported).unwrap();
    session.exp_string("ended with 2").unwrap();
    assert_eq!(folder.names(), ["film"]);
}

#[test]
fn a_passphrase_that_is_not_utf_8_is_refused_at_the_prompt() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    let mut session = on_terminal(&folder, &["encrypt", "film"]);
    session.exp_string(NEW_PASSPHRASE).unwrap();
    let mut terminal = session.process().get_file_handle().unwrap();
    terminal.write_all(b"caf\xff!\n").unwrap();
    let reported = "reelseal: the prompt: the passphrase is not UTF-8 text\r\n\
                reelseal: hint: set the terminal to UTF-8, or use --passphrase-file FILE\r\n";
    session.exp_string(reported).unwrap();
    assert_eq!(exit_code(&mut session), 2);
}

#[test]
fn an_interrupt_meant_for_the_producer_ends_the_recording_properly() {
    let folder = Folder::new();
    for encrypt in [
        "(trap '' INT; $reelseal encrypt",
        "($reelseal encrypt --ignore-interrupts",
        "($reelseal encrypt --live --ignore-interrupts",
    ] {
        let script = format!("stty -echo; cat | {encrypt} --progress always --force --key-file key -o night.reel)");
        let mut session = shell(&folder, &script);
        session.send_line("the night").unwrap();
        session.exp_string("standard input").unwrap();
        session.send_control('c').unwrap();
        session.exp_eof().unwrap();
        let opened = folder.run(&["decrypt", "night.reel", "-o", "-"]);
        assert_eq!(opened.stdout, b"the night\n", "{encrypt}");
        fs::remove_file(folder.path("night.reel")).unwrap();
    }
}

#[test]
fn interrupts_that_are_to_be_ignored_still_end_a_prompt() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    let mut session = on_terminal(&folder, &["encrypt", "film", "--ignore-interrupts"]);
    session.exp_string("Passphrase").unwrap();
    session.send_control('c').unwrap();
    session.exp_eof().unwrap();
    let status = session.process().wait().unwrap();
    assert!(matches!(status, WaitStatus::Signaled(_, Signal::SIGINT, _)), "{status:?}");
    assert_terminal_restored(&session);
}

#[test]
fn many_files_are_asked_for_once_and_shown_as_a_whole() {
    let folder = Folder::new();
    let names: Vec<_> = (0..30).map(|at| format!("clip{at}")).collect();
    names.iter().for_each(|name| drop(folder.write(name, b"frames")));
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let mut session = on_terminal(&folder, &[["encrypt"].as_slice(), &CHEAP, &names].concat());
    session.exp_string("Passphrase to encrypt 30 files (press Enter to generate one): ").unwrap();
    session.send_line("open sesame").unwrap();
    session.exp_string("Passphrase to encrypt 30 files, again: ").unwrap();
    session.send_line("open sesame").unwrap();
    let shown = session.exp_eof().unwrap();
    assert_lines(&left_on_screen(shown.trim_start()), &[("reelseal: 30 of 30 files, 180 B in ", "/s")]);
    assert_eq!(folder.names().len(), 60);
}

#[test]
fn a_warning_while_a_bar_is_shown_has_a_line_of_its_own() {
    let folder = Folder::new();
    for name in ["one", "two"] {
        folder.write(name, b"frames");
        assert!(folder.run(&["encrypt", name]).status.success());
        let mut damaged = folder.read(&format!("{name}.reel"));
        damaged[100] ^= 1;
        folder.write(&format!("{name}.reel"), &damaged);
    }
    let arguments = ["decrypt", "one.reel", "two.reel", "--force", "--key-file", "key"];
    let mut session = on_terminal(&folder, &arguments);
    let shown = session.exp_eof().unwrap();
    for name in ["one", "two"] {
        let warning = format!("reelseal: warning: {name}.reel: the first of the two header copies");
        let (before, after) = shown.split_once(&warning).unwrap();
        // At the start of the output, after a line if no bar has been drawn yet, or after moving to a line that was
        // cleared.
        let starts_a_line = ["\n", "\u{1b}[2K", "A"].iter().any(|end| before.ends_with(end));
        assert!(before.is_empty() || starts_a_line, "{name}: {shown:?}");
        assert!(after.starts_with(" is damaged; the other one is used\r\n"), "{name}");
    }
}

#[test]
fn there_is_no_colour_when_it_is_not_wanted() {
    const CYAN: &str = "\u{1b}[36m";
    let folder = Folder::new();
    make_fifo(&folder, "gate");
    for (variable, coloured) in [("COLUMNS=80", true), ("NO_COLOR=1", false)] {
        let script =
            format!("{{ printf frames; read go <gate; }} | {variable} $reelseal encrypt --key-file key >sealed");
        let mut session = shell(&folder, &script);
        let mut shown = String::new();
        wait_for(&mut session, "standard input .* B/s", &mut shown);
        folder.write("gate", b"\n");
        assert_eq!(shown.contains(CYAN), coloured, "{variable}: {shown:?}");
        session.exp_eof().unwrap();
    }
}

#[test]
fn a_bar_is_one_line_on_a_terminal_of_any_width_and_nothing_is_left_of_it() {
    let folder = Folder::new();
    make_fifo(&folder, "gate");
    let (long, wide) = ("x".repeat(200), "\u{6620}".repeat(80));
    // One emoji if the terminal supports it, and five characters otherwise.
    let shrug = "\u{1f937}\u{1f3fd}\u{200d}\u{2642}\u{fe0f}".repeat(8);
    for name in ["film", &long, &wide, &shrug] {
        folder.write(name, &plaintext(4 << 20));
        for columns in [20, 30, 44, 60, 80, 110] {
            // No pipe holds the whole film: until the gate is open, the bar stays.
            let script = format!(
                "stty rows 24 cols {columns}
                 NO_COLOR=1 $reelseal encrypt \"$1\" --key-file key -o - | {{ read go <gate; cat >/dev/null; }}"
            );
            let mut session = spawn(&folder, &script, &[name]);
            let mut shown = String::new();
            wait_for(&mut session, "%|/4.00 MiB", &mut shown);
            folder.write("gate", b"\n");
            shown.push_str(&session.exp_eof().unwrap());

            let mut screen = screen(columns);
            let (bars, result) = shown.split_once("reelseal: ").unwrap();
            let mut widest = 0;
            for byte in bytes(bars) {
                screen.process(&[byte]);
                let rows: Vec<_> = screen.screen().rows(0, columns).filter(|row| !row.is_empty()).collect();
                assert!(
                    rows.len() <= 1 && (0..24).all(|row| !screen.screen().row_wrapped(row)),
                    "{columns}: {rows:#?}"
                );
                widest = rows.iter().map(|row| console::measure_text_width(row)).fold(widest, usize::max);
            }
            // A bar takes all columns; the last one is a space while the time left is unknown.
            let has_bar = bars.chars().any(|byte| byte == '\u{e2}');
            assert!(name != "film" || !has_bar || widest + 1 >= columns.into(), "{columns}: {widest}");
            assert!(name != "film" || has_bar == (columns > 20), "{columns}");
            assert!(!result.contains('\u{1b}'), "drawn below the result: {result:?}");
            screen.process(&bytes(&format!("reelseal: {result}")));
            let left = screen.screen().contents().lines().map(str::to_owned).collect::<Vec<_>>();
            let start = format!("reelseal: {name} -> standard output: 4.00 MiB in ");
            assert_lines(&left, &[(&start, "/s")]);
        }
    }
}

#[test]
fn the_bar_for_many_files_counts_what_is_done_and_is_replaced_by_one_line_at_the_end() {
    let folder = Folder::new();
    let [first, rest] = stream_in_two_parts(&folder);
    let arguments = ["verify", "film.reel", "missing.reel", "fifo", "--key-file", "key"];
    let mut session = on_terminal(&folder, &arguments);
    let mut fifo = File::options().write(true).open(folder.path("fifo")).unwrap();
    fifo.write_all(&first).unwrap();
    let mut shown = String::new();
    wait_for(&mut session, "fifo .*1 of 3 files", &mut shown);
    fifo.write_all(&rest).unwrap();
    drop(fifo);
    shown.push_str(&session.exp_eof().unwrap());
    assert!(!shown.contains("3 of 3"), "{shown}");
    let expected = [
        ("film.reel: whole, 4194304 bytes, ", "authenticated"),
        ("reelseal: missing.reel: cannot open: ", "no such file or directory"),
        ("fifo: whole, 4194304 bytes, ", "authenticated"),
        ("reelseal: 2 of 3 files, 8.00 MiB in ", "/s"),
        ("reelseal: 1 of 3 files failed:", ""),
        ("reelseal:   missing.reel: cannot open: ", "no such file or directory"),
    ];
    assert_lines(&left_on_screen(&shown), &expected);
}

#[test]
fn the_last_line_of_verify_and_of_a_failure_is_what_was_found() {
    let folder = Folder::new();
    let [first, rest] = stream_in_two_parts(&folder);
    let mut damaged = rest.clone();
    damaged.truncate(1 << 20);
    let cut = "reelseal: hint: ";
    for (command, rest, expected) in [
        ("verify fifo", rest, [("fifo: whole, 4194304 bytes, ", "authenticated")].as_slice()),
        ("decrypt fifo -o back", damaged, &[("reelseal: fifo: ", ""), (cut, "")]),
    ] {
        let mut session = shell(&folder, &format!("exec $reelseal {command} --key-file key"));
        let mut fifo = File::options().write(true).open(folder.path("fifo")).unwrap();
        fifo.write_all(&first).unwrap();
        let mut shown = String::new();
        wait_for(&mut session, "fifo .* MiB", &mut shown);
        fifo.write_all(&rest).unwrap();
        drop(fifo);
        shown.push_str(&session.exp_eof().unwrap());
        assert_lines(&left_on_screen(&shown), expected);
    }
}

#[test]
fn an_interrupted_batch_leaves_its_summary_and_no_bar() {
    let folder = Folder::new();
    let [first, _] = stream_in_two_parts(&folder);
    let mut session = on_terminal(&folder, &["verify", "film.reel", "fifo", "--key-file", "key"]);
    let mut fifo = File::options().write(true).open(folder.path("fifo")).unwrap();
    fifo.write_all(&first).unwrap();
    let mut shown = String::new();
    wait_for(&mut session, "1 of 2 files", &mut shown);
    session.process_mut().signal(Signal::SIGINT).unwrap();
    shown.push_str(&session.exp_eof().unwrap());
    let expected = [
        ("film.reel: whole, 4194304 bytes, ", "authenticated"),
        ("reelseal: interrupted: 1 of 2 files done, 1 under way", ""),
    ];
    assert_lines(&left_on_screen(&shown), &expected);
}

#[test]
fn a_result_is_reported_once_however_many_options_ask_for_it_and_not_if_quiet() {
    let folder = Folder::new();
    ["film", "clip"].iter().for_each(|name| drop(folder.write(name, b"frames")));
    let film = ("reelseal: film -> film.reel: 6 B in ", "/s");
    let clip = ("reelseal: clip -> clip.reel: 6 B in ", "/s");
    let whole = ("reelseal: 2 of 2 files, 12 B in ", "/s");
    for (arguments, expected) in [
        ("film", [film].as_slice()),
        ("film --verbose", &[film]),
        ("film --verbose --progress never", &[film]),
        ("film --quiet --progress always", &[film]),
        ("film --quiet", &[]),
        ("film --progress never", &[]),
        ("film clip --threads 1", &[whole]),
        ("film clip --threads 1 --verbose", &[film, clip, whole]),
        ("film clip --quiet", &[]),
    ] {
        let script = format!("exec $reelseal encrypt {arguments} --force --key-file key");
        let shown = shell(&folder, &script).exp_eof().unwrap();
        assert_lines(&left_on_screen(&shown), expected);
    }
}

#[test]
fn a_wrong_old_passphrase_is_reported_before_a_new_one_is_asked_for() {
    let folder = Folder::new();
    encrypt_film(&folder);
    let mut session = on_terminal(&folder, &["passwd", "film.reel"]);
    session.exp_string(OPEN_FILM).unwrap();
    session.send_line("open barley").unwrap();
    let shown = session.exp_eof().unwrap();
    assert!(shown.contains("film.reel: wrong passphrase") && !shown.contains("New"), "{shown}");
}

#[test]
fn passwd_asks_once_for_the_old_passphrase_and_twice_for_the_new_however_many_files() {
    let folder = Folder::new();
    encrypt_film(&folder);
    fs::copy(folder.path("film.reel"), folder.path("copy.reel")).unwrap();
    let files = ["passwd", "film.reel", "copy.reel"];
    let mut session = on_terminal(&folder, &[files.as_slice(), &CHEAP].concat());
    for (question, answer) in [
        ("Passphrase for 2 files: ", "open sesame"),
        ("New passphrase for 2 files (press Enter to generate one): ", "shut it"),
        ("New passphrase for 2 files, again", "shut it"),
    ] {
        session.exp_string(question).unwrap();
        session.send_line(answer).unwrap();
    }
    let shown = session.exp_eof().unwrap();
    assert!(shown.contains("the old passphrase still opens copies") && !shown.contains("assphrase ("), "{shown}");
    assert_terminal_restored(&session);
    for name in ["film.reel", "copy.reel"] {
        let opened = folder.reelseal(&["decrypt", name, "-o", "-"]).env("REELSEAL_PASSPHRASE", "shut it").output();
        assert_eq!(opened.unwrap().stdout, b"frames", "{name}");
    }
}

#[test]
fn passwd_refuses_before_the_prompt_what_it_can_refuse_without_a_secret() {
    let folder = Folder::new();
    encrypt_film(&folder);
    for (arguments, code, fact) in [
        (["passwd", "film"].as_slice(), 4, "not a reelseal stream"),
        (&["passwd", "--remove", "film.reel"], 2, "the only key slot cannot be removed"),
        (&["passwd", "--add", "film.reel", "--scrypt-log-n", "20"], 2, "--max-kdf-memory 1025M"),
    ] {
        let mut session = on_terminal(&folder, arguments);
        let shown = session.exp_eof().unwrap();
        assert!(shown.contains(fact) && !shown.contains("Passphrase"), "{shown}");
        assert!(matches!(session.process().wait().unwrap(), WaitStatus::Exited(_, exit) if exit == code));
    }
}

#[test]
fn without_a_terminal_and_a_new_passphrase_the_ways_to_give_one_are_named() {
    let folder = Folder::new();
    encrypt_film(&folder);
    let mut command = Command::new("setsid");
    command.args(["--wait", support::reelseal(), "passwd", "film.reel"]).current_dir(folder.path(""));
    command.env("REELSEAL_PASSPHRASE", "open sesame").env_remove("REELSEAL_NEW_PASSPHRASE").stdin(Stdio::null());
    let output = command.output().unwrap();
    let reported = "reelseal: no new passphrase, and no terminal to ask for one\n\
                reelseal: hint: give one with --new-passphrase-file FILE, with --new-passphrase-fd N, or in the \
                environment variable REELSEAL_NEW_PASSPHRASE, or a key file with --new-key-file FILE";
    assert_refused(&output, 2, reported);
}
