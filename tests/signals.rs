//! Signals at many moments, chosen by system call: there is never a partial file under the final name, or a temporary
//! one.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, PipeReader, PipeWriter, Read, Write},
    os::unix::process::ExitStatusExt,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};
use support::{Folder, plaintext, text};

const LENGTH: usize = 300_000;
/// Long enough for a signal to arrive in the meantime, most of the time.
const DELAY: &str = "50ms";

/// The command under strace.
struct Traced {
    command: Child,
    /// Whether it is or was held in a system call; otherwise it has ended by itself.
    held: bool,
}

impl Traced {
    /// Starts the command; a thread that makes its `when`th `call` is held there for `delay`, as by a file system that
    /// is slow to answer. strace also performs `injection`.
    fn held_at(folder: &Folder, at: (&str, usize, &str), injection: Option<&str>, arguments: &[&str]) -> Self {
        Self::with_threads_held_at(folder, 1, at, injection, arguments)
    }

    /// Like [`Traced::held_at`], but waits until this many threads are held.
    fn with_threads_held_at(
        folder: &Folder,
        threads: usize,
        (call, when, delay): (&str, usize, &str),
        injection: Option<&str>,
        arguments: &[&str],
    ) -> Self {
        let mut strace = Command::new("strace");
        // strace runs as a grandchild, so that the child is the command itself.
        strace.args(["-D", "-f", "-qq", "-o", "|cat >&2", "-e", "signal=none"]);
        strace.args(["-e", &format!("trace=openat,{call}")]);
        strace.args(["-e", &format!("inject={call}:delay_enter={delay}:when={when}")]);
        if let Some(injection) = injection {
            strace.args(["-e", &format!("inject={injection}")]);
        }
        strace.arg(support::reelseal()).args(arguments).args(["--key-file", "key", "--threads", "2"]);
        let mut command = strace.current_dir(folder.path("")).stderr(Stdio::piped()).spawn().unwrap();
        let (mut log, mut more) = (Vec::new(), [0; 256]);
        while threads_at(&text(&log), call, when) < threads {
            match command.stderr.as_mut().unwrap().read(&mut more).unwrap() {
                0 => return Self { command, held: false },
                count => log.extend(&more[..count]),
            }
        }
        Self { command, held: true }
    }

    fn send(&self, signal: Signal) {
        kill(Pid::from_raw(self.command.id().try_into().unwrap()), signal).unwrap();
    }
}

/// How many threads have made their `when`th `call`. Each entry is on a line that begins with the thread's number.
fn threads_at(log: &str, call: &str, when: usize) -> usize {
    let mut counts = HashMap::<&str, usize>::new();
    for (thread, rest) in log.lines().filter_map(|line| line.split_once(' ')) {
        let is_entry = rest.trim_start().strip_prefix(call).is_some_and(|rest| rest.starts_with('('));
        *counts.entry(thread).or_default() += usize::from(is_entry);
    }
    counts.into_values().filter(|&count| count >= when).count()
}

fn prepared() -> Folder {
    let folder = Folder::new();
    folder.write("film", &plaintext(LENGTH));
    assert!(folder.run(&["encrypt", "film"]).status.success());
    folder
}

/// Sends `signal` to the command where it is held, and returns whether the command died of it; otherwise it must have
/// succeeded.
#[track_caller]
fn ends_by(mut traced: Traced, signal: Signal, moment: &str) -> bool {
    if traced.held {
        traced.send(signal);
    }
    let status = traced.command.wait().unwrap();
    assert!(status.success() || status.signal() == Some(signal as i32), "{moment}: {status:?}");
    !status.success()
}

/// Asserts that the folder holds only what it held before, and perhaps a whole output.
#[track_caller]
fn assert_whole_or_absent(folder: &Folder, output: &str, moment: &str) {
    let mut names = folder.names();
    names.retain(|name| name != "film" && name != "film.reel");
    match names.as_slice() {
        [] => {}
        [name] if name == output => {
            let back =
                if output == "back" { folder.read(output) } else { folder.run(&["decrypt", output, "-o", "-"]).stdout };
            assert!(back == plaintext(LENGTH), "{moment}: partial");
            std::fs::remove_file(folder.path(output)).unwrap();
        }
        _ => panic!("{moment}: {names:?}"),
    }
}

