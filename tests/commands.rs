//! Commands at either end of a stream: one writes what is encrypted, another takes what was decrypted.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, IoSlice, Read, Write},
    mem::MaybeUninit,
    os::{
        fd::AsFd,
        unix::process::{CommandExt, ExitStatusExt},
    },
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use nix::{
    sys::signal::{SigSet, Signal, kill},
    unistd::Pid,
};
use rustix::{
    event::{PollFd, PollFlags, poll},
    net::{
        AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, sendmsg,
        socketpair,
    },
    process::{PidfdFlags, pidfd_open},
};
use serde_json::{Value, json};
use support::{Folder, assert_done, assert_refused, feed, plaintext, text};

fn run_with(folder: &Folder, options: &[&str], command: &[&str]) -> Output {
    folder.reelseal(options).args(["--key-file", "key", "--"]).args(command).output().unwrap()
}

/// Encrypts what the shell script writes.
fn produce(folder: &Folder, script: &str) -> Output {
    run_with(folder, &["encrypt", "-o", "film.reel"], &["sh", "-c", script])
}

fn consume(folder: &Folder, script: &str) -> Output {
    run_with(folder, &["decrypt", "film.reel"], &["sh", "-c", script])
}

/// A folder with a stream of this many bytes, and its plaintext.
fn with_stream(length: usize) -> (Folder, Vec<u8>) {
    let folder = Folder::new();
    let film = plaintext(length);
    assert_done(&folder.pipe(&["encrypt", "-o", "film.reel"], &film));
    (folder, film)
}

/// A folder with a stream whose third frame of 4 KiB is damaged.
fn with_damaged_stream() -> Folder {
    let folder = Folder::new();
    assert_done(&folder.pipe(&["encrypt", "--frame-size", "4K", "-o", "film.reel"], &plaintext(3_000_000)));
    let mut stream = folder.read("film.reel");
    stream[8192 + 2 * 4160 + 77] ^= 1;
    folder.write("film.reel", &stream);
    folder
}

/// Whether the command that wrote its process id and that of its parent, which guards it, to `pid` is gone. It is if
/// the parent is.
fn is_gone(folder: &Folder) -> bool {
    let numbers = fs::read_to_string(folder.path("pid")).unwrap_or_default();
    // If the command was ended before it wrote them, it is gone.
    let Some((command, guardian)) = numbers.trim().split_once(' ') else { return true };
    wait_for_end_of(guardian.parse().unwrap());
    !Path::new(&format!("/proc/{command}")).exists()
}

/// Waits until the process has ended, even if it is not a child.
fn wait_for_end_of(process: i32) {
    if let Ok(process) = pidfd_open(rustix::process::Pid::from_raw(process).unwrap(), PidfdFlags::empty()) {
        poll(&mut [PollFd::new(&process, PollFlags::IN)], None).unwrap();
    }
}

#[test]
fn what_a_command_writes_is_encrypted_and_a_command_takes_what_is_decrypted() {
    let folder = Folder::new();
    let film = plaintext(3_000_000);
    folder.write("film", &film);
    assert_done(&run_with(&folder, &["encrypt", "-o", "film.reel"], &["cat", "film"]));
    assert_done(&run_with(&folder, &["decrypt", "film.reel"], &["cmp", "-", "film"]));
    let piped = run_with(&folder, &["encrypt"], &["cat", "film"]);
    assert_done(&piped);
    let opened = feed(&mut folder.reelseal(&["decrypt", "--key-file", "key", "--", "cat"]), &piped.stdout);
    assert!(opened.status.success() && opened.stdout == film);
}

#[test]
fn nothing_of_a_command_is_interpreted() {
    let folder = Folder::new();
    let odd = ["$HOME", "{}", "a b", "*", "-o", "--", "'", ""];
    let made = run_with(&folder, &["encrypt", "-o", "film.reel"], &[["printf", "%s,"].as_slice(), &odd].concat());
    assert_done(&made);
    assert_eq!(text(&folder.run(&["decrypt", "film.reel", "-o", "-"]).stdout), "$HOME,{},a b,*,-o,--,',,");
}

