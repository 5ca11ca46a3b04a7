//! A server that a test starts, and a client that sends what the test says, byte for byte.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::Folder;

/// `reelseal serve`, running.
pub struct Serving {
    child: Child,
    /// With a slash at its end.
    pub url: String,
    pub port: u16,
    /// The path of the tree's root.
    pub root: String,
    reported: Arc<(Mutex<Vec<String>>, Condvar)>,
}

/// An answer, as far as it was received.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Serving {
    /// Serves with the key file; the `arguments` come after `serve`.
    pub fn start(folder: &Folder, arguments: &[&str]) -> Self {
        Self::spawn(folder.reelseal(&["serve", "--key-file", "key"]).args(arguments))
    }

    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        let reported = Arc::<(Mutex<Vec<String>>, Condvar)>::default();
        let (log, stderr) = (Arc::clone(&reported), child.stderr.take().unwrap());
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                log.0.lock().unwrap().push(line);
                log.1.notify_all();
            }
        });
        let url = url.trim_end().to_owned();
        let (host, root) = url.strip_prefix("http://").unwrap_or_else(|| panic!("{url:?}")).split_once('/').unwrap();
        let port = host.rsplit_once(':').unwrap().1.parse().unwrap();
        let root = format!("/{root}");
        Self { child, url, port, root, reported }
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    pub fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).unwrap()
    }

    /// The answer to a request for `name` below the root.
    pub fn get(&self, name: &str, headers: &[&str]) -> Answer {
        self.ask("GET", name, headers)
    }

    pub fn ask(&self, method: &str, name: &str, headers: &[&str]) -> Answer {
        let mut connection = self.connect();
        connection.write_all(self.request(method, name, headers).as_bytes()).unwrap();
        Answer::read(&mut BufReader::new(connection), method)
    }

    pub fn request(&self, method: &str, name: &str, headers: &[&str]) -> String {
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        format!("{method} {}{name} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n{headers}\r\n", self.root, self.port)
    }

    /// What has been reported on standard error so far.
    pub fn reported(&self) -> Vec<String> {
        self.reported.0.lock().unwrap().clone()
    }

    /// Waits until something is reported that contains `fact`.
    pub fn wait_for_report(&self, fact: &str) {
        let is_there = |lines: &mut Vec<String>| !lines.iter().any(|line| line.contains(fact));
        let _reported = self.reported.1.wait_while(self.reported.0.lock().unwrap(), is_there).unwrap();
    }

    pub fn end(&mut self, signal: Signal) -> ExitStatus {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
        self.child.wait().unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Answer {
    /// Reads one answer to `method` from a connection, up to its announced length or as far as it comes.
    pub fn read(connection: &mut impl BufRead, method: &str) -> Self {
        let mut line = String::new();
        connection.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap_or_else(|| panic!("{line:?}")).parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            connection.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let mut answer = Self { status, headers, body: Vec::new() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        if method != "HEAD" && status != 304 {
            // A connection that is cut ends the answer, too.
            let _ = connection.take(length).read_to_end(&mut answer.body);
        }
        answer
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        super::text(&self.body)
    }
}
