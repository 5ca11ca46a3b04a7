//! A command that shares the terminal with us, under a shell that controls jobs.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::process::Command;

use rexpect::session::{PtySession, spawn_command};
use support::{Folder, assert_done};

// The time until a wait for something that never comes is given up; nothing is measured by it.
const GUARD_MILLISECONDS: Option<u64> = Some(60_000);

/// Reads single keys from the terminal, whatever its input is, until it gets a q; reports an interrupt.
const KEYS: &str = "exec 3</dev/tty
trap 'echo interrupted' INT
stty -icanon -echo <&3
echo ready
while :; do
    key=$(dd bs=1 count=1 <&3 2>/dev/null) || continue
    echo \"key <$key>\"
    if [ \"$key\" = q ]; then exit 0; fi
    if [ \"$key\" = x ]; then exit 3; fi
done
";

/// An interactive shell in a folder with a stream and the script `keys`.
fn interactive(folder: &Folder) -> PtySession {
    folder.write("film", b"frames");
    assert_done(&folder.run(&["encrypt", "film"]));
    folder.write("keys", KEYS.as_bytes());
    let mut command = Command::new("bash");
    command.args(["--norc", "--noprofile", "-i"]).current_dir(folder.path(""));
    command.env("PS1", "prompt> ").env("TERM", "xterm").env("reelseal", support::reelseal());
    let mut shell = spawn_command(command, GUARD_MILLISECONDS).unwrap();
    shell.exp_string("prompt> ").unwrap();
    // Without its own line editor, the shell leaves the terminal's modes alone.
    run(&mut shell, "set +o emacs; stty echo icanon");
    shell.exp_string("prompt> ").unwrap();
    shell
}

fn run(shell: &mut PtySession, line: &str) {
    shell.send_line(line).unwrap();
}

/// Makes the shell run a command, and waits until the command reports that it is ready.
fn start(shell: &mut PtySession, line: &str) {
    run(shell, line);
    shell.exp_string("ready").unwrap();
}

/// Waits until the shell reports that the command has ended with this exit code.
fn expect_end(shell: &mut PtySession, code: u8) {
    shell.exp_string(&format!("ended with {code}")).unwrap();
    shell.exp_string("prompt> ").unwrap();
}

fn press(shell: &mut PtySession, key: &str) {
    shell.send(key).unwrap();
    shell.flush().unwrap();
}

/// Makes the shell report that it has the terminal, and in which mode.
fn assert_shell_has_terminal(shell: &mut PtySession) {
    run(shell, "stty -a | grep -o ' -*icanon\\| -*echo ' | tr -d '\\n'; echo .");
    shell.exp_string(" icanon echo .").unwrap();
    shell.exp_string("prompt> ").unwrap();
}

/// Ends the shell, which would not be ended by the signals sent to it otherwise.
fn leave(shell: &mut PtySession) {
    run(shell, "exit");
    shell.exp_eof().unwrap();
}

const DECRYPT: &str = "$reelseal decrypt film.reel --key-file key -- sh keys";
const ENCRYPT: &str = "$reelseal encrypt -o keys.reel --key-file key -- sh -c 'exec sh keys >&2'";

#[test]
fn keys_reach_the_command_and_the_terminal_comes_back_as_it_was() {
    let folder = Folder::new();
    let mut shell = interactive(&folder);
    for command in [DECRYPT, ENCRYPT] {
        start(&mut shell, &format!("{command}; echo ended with $?"));
        for key in ["a", "b"] {
            press(&mut shell, key);
            shell.exp_string(&format!("key <{key}>")).unwrap();
        }
        press(&mut shell, "q");
        expect_end(&mut shell, 0);
        assert_shell_has_terminal(&mut shell);
    }
    leave(&mut shell);
}

#[test]
fn a_command_that_fails_leaves_the_terminal_as_it_was_and_is_reported_after_that() {
    let folder = Folder::new();
    let mut shell = interactive(&folder);
    for (end, reported) in
        [("x", "reelseal: sh: failed with exit code 3"), ("k", "reelseal: sh: was killed by SIGKILL")]
    {
        folder.write("keys", KEYS.replace("exit 0", "exit 0; fi; if [ \"$key\" = k ]; then kill -9 $$").as_bytes());
        start(&mut shell, &format!("{DECRYPT}; echo ended with $?"));
        press(&mut shell, end);
        shell.exp_string(reported).unwrap();
        expect_end(&mut shell, 5);
        assert_shell_has_terminal(&mut shell);
    }
    leave(&mut shell);
}

#[test]
fn an_interrupt_reaches_the_command_and_its_exit_code_decides() {
    let folder = Folder::new();
    let mut shell = interactive(&folder);
    for command in [DECRYPT, ENCRYPT] {
        start(&mut shell, &format!("{command}; echo ended with $?"));
        shell.send_control('c').unwrap();
        shell.exp_string("interrupted").unwrap();
        press(&mut shell, "q");
        expect_end(&mut shell, 0);
    }
    start(
        &mut shell,
        "$reelseal encrypt -o cat.reel --key-file key -- sh -c 'echo rea''dy >&2; exec cat'; echo ended with $?",
    );
    shell.send_control('c').unwrap();
    shell.exp_string("reelseal: sh: was killed by SIGINT").unwrap();
    expect_end(&mut shell, 5);
    assert_shell_has_terminal(&mut shell);
    assert!(!folder.path("cat.reel").exists());
    leave(&mut shell);
}

#[test]
fn a_stop_is_passed_on_and_the_command_goes_on_in_the_foreground() {
    let folder = Folder::new();
    let mut shell = interactive(&folder);
    start(&mut shell, DECRYPT);
    for key in ["a", "b"] {
        shell.send_control('z').unwrap();
        shell.exp_string("Stopped").unwrap();
        shell.exp_string("prompt> ").unwrap();
        assert_shell_has_terminal(&mut shell);
        run(&mut shell, "fg");
        press(&mut shell, key);
        // In the mode in which the command had it: what is typed is neither echoed nor kept back until the line is
        // complete.
        shell.exp_string(&format!("key <{key}>")).unwrap();
    }
    press(&mut shell, "q");
    shell.exp_string("key <q>").unwrap();
    shell.exp_string("prompt> ").unwrap();
    assert_shell_has_terminal(&mut shell);
    leave(&mut shell);
}

#[test]
fn in_the_background_a_command_stops_when_it_wants_the_terminal_and_goes_on_with_fg() {
    let folder = Folder::new();
    let mut shell = interactive(&folder);
    run(&mut shell, &format!("set -b; {DECRYPT} &"));
    shell.exp_string("Stopped").unwrap();
    start(&mut shell, "fg");
    press(&mut shell, "q");
    shell.exp_string("key <q>").unwrap();
    shell.exp_string("prompt> ").unwrap();
    assert_shell_has_terminal(&mut shell);
    leave(&mut shell);
}

#[test]
fn beside_another_program_the_command_gets_the_terminal_once_it_wants_it() {
    let folder = Folder::new();
    let mut shell = interactive(&folder);
    start(&mut shell, &format!("{DECRYPT} | cat; echo ended with $?"));
    press(&mut shell, "a");
    shell.exp_string("key <a>").unwrap();
    press(&mut shell, "q");
    expect_end(&mut shell, 0);
    assert_shell_has_terminal(&mut shell);
    leave(&mut shell);
}

#[test]
fn no_bar_is_drawn_over_a_command_unless_it_is_asked_for() {
    let folder = Folder::new();
    let mut shell = interactive(&folder);
    for (progress, drawn) in [("", false), ("--progress always", true)] {
        run(
            &mut shell,
            &format!("$reelseal encrypt -o z.reel -f {progress} --key-file key -- sleep 2; echo ended with $?"),
        );
        let shown = shell.exp_string("ended with 0").unwrap();
        assert_eq!(shown.contains("\u{1b}["), drawn, "{shown:?}");
        shell.exp_string("prompt> ").unwrap();
    }
    leave(&mut shell);
}