#[test]
fn restic_4251_borg_5174_a_producer_that_fails_leaves_no_output() {
    for (script, reported) in [
        ("printf frames; exit 3", "reelseal: sh: failed with exit code 3\nreelseal: hint: nothing was written\n"),
        ("exit 255", "reelseal: sh: failed with exit code 255\nreelseal: hint: nothing was written\n"),
        ("printf frames; kill -9 $$", "reelseal: sh: was killed by SIGKILL\nreelseal: hint: nothing was written\n"),
        ("cat key key >/dev/full", "reelseal: sh: failed with exit code 1\nreelseal: hint: nothing was written\n"),
    ] {
        let folder = Folder::new();
        let output = produce(&folder, script);
        let errors = text(&output.stderr);
        assert!(errors.ends_with(reported), "{errors}");
        assert_eq!(output.status.code(), Some(5), "{script}");
        assert_eq!(folder.names(), Vec::<String>::new(), "{script}");
    }
}

#[test]
fn a_command_that_does_not_exist_or_cannot_run_is_named_and_nothing_is_written() {
    let folder = Folder::new();
    folder.write("notes", b"not a program");
    for (program, fact) in [
        ("no-such-program", "no-such-program: command not found"),
        ("./no/such/program", "./no/such/program: command not found"),
        ("./notes", "./notes: cannot run: permission denied"),
        ("notes", "notes: command not found"),
    ] {
        let output = run_with(&folder, &["encrypt", "-o", "film.reel"], &[program]);
        assert_refused(&output, 5, fact);
        assert_eq!(folder.names(), ["notes"]);
        assert_done(&folder.pipe(&["encrypt", "-o", "film.reel"], b"frames"));
        assert_refused(&run_with(&folder, &["decrypt", "film.reel"], &[program]), 5, fact);
        fs::remove_file(folder.path("film.reel")).unwrap();
        let piped = run_with(&folder, &["encrypt"], &[program]);
        assert_refused(&piped, 5, fact);
        assert!(piped.stdout.is_empty(), "{program}");
    }
}

#[test]
fn a_pipe_gets_no_final_frame_from_a_producer_that_fails() {
    let folder = Folder::new();
    for script in ["printf frames; exit 1", "head -c 100000 /dev/zero; kill -TERM $$", "exit 1"] {
        let output = run_with(&folder, &["encrypt"], &["sh", "-c", script]);
        assert_refused(
            &output,
            5,
            "hint: what was written has no final frame, so no reader takes it for a whole stream",
        );
        let opened = feed(&mut folder.reelseal(&["decrypt", "--key-file", "key"]), &output.stdout);
        assert_refused(&opened, 4, "cut short");
    }
}

#[test]
fn programs_learn_the_end_of_a_command_from_the_event() {
    let folder = Folder::new();
    for (options, script, code, signal) in [
        (["encrypt", "-o", "film.reel"].as_slice(), "exit 7", json!(7), json!(null)),
        (&["encrypt", "-o", "film.reel"], "kill -QUIT $$", json!(null), json!("SIGQUIT")),
        (&["encrypt", "-o", "film.reel", "--timeout", "0.1"], "sleep 60", json!(null), json!(null)),
    ] {
        let options = [options, &["--progress", "json"]].concat();
        let output = run_with(&folder, &options, &["sh", "-c", script]);
        assert_eq!(output.status.code(), Some(5));
        let event: Value = serde_json::from_str(text(&output.stderr).lines().last().unwrap()).unwrap();
        let fields = ["event", "command", "exit_code", "command_exit_code", "command_signal"].map(|key| &event[key]);
        assert_eq!(fields, [&json!("error"), &json!("sh"), &json!(5), &code, &signal], "{event}");
        assert!(event.get("file").is_none(), "{event}");
    }
    let done = run_with(&folder, &["encrypt", "-o", "film.reel", "--progress", "json"], &["printf", "frames"]);
    let event: Value = serde_json::from_str(text(&done.stderr).lines().last().unwrap()).unwrap();
    let fields = ["event", "file", "command", "output", "bytes"].map(|key| event[key].clone());
    assert_eq!(fields, [json!("done"), json!(null), json!("printf"), json!("film.reel"), json!(6)]);
}

#[test]
fn a_command_that_takes_too_long_is_ended_with_its_group_even_if_it_ignores_sigterm() {
    let folder = Folder::new();
    for (kill_after, script) in [
        ("60", "echo $$ $PPID >pid; sleep 600 & wait"),
        ("0.2", "trap '' TERM; echo $$ $PPID >pid; sleep 600; sleep 600"),
        ("0", "trap '' TERM; echo $$ $PPID >pid; sleep 600; sleep 600"),
        // A command that is stopped does not receive the signal.
        ("60", "echo $$ $PPID >pid; kill -STOP $$"),
    ] {
        let options = ["encrypt", "-o", "film.reel", "--timeout", "3", "--kill-after", kill_after];
        let output = run_with(&folder, &options, &["sh", "-c", script]);
        let reported = "reelseal: sh: did not finish within 3s and was stopped\n\
                        reelseal: hint: allow more time with --timeout DURATION\n";
        assert_eq!(text(&output.stderr), reported);
        assert_eq!(output.status.code(), Some(5));
        assert!(is_gone(&folder), "{script}");
        assert_eq!(folder.names(), ["pid"]);
    }
}

