//! A running recorder, what it reports, and its status.

#![allow(dead_code, reason = "each test binary uses some of it")]
#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

use std::{
    fs,
    io::{BufRead, BufReader, PipeReader, PipeWriter, Read, Write, pipe},
    os::unix::net::UnixStream,
    path::Path,
    process::{Child, ExitStatus},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use super::Folder;

const RECORD: [&str; 7] = ["record", "--output-dir", "cam", "--key-file", "key", "--progress", "json"];

/// A recorder into `cam`, and what it has reported.
pub struct Recorder {
    child: Child,
    reports: BufReader<PipeReader>,
    pub events: Vec<Value>,
}

impl Recorder {
    /// Starts a recorder with these arguments; also returns the pipe to which its input is written, unless a command
    /// writes it.
    pub fn start(folder: &Folder, arguments: &[&str]) -> (Self, PipeWriter) {
        let (reports, stderr) = pipe().unwrap();
        let (input, writer) = pipe().unwrap();
        let mut command = folder.reelseal(&[&RECORD[..], arguments].concat());
        let child = command.stdin(input).stderr(stderr).spawn().unwrap();
        (Self { child, reports: BufReader::new(reports), events: Vec::new() }, writer)
    }

    pub fn process(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    /// Waits for an event of this kind with these values.
    #[track_caller]
    pub fn wait_for(&mut self, event: &str, values: &[(&str, Value)]) -> Value {
        loop {
            let Some(reported) = self.next() else { panic!("no {event} {values:?}: {:#?}", self.events) };
            if reported["event"] == event && values.iter().all(|(key, value)| reported[key] == *value) {
                return reported;
            }
        }
    }

    fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        while self.reports.read_line(&mut line).unwrap() > 0 {
            // A command writes whatever it likes to the same standard error.
            if let Ok(event) = serde_json::from_str::<Value>(&line) {
                self.events.push(event.clone());
                return Some(event);
            }
            line.clear();
        }
        None
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.process(), signal).unwrap();
    }

    /// Waits for it to end, and returns everything that it reported.
    pub fn end(mut self) -> (ExitStatus, Vec<Value>) {
        while self.next().is_some() {}
        let status = self.child.wait().unwrap();
        (status, std::mem::take(&mut self.events))
    }

    /// Makes it end, and checks that it ends well.
    #[track_caller]
    pub fn stop(self) -> Vec<Value> {
        self.signal(Signal::SIGTERM);
        let (status, events) = self.end();
        assert_eq!(status.code(), Some(0), "{events:#?}");
        events
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The names of the segments in `cam`.
pub fn segments(folder: &Folder) -> Vec<String> {
    let entries = fs::read_dir(folder.path("cam")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.ends_with(".reel"));
    names.sort_by_key(|name| (name.len(), name.clone()));
    names
}

/// The plaintexts of the segments in `cam`, joined.
#[track_caller]
pub fn recorded(folder: &Folder) -> Vec<u8> {
    let output = folder.run(&["decrypt", "cam", "-o", "-"]);
    assert!(output.status.success(), "{}", super::text(&output.stderr));
    output.stdout
}

/// The answer to a request at the Unix socket: its head and its body.
pub fn ask(socket: &Path, request: &str, headers: &str) -> (String, String) {
    let mut stream = UnixStream::connect(socket).unwrap();
    write!(stream, "{request} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    (head.to_owned(), body.to_owned())
}

/// What the recorder reports about itself.
pub fn status(socket: &Path) -> Value {
    let (head, body) = ask(socket, "GET /status", "");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    serde_json::from_str(&body).unwrap()
}

/// Requests a change, and returns the first line of the answer.
pub fn post(socket: &Path, path: &str) -> String {
    let (head, _) = ask(socket, &format!("POST {path}"), "X-Reelseal: 1\r\n");
    head.lines().next().unwrap_or_default().to_owned()
}