/// The signals that a thread has blocked, as one bit each.
fn blocked_signals(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap()
}

#[test]
fn signals_go_to_a_thread_of_their_own_which_no_file_system_holds() {
    let folder = Folder::new();
    let encrypt = &mut folder.reelseal(&["encrypt", "--threads", "2", "--key-file", "key"]);
    let mut child = encrypt.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut first = [0];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    let tasks = format!("/proc/{}/task", child.id());
    let masks = || -> Vec<u64> {
        let tasks = std::fs::read_dir(&tasks).unwrap().map(|task| task.unwrap().path().join("status"));
        // A thread may end while it is being inspected.
        tasks.filter_map(|status| Some(blocked_signals(&std::fs::read_to_string(status).ok()?))).collect()
    };
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let taking = || masks().iter().filter(|&mask| mask & (1 << (signal as i32 - 1)) == 0).count();
        // The thread that receives them may only just have started.
        let taking = std::iter::repeat_with(taking).find(|&threads| threads > 0);
        assert_eq!(taking, Some(1), "{signal}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
#[ignore = "needs strace"]
fn interrupts_end_a_run_that_a_file_system_holds_up_while_it_names_its_output() {
    let folder = prepared();
    for arguments in [["encrypt", "film", "-o", "new.reel"].as_slice(), &["encrypt", "film", "--force"]] {
        let before = folder.read("film.reel");
        let mut traced = Traced::held_at(&folder, ("linkat", 1, "5s"), None, arguments);
        let status = loop {
            // As an impatient user does it: the first signal may wait for the file system, but the others must not. If
            // they did, the output would be named in the end.
            traced.send(Signal::SIGINT);
            thread::sleep(Duration::from_millis(10));
            if let Some(status) = traced.command.try_wait().unwrap() {
                break status;
            }
        };
        assert_eq!(status.signal(), Some(Signal::SIGINT as i32), "{status:?}");
        assert_eq!(folder.names(), ["film", "film.reel"]);
        assert!(folder.read("film.reel") == before);
    }
}

const CALLS: [&str; 9] =
    ["openat", "pread64", "pwritev", "pwrite64", "fsync", "linkat", "fchmod", "utimensat", "close"];

#[test]
#[ignore = "needs strace"]
fn a_signal_at_any_system_call_leaves_a_whole_file_or_none() {
    let folder = prepared();
    let mut ended_by_signal = 0;
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGKILL] {
        for call in CALLS {
            for when in [1, 2, 4] {
                for (output, arguments) in [
                    ("new.reel", ["encrypt", "film", "-o", "new.reel"]),
                    ("back", ["decrypt", "film.reel", "-o", "back"]),
                ] {
                    let moment = format!("{signal} at {call} {when}, {output}");
                    let traced = Traced::held_at(&folder, (call, when, DELAY), None, &arguments);
                    ended_by_signal += usize::from(ends_by(traced, signal, &moment));
                    assert_whole_or_absent(&folder, output, &moment);
                }
            }
        }
    }
    assert!(ended_by_signal > 100, "{ended_by_signal}");
}

const CLIPS: usize = 40;

/// A folder of clips.
fn clips() -> Folder {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("clips")).unwrap();
    (0..CLIPS).for_each(|at| drop(folder.write(&format!("clips/{at}"), &plaintext(1000 + at))));
    folder
}

/// The clips that are left, and the outputs, each of which is whole.
#[track_caller]
fn clips_and_outputs(folder: &Folder, moment: &str) -> (Vec<usize>, Vec<usize>) {
    let numbers = |store: &str, suffix: &str| -> Vec<usize> {
        let names = std::fs::read_dir(folder.path(store)).into_iter().flatten();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let number = |name: String| name.strip_suffix(suffix).and_then(|name| name.parse().ok());
        names.map(|name| number(name.clone()).unwrap_or_else(|| panic!("{moment}: {name}"))).collect()
    };
    let (left, outputs) = (numbers("clips", ""), numbers("out/clips", ".reel"));
    if !outputs.is_empty() {
        assert!(folder.run(&["decrypt", "--recursive", "out", "--output-dir", "back"]).status.success(), "{moment}");
    }
    for at in &outputs {
        assert!(folder.read(&format!("back/out/clips/{at}")) == plaintext(1000 + at), "{moment}: {at}");
    }
    (left, outputs)
}