#[test]
fn a_time_that_is_long_enough_or_no_limit_changes_nothing() {
    let folder = Folder::new();
    for timeout in ["0", "1h"] {
        let options = ["encrypt", "-o", "film.reel", "--force", "--timeout", timeout];
        assert_done(&run_with(&folder, &options, &["printf", "frames"]));
    }
}

#[test]
fn pi_5753_a_grandchild_that_keeps_the_output_open_is_a_failure_and_is_ended() {
    let folder = Folder::new();
    let output = produce(&folder, "printf frames; sleep 600 & echo $! $PPID >pid");
    assert_refused(&output, 5, "sh: ended, but left behind a process that keeps its output open");
    assert_eq!(folder.names(), ["pid"]);
    assert!(is_gone(&folder));
}

#[test]
fn a_grandchild_that_goes_on_without_the_output_is_left_alone() {
    let folder = Folder::new();
    assert_done(&produce(&folder, "printf frames; sleep 600 >/dev/null 2>&1 & echo $! >pid"));
    let number = text(&folder.read("pid")).trim().parse().unwrap();
    kill(Pid::from_raw(number), Signal::SIGKILL).unwrap();
}

#[test]
fn borg_10170_a_producer_that_says_much_on_standard_error_is_not_held_up() {
    let folder = Folder::new();
    let output = produce(&folder, "head -c 1000000 /dev/zero >&2; printf frames");
    assert_done(&output);
    assert_eq!(output.stderr.len(), 1_000_000);
}

#[test]
fn a_producer_reads_our_standard_input() {
    let folder = Folder::new();
    let mut command = folder.reelseal(&["encrypt", "-o", "film.reel", "--key-file", "key", "--", "tr", "a-z", "A-Z"]);
    assert_done(&feed(&mut command, b"frames"));
    assert_eq!(folder.run(&["decrypt", "film.reel", "-o", "-"]).stdout, b"FRAMES");
}

