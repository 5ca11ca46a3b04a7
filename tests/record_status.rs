//! A recorder's status over HTTP: who gets it, what it says, what can be requested, and that nobody can hold up the
//! recorder.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    fs,
    io::{PipeWriter, Read, Write},
    net::TcpStream,
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
        process::CommandExt,
    },
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use support::{
    Folder, assert_done, assert_refused, feed,
    recorder::{Recorder, ask, post, recorded, segments, status},
    text,
};

/// A recorder of what is written to the pipe, with the pipe and the path of its status socket.
fn recorder(folder: &Folder) -> (Recorder, PipeWriter, PathBuf) {
    let (mut recorder, mut writer) = Recorder::start(folder, &["--status", "cam.sock"]);
    writer.write_all(b"first").unwrap();
    recorder.wait_for("segment", &[("state", json!("begun"))]);
    (recorder, writer, folder.path("cam.sock"))
}

/// Waits until this many bytes have arrived.
fn wait_for_bytes(socket: &std::path::Path, bytes: u64) -> Value {
    loop {
        let status = status(socket);
        if status["bytes"] == bytes {
            return status;
        }
    }
}

#[test]
fn the_status_says_how_a_recording_of_a_pipe_is_doing() {
    let folder = Folder::new();
    let (recorder, mut writer, socket) = recorder(&folder);
    let status = wait_for_bytes(&socket, 5);
    assert_eq!(status["segment"], segments(&folder)[0]);
    assert_eq!((&status["pid"], &status["running"], &status["last_exit"]), (&Value::Null, &json!(false), &Value::Null));
    assert!(status["uptime"].as_f64().unwrap() > 0.0 && status["recorder"]["memory"].as_u64().unwrap() > 1 << 20);
    let at = status["last_byte_at"].as_str().unwrap();
    assert!(at.ends_with('Z') && at.len() == "2026-11-24T10:00:07.123Z".len(), "{at}");
    writer.write_all(b"second").unwrap();
    wait_for_bytes(&socket, 11);
    assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(post(&socket, "/restart"), "HTTP/1.1 409 Conflict");
    recorder.stop();
    assert!(!socket.exists());
}

#[test]
fn a_segment_begins_when_one_is_asked_for_and_only_then() {
    let folder = Folder::new();
    let (mut recorder, mut writer, socket) = recorder(&folder);
    let (refused, body) = ask(&socket, "POST /cut", "Content-Type: text/plain\r\n");
    assert!(refused.starts_with("HTTP/1.1 403 ") && body.contains("X-Reelseal"), "{refused} {body}");
    writer.write_all(b" and").unwrap();
    wait_for_bytes(&socket, 9);
    assert_eq!(segments(&folder).len(), 1);
    assert_eq!(post(&socket, "/cut"), "HTTP/1.1 202 Accepted");
    assert_eq!(post(&socket, "/cut"), "HTTP/1.1 429 Too Many Requests");
    writer.write_all(b" second").unwrap();
    let finished = recorder.wait_for("segment", &[("state", json!("finished"))]);
    assert_eq!(finished["bytes"], 9);
    recorder.wait_for("segment", &[("state", json!("begun"))]);
    recorder.stop();
    assert_eq!((recorded(&folder), segments(&folder).len()), (b"first and second".to_vec(), 2));
}