const SEAL_CLIPS: [&str; 5] = ["encrypt", "--recursive", "clips", "--output-dir", "out"];
/// As on a disk, whatever the test itself uses, so that many files are in hand at once.
const ON_A_DISK: Option<&str> = Some("fstatfs:error=ENOSYS");

#[test]
#[ignore = "needs strace"]
fn a_signal_while_many_files_wait_for_the_disk_leaves_the_input_or_a_whole_output_of_each() {
    let mut ended_by_signal = 0;
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGKILL] {
        for call in ["fsync", "linkat", "unlink", "close"] {
            for when in [1, 2, 3] {
                let (folder, moment) = (clips(), format!("{signal} at {call} {when}"));
                let arguments = [SEAL_CLIPS.as_slice(), &["--remove"]].concat();
                let traced = Traced::held_at(&folder, (call, when, DELAY), ON_A_DISK, &arguments);
                ended_by_signal += usize::from(ends_by(traced, signal, &moment));
                let (mut there, outputs) = clips_and_outputs(&folder, &moment);
                there.extend(outputs);
                there.sort_unstable();
                there.dedup();
                assert_eq!(there.len(), CLIPS, "{moment}");
            }
        }
    }
    assert!(ended_by_signal > 24, "{ended_by_signal}");
}

#[test]
#[ignore = "needs strace"]
fn a_file_that_waits_for_the_disk_is_reported_as_under_way() {
    let folder = clips();
    std::fs::create_dir_all(folder.path("out/clips")).unwrap();
    // Each thread waits a long time for the disk with its second file.
    let mut traced = Traced::with_threads_held_at(&folder, 4, ("fsync", 3, "3s"), ON_A_DISK, &SEAL_CLIPS);
    traced.send(Signal::SIGINT);
    let mut reported = String::new();
    let mut errors = BufReader::new(traced.command.stderr.take().unwrap());
    while !reported.contains("interrupted: ") {
        reported.clear();
        assert!(errors.read_line(&mut reported).unwrap() > 0);
    }
    assert_eq!(traced.command.wait().unwrap().signal(), Some(Signal::SIGINT as i32));
    let (_, counts) = reported.trim_end().split_once("interrupted: ").unwrap();
    let counts: Vec<usize> = counts.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [done, files, under_way, not_begun] = counts[..] else { panic!("{reported}") };
    assert_eq!((files, done + under_way + not_begun), (CLIPS, CLIPS), "{reported}");
    let (_, outputs) = clips_and_outputs(&folder, &reported);
    assert!((done..=done + under_way).contains(&outputs.len()), "{reported}");
    assert!(under_way >= 4, "{reported}");
}

/// The number, among the calls of the main thread that open a file, of the one that opens a file without a name.
fn unnamed_opening(folder: &Folder, arguments: &[&str]) -> usize {
    let mut command = Command::new("strace");
    command.args(["-qq", "-e", "trace=openat", "-e", "signal=none", "-o", "log", support::reelseal()]);
    command.args(arguments).args(["--key-file", "key"]).current_dir(folder.path(""));
    assert!(command.output().unwrap().status.success());
    let log = text(&folder.read("log"));
    std::fs::remove_file(folder.path("log")).unwrap();
    1 + log.lines().position(|line| line.contains("O_TMPFILE")).unwrap()
}

#[test]
fn restic_1427_a_request_for_the_status_is_answered_and_the_run_goes_on() {
    let folder = Folder::new();
    let encrypt = &mut folder.reelseal(&["encrypt", "-o", "film.reel", "--key-file", "key"]);
    let mut child = encrypt.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // More than the pipe holds: once it is written, frames are under way.
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(&plaintext(4 << 20)).unwrap();
    kill(Pid::from_raw(child.id() as i32), Signal::SIGUSR1).unwrap();
    let mut reported = String::new();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    errors.read_line(&mut reported).unwrap();
    assert!(reported.starts_with("reelseal: standard input: ") && reported.ends_with("iB/s\n"), "{reported}");
    drop(pipe);
    assert!(child.wait().unwrap().success());
    assert!(folder.run(&["decrypt", "film.reel", "-o", "-"]).stdout == plaintext(4 << 20));
}