#[test]
fn rustic_1792_a_closed_pipe_is_our_failure_and_ends_the_producer() {
    let folder = Folder::new();
    let mut command =
        folder.reelseal(&["encrypt", "--key-file", "key", "--", "sh", "-c", "echo $$ $PPID >pid; exec yes"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut output = child.stdout.take().unwrap();
    output.read_exact(&mut [0; 10_000]).unwrap();
    drop(output);
    assert_refused(&child.wait_with_output().unwrap(), 1, "standard output: the reader has closed the pipe");
    assert!(is_gone(&folder));
}

#[test]
fn a_consumer_never_sees_the_end_of_a_stream_that_fails() {
    let folder = with_damaged_stream();
    for script in [
        "cat >taken; touch harm",
        "trap '' TERM HUP; cat >taken; touch harm",
        "trap 'touch asked' TERM; cat >taken & wait; wait; sleep 600",
        // A grandchild keeps the pipe, and its parent is gone.
        "exec 3<&0; (trap '' TERM; cat <&3 >taken; touch harm) & exit 0",
        "cat >taken | cat; touch harm",
        // Nothing is read at all.
        "sleep 600; touch harm",
        "kill -STOP $$; touch harm",
    ] {
        let options = ["decrypt", "film.reel", "--kill-after", "0.3"];
        let output = run_with(&folder, &options, &["sh", "-c", &format!("echo $$ $PPID >pid; {script}")]);
        assert_refused(&output, 4, "film.reel: cut short, extended or damaged in frame 2, at byte 16512");
        assert!(!folder.path("harm").exists(), "{script}");
        assert!(is_gone(&folder), "{script}");
        // Only what was authenticated was passed on.
        if let Ok(taken) = fs::read(folder.path("taken")) {
            assert!(plaintext(3_000_000).starts_with(&taken) && taken.len() <= 2 * 4096, "{script}");
        }
    }
}

#[test]
fn age_639_tar_does_not_take_half_an_archive_for_the_whole() {
    let folder = Folder::new();
    fs::create_dir(folder.path("clips")).unwrap();
    (0..50).for_each(|at| drop(folder.write(&format!("clips/{at}"), &plaintext(10_000 + at))));
    assert_done(&run_with(&folder, &["encrypt", "-o", "film.reel", "--frame-size", "4K"], &["tar", "c", "clips"]));
    let whole = consume(&folder, "mkdir whole && tar x -C whole && touch whole/finished");
    assert_done(&whole);
    for at in 0..50 {
        assert_eq!(folder.read(&format!("whole/clips/{at}")), plaintext(10_000 + at));
    }
    let mut stream = folder.read("film.reel");
    stream.truncate(300_000);
    // From a pipe, the damage is only seen at the end.
    let mut command = folder.reelseal(&["decrypt", "--key-file", "key", "--", "sh", "-c"]);
    command.arg("mkdir half && tar x -C half; touch half/finished");
    assert_refused(&feed(&mut command, &stream), 4, "cut short");
    assert!(!folder.path("half/finished").exists());
}

#[test]
fn a_consumer_that_leaves_early_with_0_is_a_success_and_with_another_code_is_not() {
    let (folder, film) = with_stream(3_000_000);
    let taken = run_with(&folder, &["decrypt", "film.reel"], &["head", "-c", "5"]);
    assert_done(&taken);
    assert_eq!(taken.stdout, &film[..5]);
    assert_done(&consume(&folder, "exit 0"));
    assert_refused(&consume(&folder, "exit 9"), 5, "reelseal: sh: failed with exit code 9\n");
    assert_refused(&consume(&folder, "cat >/dev/null; kill -KILL $$"), 5, "reelseal: sh: was killed by SIGKILL\n");
    let timed_out = run_with(&folder, &["decrypt", "film.reel", "--timeout", "0.2"], &["sleep", "600"]);
    assert_refused(&timed_out, 5, "sleep: did not finish within 200ms and was stopped");
}

#[test]
fn a_consumer_that_leaves_ends_the_wait_for_more_of_a_pipe() {
    let (folder, _) = with_stream(300_000);
    let mut command = folder.reelseal(&["decrypt", "--key-file", "key", "--", "head", "-c", "5"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(&folder.read("film.reel")[..200_000]).unwrap();
    // It stays open, and nothing more comes.
    assert_done(&child.wait_with_output().unwrap());
}

#[test]
fn an_input_is_removed_only_if_the_command_took_all_of_it_and_exited_with_0() {
    let (folder, film) = with_stream(300_000);
    let remove = |script: &str| run_with(&folder, &["decrypt", "film.reel", "--remove"], &["sh", "-c", script]);
    let early = remove("head -c 5");
    assert_done(&early);
    assert!(text(&early.stderr).contains("film.reel: is kept, because the command did not read all of it"));
    assert_refused(&remove("cat >/dev/null; exit 1"), 5, "sh: failed with exit code 1");
    assert!(folder.path("film.reel").exists());
    let taken = remove("cat");
    assert!(taken.status.success() && taken.stdout == film);
    assert!(!folder.path("film.reel").exists());
}

#[test]
fn a_range_goes_to_a_command_too() {
    let (folder, film) = with_stream(300_000);
    let taken = run_with(&folder, &["decrypt", "film.reel", "--range", "100000-200000"], &["cat"]);
    assert!(taken.status.success() && taken.stdout == film[100_000..=200_000]);
    let stream = folder.read("film.reel");
    let mut command = folder.reelseal(&["decrypt", "--range", "5-", "--key-file", "key", "--", "cat"]);
    assert!(feed(&mut command, &stream).stdout == film[5..]);
    let mut command = folder.reelseal(&["decrypt", "--range", "300000-", "--key-file", "key", "--", "sh", "-c"]);
    command.arg("cat >/dev/null; touch harm");
    assert_refused(&feed(&mut command, &stream), 2, "the range begins after the end");
    assert!(!folder.path("harm").exists());
}

#[test]
fn a_command_has_three_descriptors_no_secret_and_ignores_what_we_were_started_to_ignore() {
    let (folder, _) = with_stream(6);
    folder.write("passphrase", b"open sesame");
    let report =
        "ls /proc/self/fd | tr '\\n' ' ' >descriptors; env >environment; tr '\\0' ' ' </proc/$PPID/cmdline >arguments;
                  cat /proc/self/status >signals; cat >/dev/null";
    let script = "trap '' USR2 HUP; exec 7<passphrase 8>leaked; exec \"$reelseal\" \"$@\" --passphrase-fd 7 -- sh -c \"$report\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", "encrypt", "-o", "other.reel", "--scrypt-log-n", "14"]);
    command.current_dir(folder.path("")).env("reelseal", support::reelseal()).env("report", report);
    command.env("REELSEAL_PASSPHRASE", "from the environment").env("REELSEAL_NEW_PASSPHRASE", "another");
    assert_done(&command.stdin(Stdio::null()).output().unwrap());
    // ls has one more, for the folder that it lists.
    assert_eq!(text(&folder.read("descriptors")), "0 1 2 3 ");
    for name in ["environment", "arguments"] {
        let all = text(&folder.read(name));
        assert!(!all.contains("sesame") && !all.contains("PASSPHRASE=") && !all.contains("from the env"), "{all}");
    }
    let ignored = ignored_signals(&text(&folder.read("signals")));
    assert_eq!(ignored & bit(Signal::SIGUSR2), bit(Signal::SIGUSR2));
    assert_eq!(ignored & bit(Signal::SIGHUP), bit(Signal::SIGHUP));
    let none = [Signal::SIGPIPE, Signal::SIGXFSZ, Signal::SIGUSR1, Signal::SIGTERM, Signal::SIGCHLD];
    assert_eq!(none.map(|signal| ignored & bit(signal)), [0; 5]);
}

fn bit(signal: Signal) -> u64 {
    1 << (signal as i32 - 1)
}

fn ignored_signals(status: &str) -> u64 {
    mask(status, "SigIgn:")
}

fn mask(status: &str, key: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap()
}

#[test]
fn a_command_has_the_signals_blocked_that_we_were_started_with() {
    let folder = Folder::new();
    for signal in [None, Some(Signal::SIGWINCH), Some(Signal::SIGTERM)] {
        let mut blocked = SigSet::empty();
        signal.iter().for_each(|signal| blocked.add(*signal));
        let mut command = folder.reelseal(&["encrypt", "-o", "film.reel", "--force", "--key-file", "key", "--"]);
        command.args(["cat", "/proc/self/status"]);
        // The processes that this thread starts block what it blocks.
        blocked.thread_block().unwrap();
        let output = command.output();
        blocked.thread_unblock().unwrap();
        assert_done(&output.unwrap());
        let status = text(&folder.run(&["decrypt", "film.reel", "-o", "-"]).stdout);
        assert_eq!(mask(&status, "SigBlk:"), signal.map_or(0, bit));
    }
}

/// Starts decrypting a stream that never ends into a script that does harm at the end of its input; returns the process
/// once the script has read something.
fn into_harm(folder: &Folder, script: &str) -> std::process::Child {
    let mut command = folder.reelseal(&["decrypt", "--key-file", "key", "--kill-after", "0.2", "--", "sh", "-c"]);
    command.arg(format!("trap '' TERM; echo $$ $PPID >pid; {script} head -c 5; cat >/dev/null; touch harm"));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(&folder.read("film.reel")[..200_000]).unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 5]).unwrap();
    child
}

