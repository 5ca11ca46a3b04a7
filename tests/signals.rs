//! Signals at many moments, chosen by system call: never a partial file under the final name, and no temporary one.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::process::ExitStatusExt,
    process::{Command, ExitStatus, Stdio},
};

use support::{Folder, plaintext, text};

const LENGTH: usize = 300_000;

/// Runs the command under strace, which does `injection` to it.
fn injected(folder: &Folder, injections: &[String], arguments: &[&str]) -> ExitStatus {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", "signal=none"]);
    for injection in injections {
        command.args(["-e", &format!("inject={injection}")]);
    }
    command.arg(env!("CARGO_BIN_EXE_reelseal")).args(arguments).args(["--key-file", "key", "--threads", "2"]);
    command.current_dir(folder.path("")).output().unwrap().status
}

fn prepared() -> Folder {
    let folder = Folder::new();
    folder.write("film", &plaintext(LENGTH));
    assert!(folder.run(&["encrypt", "film"]).status.success());
    folder
}

/// That nothing stands in the folder but what did, and perhaps a whole output.
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

const CALLS: [&str; 9] =
    ["openat", "pread64", "pwritev", "pwrite64", "fsync", "linkat", "fchmod", "utimensat", "close"];

#[test]
#[ignore = "needs strace"]
fn a_signal_at_any_system_call_leaves_a_whole_file_or_none() {
    let folder = prepared();
    let mut ended_by_signal = 0;
    for signal in ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"] {
        for call in CALLS {
            for when in [1, 2, 4] {
                for (output, arguments) in [
                    ("new.reel", ["encrypt", "film", "-o", "new.reel"]),
                    ("back", ["decrypt", "film.reel", "-o", "back"]),
                ] {
                    let moment = format!("{signal} at {call} {when}, {output}");
                    let status = injected(&folder, &[format!("{call}:signal={signal}:when={when}")], &arguments);
                    ended_by_signal += usize::from(status.signal().is_some());
                    assert!(status.signal().is_some() || status.code() == Some(0), "{moment}: {status:?}");
                    assert_whole_or_absent(&folder, output, &moment);
                }
            }
        }
    }
    assert!(ended_by_signal > 100, "{ended_by_signal}");
}

/// Which of the main thread's openings is that of a file without a name.
fn unnamed_opening(folder: &Folder, arguments: &[&str]) -> usize {
    let mut command = Command::new("strace");
    command.args(["-qq", "-e", "trace=open", "-e", "signal=none", "-o", "log", env!("CARGO_BIN_EXE_reelseal")]);
    command.args(arguments).args(["--key-file", "key"]).current_dir(folder.path(""));
    assert!(command.output().unwrap().status.success());
    let log = text(&folder.read("log"));
    std::fs::remove_file(folder.path("log")).unwrap();
    1 + log.lines().position(|line| line.contains("O_TMPFILE")).unwrap()
}

#[test]
fn a_request_for_the_status_is_answered_and_the_run_goes_on() {
    let folder = Folder::new();
    let encrypt = &mut folder.reelseal(&["encrypt", "-o", "film.reel", "--key-file", "key"]);
    let mut child = encrypt.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // More than the pipe holds: when it is written, frames are under way.
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(&plaintext(4 << 20)).unwrap();
    let process = nix::unistd::Pid::from_raw(child.id() as i32);
    nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGUSR1).unwrap();
    let mut told = String::new();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    errors.read_line(&mut told).unwrap();
    assert!(told.starts_with("reelseal: standard input: ") && told.ends_with("iB/s\n"), "{told}");
    drop(pipe);
    assert!(child.wait().unwrap().success());
    assert!(folder.run(&["decrypt", "film.reel", "-o", "-"]).stdout == plaintext(4 << 20));
}

#[test]
#[ignore = "needs strace"]
fn where_files_must_have_names_a_signal_removes_the_temporary_one() {
    let folder = prepared();
    let arguments = ["encrypt", "film", "-o", "new.reel"];
    let opening = unnamed_opening(&folder, &arguments);
    std::fs::remove_file(folder.path("new.reel")).unwrap();
    let no_unnamed = format!("open:error=EOPNOTSUPP:when={opening}");
    let done = injected(&folder, std::slice::from_ref(&no_unnamed), &arguments);
    assert!(done.success(), "{done:?}");
    assert_whole_or_absent(&folder, "new.reel", "no signal");
    for signal in ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2", "SIGXCPU"] {
        for call in ["pwrite64", "pwritev", "fsync", "renameat2", "close"] {
            for when in [1, 2, 6] {
                let moment = format!("{signal} at {call} {when}");
                let injections = [no_unnamed.clone(), format!("{call}:signal={signal}:when={when}")];
                let status = injected(&folder, &injections, &arguments);
                assert!(status.signal().is_some() || status.code() == Some(0), "{moment}: {status:?}");
                assert_whole_or_absent(&folder, "new.reel", &moment);
            }
        }
    }
}