/// A full pipe, which accepts no more.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    while writer.write(&[b'x'; 4096]).is_ok() {}
    while writer.write(b"x").is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).unwrap();
    (reader, writer)
}

#[test]
fn a_status_that_nobody_reads_keeps_no_signal_waiting() {
    let folder = Folder::new();
    let (_unread, errors) = full_pipe();
    let encrypt = &mut folder.reelseal(&["encrypt", "-o", "film.reel", "--key-file", "key"]);
    let mut child = encrypt.stdin(Stdio::piped()).stderr(errors).spawn().unwrap();
    // More than the pipe holds: once it is written, frames are under way.
    child.stdin.as_mut().unwrap().write_all(&plaintext(4 << 20)).unwrap();
    let process = Pid::from_raw(child.id() as i32);
    for signal in [Signal::SIGUSR1, Signal::SIGUSR1, Signal::SIGTERM] {
        kill(process, signal).unwrap();
    }
    // The input stays open: the signal alone can end the process.
    let _open = child.stdin.take();
    // If one of them waited for the other, this would wait for ever.
    assert_eq!(child.wait().unwrap().signal(), Some(Signal::SIGTERM as i32));
    assert_eq!(folder.names(), Vec::<String>::new());
}

#[test]
fn a_request_for_the_status_is_answered_with_an_object_for_programs() {
    let folder = Folder::new();
    let arguments = ["encrypt", "-o", "film.reel", "--key-file", "key", "--progress", "json"];
    let mut child = folder.reelseal(&arguments).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // More than the pipe holds: once it is written, frames are under way.
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(&plaintext(4 << 20)).unwrap();
    kill(Pid::from_raw(child.id() as i32), Signal::SIGUSR1).unwrap();
    let mut reported = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut reported).unwrap();
    let mut object: Value = serde_json::from_str(&reported).unwrap();
    for number in ["bytes", "bytes_per_second"] {
        assert!(object[number].take().as_u64().is_some(), "{reported}");
    }
    let expected = json!({
        "event": "progress", "file": null, "bytes": null, "total": null, "bytes_per_second": null,
        "files_done": 0, "files_failed": 0, "files": 1,
    });
    assert_eq!(object, expected);
    drop(pipe);
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_status_of_many_files_tells_what_is_done_from_what_failed() {
    let folder = prepared();
    assert!(Command::new("mkfifo").arg(folder.path("fifo")).status().unwrap().success());
    let arguments = ["verify", "film.reel", "missing", "fifo", "--threads", "1", "--key-file", "key"];
    for (form, status, expected) in [
        ("json", "files_done", r#""files":3,"files_done":1,"files_failed":1,"#),
        ("never", " of 3 files, ", "reelseal: 1 of 3 files, "),
    ] {
        let verify = &mut folder.reelseal(&[arguments.as_slice(), &["--progress", form]].concat());
        let mut child = verify.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        // Once the fifo is opened for reading, the files before it have ended.
        let mut fifo = std::fs::File::options().write(true).open(folder.path("fifo")).unwrap();
        kill(Pid::from_raw(child.id() as i32), Signal::SIGUSR1).unwrap();
        let mut reported = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let reported_status = reported.find(|line| line.contains(status)).unwrap();
        assert!(reported_status.contains(expected), "{reported_status}");
        fifo.write_all(&folder.read("film.reel")).unwrap();
        drop(fifo);
        reported.for_each(drop);
        assert_eq!(child.wait().unwrap().code(), Some(1));
    }
}

#[test]
fn a_request_for_the_status_is_answered_before_a_file_is_under_way() {
    let folder = prepared();
    assert!(Command::new("mkfifo").arg(folder.path("fifo")).status().unwrap().success());
    let passwd = &mut folder.reelseal(&["passwd", "film.reel", "--key-file", "fifo", "--new-key-file", "key"]);
    let mut child = passwd.stderr(Stdio::piped()).spawn().unwrap();
    // Opening blocks until the command opens it too.
    let mut fifo = std::fs::File::options().write(true).open(folder.path("fifo")).unwrap();
    kill(Pid::from_raw(child.id() as i32), Signal::SIGUSR1).unwrap();
    let mut reported = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut reported).unwrap();
    assert_eq!(reported, "reelseal: nothing is under way yet\n");
    fifo.write_all(&folder.read("key")).unwrap();
    drop(fifo);
    assert!(child.wait().unwrap().success());
}