#[test]
fn a_consumer_sees_no_end_if_we_are_killed_and_is_gone_soon() {
    let (folder, _) = with_stream(300_000);
    for signal in [Signal::SIGKILL, Signal::SIGTERM, Signal::SIGINT] {
        let mut child = into_harm(&folder, "");
        kill(Pid::from_raw(child.id() as i32), signal).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(signal as i32));
        // The command and its guardian hold these, so they are gone once these end.
        child.stdout.take().unwrap().read_to_end(&mut Vec::new()).unwrap();
        assert!(!folder.path("harm").exists(), "{signal}");
        assert!(is_gone(&folder), "{signal}");
    }
}

#[test]
fn a_consumer_sees_no_end_if_our_whole_group_is_killed() {
    let (folder, _) = with_stream(300_000);
    let mut command = folder.reelseal(&["decrypt", "--key-file", "key", "--", "sh", "-c"]);
    command.arg("echo $$ $PPID >pid; head -c 5; cat >/dev/null; touch harm").process_group(0);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(&folder.read("film.reel")[..200_000]).unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 5]).unwrap();
    kill(Pid::from_raw(-(child.id() as i32)), Signal::SIGKILL).unwrap();
    child.wait().unwrap();
    child.stdout.take().unwrap().read_to_end(&mut Vec::new()).unwrap();
    assert!(!folder.path("harm").exists() && is_gone(&folder));
}