#[test]
fn a_command_is_restarted_when_that_is_asked_for() {
    let folder = Folder::new();
    let script = "echo $$; exec sleep 1000";
    let (mut recorder, _) = Recorder::start(&folder, &["--status", "cam.sock", "--", "sh", "-c", script]);
    let first = recorder.wait_for("start", &[])["pid"].clone();
    let socket = folder.path("cam.sock");
    wait_for_bytes(&socket, format!("{first}\n").replace('"', "").len() as u64);
    let before = status(&socket);
    assert_eq!((&before["pid"], &before["running"], &before["restarts"]), (&first, &json!(true), &json!(0)));
    assert!(before["memory"].as_u64().unwrap() > 0);
    assert_eq!(post(&socket, "/restart"), "HTTP/1.1 202 Accepted");
    let exit = recorder.wait_for("exit", &[]);
    assert_eq!((&exit["reason"], &exit["signal"]), (&json!("restart"), &json!("SIGTERM")));
    let second = recorder.wait_for("start", &[])["pid"].clone();
    assert_ne!(first, second);
    recorder.wait_for("segment", &[("state", json!("begun")), ("bytes", Value::Null)]);
    let after = status(&socket);
    assert_eq!((&after["pid"], &after["restarts"]), (&second, &json!(1)));
    assert_eq!(after["last_exit"], json!({"exit_code": null, "signal": "SIGTERM", "reason": "restart"}));
    recorder.stop();
}

#[test]
fn clients_that_say_nothing_or_never_stop_hold_up_neither_the_recording_nor_the_others() {
    let folder = Folder::new();
    let (mut recorder, mut writer, socket) = recorder(&folder);
    let silent: Vec<_> = (0..100).map(|_| UnixStream::connect(&socket).unwrap()).collect();
    for at in 0..20 {
        let mut slow = UnixStream::connect(&socket).unwrap();
        slow.write_all(b"GET /status HTTP/1.1\r\nHost: ").unwrap();
        std::mem::forget(slow);
        assert_eq!(status(&socket)["bytes"], 5 + at);
        writer.write_all(b"x").unwrap();
        wait_for_bytes(&socket, 6 + at);
    }
    let descriptors = fs::read_dir(format!("/proc/{}/fd", recorder.process())).unwrap().count();
    assert!(descriptors < 50, "{descriptors}");
    // One client never stops sending: it is answered once, and then disconnected.
    let mut endless = UnixStream::connect(&socket).unwrap();
    while endless.write_all(&[b'x'; 1000]).is_ok() {}
    let mut answer = Vec::new();
    let _ = endless.read_to_end(&mut answer);
    assert_eq!(status(&socket)["bytes"], 25);
    drop(writer);
    recorder.wait_for("done", &[("bytes", json!(25))]);
    drop(silent);
}

#[test]
fn a_request_for_another_host_is_refused() {
    let folder = Folder::new();
    let (recorder, _writer, socket) = recorder(&folder);
    let mut stream = UnixStream::connect(&socket).unwrap();
    stream.write_all(b"GET /status HTTP/1.1\r\nHost: cam.example\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 421 ") && !answer.contains("segment"), "{answer}");
    recorder.stop();
}

#[test]
fn a_socket_is_taken_over_only_if_nobody_listens_on_it() {
    let folder = Folder::new();
    let record = |address: &str| {
        let arguments = ["record", "--output-dir", "cam", "--key-file", "key", "--status", address];
        feed(&mut folder.reelseal(&arguments), b"film")
    };
    drop(UnixListener::bind(folder.path("stale.sock")).unwrap());
    assert_done(&record("stale.sock"));
    let _listener = UnixListener::bind(folder.path("taken.sock")).unwrap();
    folder.write("film", b"a film");
    assert_eq!(segments(&folder).len(), 1);
    let long = format!("./{}", "x".repeat(120));
    for (address, fact, hint) in [
        ("taken.sock", "another process is listening there", "give another path or port"),
        ("film", "exists, and is not a socket", "give another path or port"),
        ("no/cam.sock", "cannot listen there: no such file or directory", "make the folder"),
        ("film/cam.sock", "cannot listen there: not a directory", "make the folder"),
        (&long, "cannot listen there: file name too long", "a socket's path can have at most 107 bytes"),
    ] {
        assert_refused(&record(address), 1, &format!("{fact}\nreelseal: hint: {hint}"));
    }
    for address in ["0.0.0.0:8080", "192.168.1.1:80"] {
        assert_refused(&record(address), 2, "is not a loopback address");
    }
    for address in ["8080", ":8080", "127.0.0.1"] {
        let refused = record(address);
        assert_refused(&refused, 2, "neither an address with a port nor clearly a path");
        assert_refused(&refused, 2, "hint: a port needs an address, as in 127.0.0.1:8080; ");
    }
    assert_eq!((folder.read("film"), segments(&folder).len()), (b"a film".to_vec(), 1));
}

