//! What a recorder reports to systemd, and the unit that comes with it.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    fs::{self, File},
    os::unix::net::UnixDatagram,
    process::{Command, Stdio},
    thread,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use support::{Folder, text};

/// The next message.
fn said(socket: &UnixDatagram) -> String {
    let mut area = [0; 4096];
    let length = socket.recv(&mut area).unwrap();
    text(&area[..length])
}

#[test]
fn a_service_manager_hears_of_the_start_of_signs_of_life_and_of_the_end() {
    let folder = Folder::new();
    let socket = UnixDatagram::bind(folder.path("notify")).unwrap();
    let script = "echo ${NOTIFY_SOCKET-none} ${WATCHDOG_USEC-none}; exec sleep 1000";
    let arguments = ["record", "--output-dir", "cam", "--key-file", "key", "--", "sh", "-c", script];
    let mut command = folder.reelseal(&arguments);
    command.env("NOTIFY_SOCKET", folder.path("notify")).env("WATCHDOG_USEC", "200000");
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    // The status line may come first, since another thread sends it.
    let (mut ready, mut watched, mut line) = (false, 0, String::new());
    while !ready || watched < 3 || !line.contains("10 B received") {
        let said = said(&socket);
        ready |= said == "READY=1\n";
        watched += usize::from(said == "WATCHDOG=1\n");
        if let Some(status) = said.strip_prefix("STATUS=") {
            line = status.to_owned();
        }
        assert!(!said.contains("STOPPING"), "{said}");
    }
    assert!(line.starts_with("sh: 10 B received, recording 2") && line.contains(".bin.reel, process "), "{line}");
    kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
    while said(&socket) != "STOPPING=1\n" {}
    assert!(child.wait().unwrap().success());
    socket.set_nonblocking(true).unwrap();
    let mut area = [0; 4096];
    while let Ok(length) = socket.recv(&mut area) {
        assert_ne!(text(&area[..length]), "STOPPING=1\n", "said twice");
    }
    // None of this is passed to the command.
    assert_eq!(folder.run(&["decrypt", "cam", "-o", "-"]).stdout, b"none none\n");
}

#[test]
fn a_service_manager_that_no_longer_listens_holds_nothing_up() {
    let folder = Folder::new();
    let socket = UnixDatagram::bind(folder.path("notify")).unwrap();
    // Filled until its queue is full.
    let sender = UnixDatagram::unbound().unwrap();
    sender.set_nonblocking(true).unwrap();
    while sender.send_to(b"STATUS=full\n", folder.path("notify")).is_ok() {}
    let script = "echo film; exec sleep 1000";
    let arguments = ["record", "--output-dir", "cam", "--key-file", "key", "--", "sh", "-c", script];
    let mut command = folder.reelseal(&arguments);
    command.env("NOTIFY_SOCKET", folder.path("notify")).env("WATCHDOG_USEC", "20000");
    let mut child = command.spawn().unwrap();
    let is_recording = || fs::read_dir(folder.path("cam")).is_ok_and(|entries| entries.count() > 0);
    while !is_recording() {
        assert!(child.try_wait().unwrap().is_none());
        thread::yield_now();
    }
    kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    drop(socket);
}

#[test]
fn without_a_service_manager_nothing_is_missed() {
    let folder = Folder::new();
    let arguments = ["record", "--output-dir", "cam", "--key-file", "key"];
    let mut command = folder.reelseal(&arguments);
    command.env("NOTIFY_SOCKET", folder.path("nobody")).env("WATCHDOG_USEC", "x");
    let output = command.stdin(File::open("/dev/null").unwrap()).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
}

#[test]
#[ignore = "needs systemd-analyze"]
fn systemd_finds_nothing_wrong_with_the_unit() {
    let folder = Folder::new();
    let unit = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/reelseal-record@.service")).unwrap();
    let unit = unit.replace("/usr/bin/reelseal", support::reelseal());
    let path = folder.write("reelseal-record@front.service", unit.as_bytes());
    let verify = |path: &std::path::Path| {
        let mut command = Command::new("systemd-analyze");
        let output = command.args(["verify", "--man=no", "--recursive-errors=no"]).arg(path).output().unwrap();
        (output.status.success(), text(&output.stderr))
    };
    assert_eq!(verify(&path), (true, String::new()));
    // It would find a fault.
    let wrong = folder.write("wrong@front.service", unit.replace("KillMode=mixed", "KillMode=sometimes").as_bytes());
    assert!(verify(&wrong).1.contains("kill mode"), "{:?}", verify(&wrong));
    // Its command line is valid, apart from the folder and the key.
    let start = unit.replace("\\\n", " ");
    let start = start.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let line = start.replace("-- ffmpeg", "--help -- ffmpeg");
    let mut command = Command::new("sh");
    for variable in ["STATE_DIRECTORY", "CREDENTIALS_DIRECTORY", "RUNTIME_DIRECTORY", "CAMERA"] {
        command.env(variable, "/somewhere");
    }
    let shown = command.args(["-c", &line]).output().unwrap();
    assert!(shown.status.success(), "{}", text(&shown.stderr));
}