#[test]
fn a_producer_that_ignores_sigterm_and_what_it_started_are_gone_soon_after_we_are_killed() {
    let folder = Folder::new();
    for signal in [Signal::SIGKILL, Signal::SIGTERM] {
        let mut command = folder.reelseal(&["encrypt", "-o", "film.reel", "--key-file", "key", "--kill-after", "0.2"]);
        command.args([
            "--",
            "sh",
            "-c",
            "trap '' TERM; sleep 600 & echo $! $PPID >pid; echo started >&2; sleep 600; sleep 600",
        ]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        errors.read_line(&mut String::new()).unwrap();
        kill(Pid::from_raw(child.id() as i32), signal).unwrap();
        child.wait().unwrap();
        errors.read_to_end(&mut Vec::new()).unwrap();
        assert!(is_gone(&folder), "{signal}");
        assert_eq!(folder.names(), ["pid"]);
    }
}

#[test]
fn if_the_guardian_is_killed_the_run_fails_and_the_command_is_ended_without_an_end_of_its_input() {
    let (folder, _) = with_stream(300_000);
    let mut child = into_harm(&folder, "");
    let _open = child.stdin.take();
    kill(guardian(&folder), Signal::SIGKILL).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_refused(&output, 5, "sh: the process that watched over it was killed");
    assert!(!folder.path("harm").exists());
    wait_for_end_of(text(&folder.read("pid")).split(' ').next().unwrap().parse().unwrap());

    let mut command = folder.reelseal(&["encrypt", "-o", "other.reel", "--key-file", "key", "--", "sh", "-c"]);
    command.arg("trap '' TERM; echo $$ $PPID >pid; echo ready >&2; sleep 600; sleep 600").stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    errors.read_line(&mut String::new()).unwrap();
    kill(guardian(&folder), Signal::SIGKILL).unwrap();
    assert_reports_the_guardian_s_death(&mut child, errors);
    assert!(!folder.path("other.reel").exists());
    wait_for_end_of(text(&folder.read("pid")).split(' ').next().unwrap().parse().unwrap());
}

/// Every process of the command's group holds `errors`, so all have ended when that ends.
#[track_caller]
fn assert_reports_the_guardian_s_death(child: &mut Child, mut errors: impl Read) {
    let mut reported = String::new();
    errors.read_to_string(&mut reported).unwrap();
    assert!(reported.contains("sh: the process that watched over it was killed"), "{reported}");
    assert_eq!(child.wait().unwrap().code(), Some(5));
}

#[test]
#[ignore = "needs strace"]
fn if_the_guardian_is_killed_before_it_has_reported_the_start_nothing_of_the_command_remains() {
    let folder = Folder::new();
    // Its second message is the one that lets the command start. The guardian stops there, so its report of the start
    // never comes.
    let injection = ["-f", "-qq", "-o", "calls", "-e", "inject=sendmsg:signal=STOP:when=2"];
    let mut command = Command::new("strace");
    command.args(injection).arg(support::reelseal());
    command.args(["encrypt", "-o", "film.reel", "--key-file", "key", "--", "sh", "-c"]);
    command.arg("echo $$ $PPID >pid; (sleep 10; touch harm) & echo ready >&2; wait").current_dir(folder.path(""));
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    errors.read_line(&mut String::new()).unwrap();
    kill(guardian(&folder), Signal::SIGKILL).unwrap();
    assert_reports_the_guardian_s_death(&mut child, errors);
    assert!(!folder.path("harm").exists());
}

#[test]
fn a_command_does_not_start_if_the_guardian_ended_just_before() {
    let folder = Folder::new();
    let (guardian, theirs) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
    let input = File::open("/dev/null").unwrap();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [input.as_fd()];
    assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
    sendmsg(&guardian, &[IoSlice::new(&[0])], &mut control, SendFlags::empty()).unwrap();
    drop(guardian);
    let mut command = Command::new(support::reelseal());
    command.args(["__launch", "touch", "harm"]).current_dir(folder.path("")).stdin(theirs);
    assert_eq!(command.status().unwrap().code(), Some(127));
    assert!(!folder.path("harm").exists());
}

/// The parent of the command that wrote `pid`.
fn guardian(folder: &Folder) -> Pid {
    Pid::from_raw(text(&folder.read("pid")).trim().split_once(' ').unwrap().1.parse().unwrap())
}

#[test]
fn a_guardian_that_does_not_answer_does_not_keep_us_from_ending() {
    let folder = with_damaged_stream();
    let options = ["decrypt", "film.reel", "--kill-after", "0"];
    // The command stops its guardian only after it has read something, and so after its start was reported.
    let stop = "dd bs=1 count=1 status=none >/dev/null; kill -STOP $PPID; cat >/dev/null; touch harm";
    let output = run_with(&folder, &options, &["sh", "-c", &format!("echo $$ $PPID >ids && mv ids pid; {stop}")]);
    assert_refused(&output, 4, "cut short, extended or damaged in frame 2");
    if folder.path("pid").exists() {
        let _ = kill(guardian(&folder), Signal::SIGCONT);
        wait_for_end_of(guardian(&folder).as_raw());
    }
    assert!(!folder.path("harm").exists());
}

#[test]
fn a_failed_producer_that_leaves_its_output_open_is_reported_as_failed() {
    let folder = Folder::new();
    for (script, reported) in [
        ("setsid sleep 600 2>/dev/null & echo $! >left; exit 3", "sh: failed with exit code 3"),
        ("setsid sleep 600 2>/dev/null & echo $! >left; kill -9 $$", "sh: was killed by SIGKILL"),
    ] {
        assert_refused(&produce(&folder, script), 5, reported);
        kill(Pid::from_raw(text(&folder.read("left")).trim().parse().unwrap()), Signal::SIGKILL).unwrap();
        assert_eq!(folder.names(), ["left"]);
    }
}

#[test]
fn what_a_command_leaves_behind_may_go_on_reading_but_not_writing() {
    let folder = Folder::new();
    assert_refused(
        &produce(&folder, "yes & exit 0"),
        5,
        "sh: ended, but left behind a process that keeps its output open",
    );
    assert_refused(
        &produce(&folder, "(while sleep 0.1; do echo; done) & exit 0"),
        5,
        "sh: ended, but left behind a process",
    );

    let film = plaintext(3_000_000);
    assert_done(&folder.pipe(&["encrypt", "-o", "film.reel"], &film));
    assert_done(&consume(&folder, "exec 3<&0; (sleep 0.2; cat <&3 >taken) & exit 0"));
    // It may still be writing the rest of what it has read.
    let script = "exec 3<&0; (cat <&3; echo done >&2) & exit 0";
    let taken = consume(&folder, script);
    assert!(taken.status.success() && taken.stdout == film);
    let output = run_with(
        &folder,
        &["decrypt", "film.reel", "--timeout", "0.5"],
        &["sh", "-c", "exec 3<&0; sleep 600 <&3 & exit 0"],
    );
    assert_refused(&output, 5, "sh: did not finish within 500ms and was stopped");
}

#[test]
fn a_reader_outside_the_group_sees_no_end_of_a_stream_that_fails() {
    let folder = with_damaged_stream();
    let script = "exec 3<&0; setsid sh -c 'echo $$ >left; cat >/dev/null; touch harm' <&3 & while [ ! -s left ]; do sleep 0.01; done; wait";
    let mut command = folder.reelseal(&["decrypt", "--key-file", "key", "--kill-after", "0", "--", "sh", "-c", script]);
    let stream = folder.read("film.reel");
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(&stream[..8192 + 4160]).unwrap();
    while fs::read(folder.path("left")).unwrap_or_default().is_empty() {
        std::thread::yield_now();
    }
    let _ = input.write_all(&stream[8192 + 4160..]);
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(4));
    let left: i32 = text(&folder.read("left")).trim().parse().unwrap();
    kill(Pid::from_raw(left), Signal::SIGKILL).unwrap();
    wait_for_end_of(left);
    assert!(!folder.path("harm").exists());
}

