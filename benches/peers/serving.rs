//! `reelseal serve` against rclone's crypt and nginx, each asked by the same client.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{Bench, Measure, RCLONE, REELSEAL};

/// Ranges of 64 KiB that are asked for one after the other on one connection.
const RANGES: u64 = 1000;
const CONNECTIONS: u64 = 32;
/// Bytes of each range that many connections ask for.
const PART: u64 = 4 << 20;

/// A server, ended when this is dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // nginx killed would leave its workers.
        let _ = kill(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGTERM);
        let _ = self.0.wait();
    }
}

impl Bench {
    /// Compares the servers.
    pub fn serving(&self) {
        let (_ours, url) = self.serve();
        let rclone = self.has("rclone").then(|| self.rclone());
        let nginx = self.has("nginx").then(|| self.nginx());
        let fetch = |url: &str| self.timed(&format!("curl -sf -o /dev/null {url}"));
        let ours = fetch(&url);
        if let Some((_, theirs)) = &rclone {
            self.compare(
                "serve a whole file",
                "rclone serve http, crypt (throughput)",
                Measure::Throughput,
                &ours,
                &fetch(theirs),
            );
        }
        if let Some((_, theirs)) = &nginx {
            self.compare(
                "serve a whole file",
                "nginx, the plain file (throughput)",
                Measure::Throughput,
                &ours,
                &fetch(theirs),
            );
            let ranges = |url: &str| self.timed(&format!("curl -sf -K {}", self.ranges(url)));
            let (ours, theirs) = (ranges(&url), ranges(theirs));
            self.compare(
                "64 KiB at random places, one connection",
                "nginx, the plain file (time)",
                Measure::Time,
                &ours,
                &theirs,
            );
        }
        let many = || many_connections(&url, self.bytes);
        if let Some((_, theirs)) = &nginx {
            let theirs = || many_connections(theirs, self.bytes);
            let work = "32 connections at random places";
            self.compare(work, "nginx, the plain file (throughput)", Measure::Throughput, &many, &theirs);
        }
        let decrypt = self.ours("decrypt", "f.reel -o /dev/null");
        self.compare(
            "32 connections at random places",
            "decrypt to /dev/null (throughput)",
            Measure::Throughput,
            &many,
            &decrypt,
        );
    }

    fn serve(&self) -> (Server, String) {
        let mut command = Command::new(REELSEAL);
        command.args(["serve", "--key-file", "key", "f.reel"]).current_dir(self.path(""));
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        (Server(child), format!("{}f", url.trim_end()))
    }

    fn rclone(&self) -> (Server, String) {
        let port = free_port();
        self.shell(&format!("test -e crypt || rclone copyto f :crypt:f {RCLONE}"));
        let script = format!("exec rclone serve http :crypt: {RCLONE} --addr 127.0.0.1:{port}");
        (self.start(&script, port), format!("http://127.0.0.1:{port}/f"))
    }

    fn nginx(&self) -> (Server, String) {
        let port = free_port();
        let root = self.path("");
        let root = root.display();
        let configuration = format!(
            "daemon off; user root; pid {root}/nginx.pid; worker_processes auto; events {{}}\n\
             http {{ access_log off; sendfile on; server {{ listen 127.0.0.1:{port}; root {root}; \
             keepalive_requests 100000; }} }}\n"
        );
        fs::write(self.path("nginx.conf"), configuration).unwrap();
        let script = format!("chmod 755 {root}; exec nginx -e stderr -c {root}/nginx.conf");
        (self.start(&script, port), format!("http://127.0.0.1:{port}/f"))
    }

    /// Starts a server, and waits until it listens.
    fn start(&self, script: &str, port: u16) -> Server {
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(self.path("")).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Server(command.spawn().unwrap());
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            thread::sleep(Duration::from_millis(10));
        }
        server
    }

    /// The name of a configuration file that makes curl ask for ranges of what is at `url`.
    fn ranges(&self, url: &str) -> String {
        let places = random_places(self.bytes - (64 << 10));
        let asked: Vec<_> = places
            .take(RANGES as usize)
            .map(|place| format!("url={url}\noutput=/dev/null\nrange={place}-{}\n", place + (64 << 10) - 1))
            .collect();
        let name = format!("ranges-{}", url.split('/').nth(2).unwrap().replace(':', "-"));
        fs::write(self.path(&name), asked.join("next\nsilent\n")).unwrap();
        name
    }
}

/// The time in which many connections get `bytes` in all, from random places of what is at `url`.
fn many_connections(url: &str, bytes: u64) -> Duration {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let each = (bytes / CONNECTIONS / PART).max(1);
    let start = Instant::now();
    thread::scope(|scope| {
        for number in 0..CONNECTIONS {
            scope.spawn(move || {
                let mut connection = BufReader::with_capacity(256 << 10, TcpStream::connect(host).unwrap());
                let mut sink = vec![0; 256 << 10];
                for place in random_places(bytes - PART).skip((number * each) as usize).take(each as usize) {
                    let range = format!("{place}-{}", place + PART - 1);
                    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nRange: bytes={range}\r\n\r\n");
                    connection.get_mut().write_all(request.as_bytes()).unwrap();
                    let mut line = String::new();
                    while line != "\r\n" {
                        line.clear();
                        assert!(connection.read_line(&mut line).unwrap() > 0);
                    }
                    let mut left = PART;
                    while left > 0 {
                        let room = left.min(sink.len() as u64) as usize;
                        let read = connection.read(&mut sink[..room]).unwrap();
                        assert!(read > 0);
                        left -= read as u64;
                    }
                }
            });
        }
    });
    start.elapsed()
}

/// Places below `end`, always the same ones.
fn random_places(end: u64) -> impl Iterator<Item = u64> {
    (1_u64..).map(move |number| (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (number << 17)) % end)
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