#[test]
#[ignore = "needs strace"]
fn where_files_must_have_names_a_signal_removes_the_temporary_one() {
    let folder = prepared();
    let arguments = ["encrypt", "film", "-o", "new.reel"];
    let opening = unnamed_opening(&folder, &arguments);
    std::fs::remove_file(folder.path("new.reel")).unwrap();
    let no_unnamed = format!("openat:error=EOPNOTSUPP:when={opening}");
    let mut ended_by_signal = 0;
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGUSR2, Signal::SIGXCPU] {
        for call in ["pwrite64", "pwritev", "fsync", "renameat2", "close"] {
            for when in [1, 2, 6] {
                let moment = format!("{signal} at {call} {when}");
                let traced = Traced::held_at(&folder, (call, when, DELAY), Some(&no_unnamed), &arguments);
                ended_by_signal += usize::from(ends_by(traced, signal, &moment));
                assert_whole_or_absent(&folder, "new.reel", &moment);
            }
        }
    }
    assert!(ended_by_signal > 20, "{ended_by_signal}");
}

/// Starts a command that reads the pipe `fifo` in `folder`, and interrupts it while it waits there. Returns what it has
/// printed to standard error.
fn interrupted(folder: &Folder, arguments: &[&str]) -> String {
    assert!(Command::new("mkfifo").arg(folder.path("fifo")).status().unwrap().success());
    let child = folder.reelseal(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    // Opening blocks until the command opens it too, which then waits for input that never comes.
    let _fifo = std::fs::File::options().write(true).open(folder.path("fifo")).unwrap();
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.signal(), Some(Signal::SIGINT as i32));
    text(&output.stderr)
}

#[test]
fn an_interrupt_of_a_batch_ends_it_by_that_signal_and_reports_how_each_file_ended() {
    let folder = prepared();
    let arguments = ["verify", "film.reel", "missing", "fifo", "other", "--key-file", "key", "--threads", "1"];
    let reported = interrupted(&folder, &arguments);
    let (_, summary) = reported.split_once("reelseal: interrupted: ").unwrap();
    assert_eq!(
        summary,
        "1 of 4 files done, 1 failed, 1 under way, 1 not begun:\n\
         reelseal:   missing: cannot open: no such file or directory\n"
    );
}

#[test]
fn an_interrupt_of_a_batch_leaves_nothing_of_the_file_under_way() {
    let folder = Folder::new();
    folder.write("a", &plaintext(LENGTH));
    folder.write("b", &plaintext(LENGTH));
    let arguments = ["encrypt", "a", "b", "--passphrase-file", "fifo", "--threads", "1"];
    let reported = interrupted(&folder, &arguments);
    assert_eq!(reported, "reelseal: interrupted: 0 of 2 files done, 1 under way, 1 not begun\n");
    assert_eq!(folder.names(), ["a", "b", "fifo"]);
}

#[test]
fn an_interrupt_of_a_single_file_says_nothing() {
    let folder = Folder::new();
    assert_eq!(interrupted(&folder, &["verify", "fifo", "--key-file", "key"]), "");
}

#[test]
fn a_summary_that_nobody_reads_keeps_no_interrupt_waiting_for_ever() {
    let folder = prepared();
    assert!(Command::new("mkfifo").arg(folder.path("fifo")).status().unwrap().success());
    let (_unread, errors) = full_pipe();
    let verify = &mut folder.reelseal(&["verify", "film.reel", "fifo", "--key-file", "key"]);
    let mut child = verify.stdout(Stdio::null()).stderr(errors).spawn().unwrap();
    let _fifo = std::fs::File::options().write(true).open(folder.path("fifo")).unwrap();
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(Signal::SIGINT as i32));
}