#[test]
fn a_file_that_is_not_a_program_is_not_run_by_a_shell() {
    let folder = Folder::new();
    for (name, content, fact) in [
        ("film.mp4", "touch harm\n", "./film.mp4: cannot run: exec format error"),
        (
            "script",
            "#!/no/such/interpreter\n",
            "./script: cannot run: the interpreter that its first line names is missing",
        ),
    ] {
        let path = folder.write(name, content.as_bytes());
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let output = run_with(&folder, &["encrypt", "-o", "film.reel"], &[&format!("./{name}")]);
        assert_refused(&output, 5, fact);
        assert_eq!(folder.names(), [name]);
        fs::remove_file(folder.path(name)).unwrap();
    }
    assert_refused(&run_with(&folder, &["encrypt", "-o", "film.reel"], &["/"]), 5, "/: cannot run: is a directory");
}

#[test]
fn without_a_path_programs_are_where_they_always_are() {
    let folder = Folder::new();
    let mut command = folder.reelseal(&["encrypt", "-o", "film.reel", "--key-file", "key", "--", "true"]);
    assert_done(&command.env_remove("PATH").output().unwrap());
}

#[test]
fn sigkill_does_not_come_too_early() {
    let folder = Folder::new();
    let options = ["encrypt", "-o", "film.reel", "--timeout", "3", "--kill-after", "60"];
    let script = "trap 'sleep 1; touch cleaned; exit 1' TERM; sleep 600 & wait";
    assert_refused(&run_with(&folder, &options, &["sh", "-c", script]), 5, "did not finish within 3s");
    assert_eq!(folder.names(), ["cleaned"]);
}