/// The port on which a recorder answers.
fn port(recorder: &mut Recorder) -> String {
    recorder.wait_for("status", &[])["address"].as_str().unwrap().to_owned()
}

#[test]
fn a_loopback_address_answers_our_own_user() {
    let folder = Folder::new();
    let (mut recorder, _writer) = Recorder::start(&folder, &["--status", "127.0.0.1:0"]);
    let address = port(&mut recorder);
    let mut stream = TcpStream::connect(&address).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("\nreelseal_record_received_bytes_total 0\n"), "{answer}");
    recorder.stop();
}

#[test]
fn the_port_that_the_system_chose_is_reported_unless_quiet() {
    let folder = Folder::new();
    let record = ["record", "--output-dir", "cam", "--key-file", "key", "--status", "127.0.0.1:0"];
    let said = text(&feed(&mut folder.reelseal(&record), b"film").stderr);
    let address = said.strip_prefix("reelseal: status at http://").and_then(|rest| rest.split_once("/status\n"));
    let address: std::net::SocketAddr = address.unwrap().0.parse().unwrap();
    assert_ne!(address.port(), 0);
    let quiet = feed(&mut folder.reelseal(&[&record[..], &["--quiet"]].concat()), b"film");
    assert_eq!(text(&quiet.stderr), "");
}

#[test]
#[ignore = "needs curl, and root"]
fn a_loopback_address_does_not_answer_another_user() {
    let folder = Folder::new();
    let (mut recorder, _writer) = Recorder::start(&folder, &["--status", "127.0.0.1:0"]);
    let url = format!("http://{}/status", port(&mut recorder));
    let ask = |user| Command::new("curl").args(["-s", &url]).uid(user).current_dir("/").output().unwrap();
    assert!(text(&ask(0).stdout).contains("\"uptime\""));
    let refused = ask(65534);
    assert!(!refused.status.success() && refused.stdout.is_empty(), "{refused:?}");
    recorder.stop();
}

#[test]
#[ignore = "needs curl"]
fn the_lines_of_the_help_work() {
    let folder = Folder::new();
    let help = text(&folder.reelseal(&["record", "--help"]).output().unwrap().stdout);
    let lines: Vec<_> =
        help.lines().map(str::trim).filter(|line| line.starts_with("curl --unix-socket cam.sock")).collect();
    assert_eq!(lines.len(), 2, "{help}");
    let (mut recorder, mut writer, _) = recorder(&folder);
    let answers = lines.iter().map(|line| {
        let output = Command::new("sh").args(["-c", line]).current_dir(folder.path("")).output().unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    });
    let answers: Vec<_> = answers.collect();
    assert_eq!((&answers[0]["segments"], answers[1]["cut"].is_string()), (&json!(1), true), "{answers:?}");
    writer.write_all(b"second").unwrap();
    recorder.wait_for("segment", &[("state", json!("finished"))]);
    recorder.stop();
}

#[test]
#[ignore = "needs promtool"]
fn prometheus_reads_the_metrics() {
    let folder = Folder::new();
    let (mut recorder, _) =
        Recorder::start(&folder, &["--status", "cam.sock", "--", "sh", "-c", "echo begun; exec sleep 1000"]);
    recorder.wait_for("segment", &[("state", json!("begun"))]);
    let (head, metrics) = ask(&folder.path("cam.sock"), "GET /metrics", "");
    assert!(head.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    assert_eq!(metrics.matches("# TYPE ").count(), 10, "{metrics}");
    let checked = feed(Command::new("promtool").args(["check", "metrics"]).stdout(Stdio::piped()), metrics.as_bytes());
    // It would report faults, with exit code 3.
    assert!(checked.status.success() && checked.stderr.is_empty(), "{}\n{metrics}", text(&checked.stderr));
    recorder.stop();
}