#[test]
fn a_signal_that_ends_us_waits_for_the_command_to_end() {
    let folder = Folder::new();
    let mut command = folder.reelseal(&["encrypt", "-o", "film.reel", "--key-file", "key", "--", "sh", "-c"]);
    command
        .arg("trap 'sleep 0.5; touch cleaned; exit 1' TERM; echo ready >&2; sleep 600 & wait")
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut String::new()).unwrap();
    kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(15));
    assert_eq!(folder.names(), ["cleaned"]);
}

#[test]
fn no_zombie_and_no_process_is_left() {
    let (folder, _) = with_stream(300_000);
    for script in ["cat >/dev/null", "exit 0", "sleep 0.01 & cat >/dev/null"] {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut command = folder.reelseal(&["decrypt", "film.reel", "--key-file", "key", "--", "sh", "-c"]);
        command.arg(format!("echo $$ $PPID >pid; {script}")).stdout(writer);
        let status = command.status().unwrap();
        drop(command);
        assert!(status.success());
        { reader }.read_to_end(&mut Vec::new()).unwrap();
        assert!(is_gone(&folder), "{script}");
    }
}

#[test]
fn a_hidden_process_started_by_hand_does_nothing() {
    let folder = Folder::new();
    for hidden in ["__guard", "__launch"] {
        let output = folder.reelseal(&[hidden, "touch", "harm"]).output().unwrap();
        assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
        assert_eq!(folder.names(), Vec::<String>::new());
    }
}

#[test]
#[ignore = "needs strace"]
fn a_consumer_sees_no_end_whichever_call_kills_us_in_1000_tries() {
    let (folder, _) = with_stream(300_000);
    let mut cut = folder.read("film.reel");
    cut.truncate(200_000);
    folder.write("cut.reel", &cut);
    let start = |program: &str, options: &[&str], input: Stdio| {
        let mut command = Command::new(program);
        command.args(options);
        command.args(["decrypt", "--key-file", "key", "--threads", "1", "--kill-after", "0", "--", "sh", "-c"]);
        command.arg("cat >/dev/null; touch harm").current_dir(folder.path(""));
        command.stdin(input).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let reelseal = support::reelseal();
    // Traces only the main thread, which does most of the work, with a stream that is cut short.
    let traced = |injection: &str| {
        let input = File::open(folder.path("cut.reel")).unwrap();
        start("strace", &["-qq", "-o", "calls", "-e", injection, reelseal], input.into())
    };
    traced("trace=all").wait_with_output().unwrap();
    let calls = text(&folder.read("calls")).lines().count();
    let mut random = 1_u64;
    let mut killed = 0;
    for at in 0..1000 {
        let mut child = if at % 2 == 0 {
            traced(&format!("inject=all:signal=KILL:when={}", 1 + at / 2 % calls))
        } else {
            // With a stream that does not end, killed at a random moment: nothing is waited for.
            let (input, mut end) = std::io::pipe().unwrap();
            let mut child = start(reelseal, &[], input.into());
            end.write_all(&cut[..60_000]).unwrap();
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            std::thread::sleep(std::time::Duration::from_micros((random >> 33) % 8_000));
            child.kill().unwrap();
            child
        };
        let status = child.wait().unwrap();
        killed += usize::from(status.signal() == Some(9));
        // The command and its guardian hold this, so they are gone once it ends.
        child.stderr.take().unwrap().read_to_end(&mut Vec::new()).unwrap();
        assert!(!folder.path("harm").exists(), "try {at}: {status:?}");
    }
    assert!(killed > 600, "{killed}");
}
