//! Pipes with the tools that people use: ffmpeg, nc, socat, curl.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    path::PathBuf,
    process::{Command, Stdio},
    thread,
};

use support::{Folder, assert_done, text};

fn sample() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/sample.mp4")
}

/// A shell command in the folder; `$reelseal` is the command, `$sample` the clip.
fn shell(folder: &Folder, script: &str) -> Command {
    let mut command = Command::new("bash");
    command.args(["-c", &format!("set -o pipefail; {script}")]).current_dir(folder.path(""));
    command.env("reelseal", env!("CARGO_BIN_EXE_reelseal")).env("sample", sample()).env_remove("REELSEAL_PASSPHRASE");
    command
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// What ffprobe says of the clip itself.
fn expected_probe() -> String {
    let probed = Command::new("ffprobe").args(PROBE).arg(sample()).output().unwrap();
    let streams = text(&probed.stdout);
    assert!(streams.contains("h264") && streams.contains("aac"), "{streams}");
    streams
}

const PROBE: [&str; 6] = ["-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0"];

#[test]
#[ignore = "needs ffmpeg"]
fn a_decrypted_clip_plays_through_to_its_end() {
    let folder = Folder::new();
    assert_done(&shell(&folder, "$reelseal encrypt --key-file key $sample -o clip.reel").output().unwrap());
    let script = "$reelseal decrypt --key-file key clip.reel -o clip.mp4 && cmp clip.mp4 $sample \
                  && ffmpeg -v error -xerror -i clip.mp4 -f null -";
    let played = shell(&folder, script).output().unwrap();
    assert_done(&played);
    assert_eq!(text(&played.stderr), "");
}

#[test]
#[ignore = "needs ffmpeg, nc"]
fn a_camera_goes_through_nc() {
    let folder = Folder::new();
    let port = free_port().to_string();
    let receive = "nc -lv 127.0.0.1 $port | $reelseal decrypt --key-file key | ffprobe -v error \
                   -show_entries stream=codec_name -of csv=p=0 -";
    let mut receiver =
        shell(&folder, receive).env("port", &port).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(receiver.stderr.take().unwrap()).lines();
    let listening = told.next().unwrap().unwrap();
    assert!(listening.starts_with("Listening"), "{listening}");
    let send = "ffmpeg -v error -re -i $sample -c copy -t 2 -f mpegts - | $reelseal encrypt --key-file key \
                | nc -N 127.0.0.1 $port";
    assert_done(&shell(&folder, send).env("port", &port).output().unwrap());
    thread::spawn(move || told.count());
    let output = receiver.wait_with_output().unwrap();
    assert!(output.status.success(), "{:?}", output.status);
    let probed = text(&output.stdout);
    assert!(probed.contains("h264") && probed.contains("aac"), "{probed}");
}

#[test]
#[ignore = "needs ffmpeg, socat"]
fn a_clip_goes_through_socat() {
    let folder = Folder::new();
    let port = free_port().to_string();
    let receive = "socat -u TCP-LISTEN:$port,bind=127.0.0.1,reuseaddr - | $reelseal decrypt --key-file key >clip.mp4";
    let mut receiver = shell(&folder, receive).env("port", &port).spawn().unwrap();
    let send = "$reelseal encrypt --key-file key <$sample | socat -u - TCP:127.0.0.1:$port,retry=600,interval=0.1";
    assert_done(&shell(&folder, send).env("port", &port).output().unwrap());
    assert!(receiver.wait().unwrap().success());
    let probed = Command::new("ffprobe").args(PROBE).arg(folder.path("clip.mp4")).output().unwrap();
    assert_eq!(text(&probed.stdout), expected_probe());
}

#[test]
#[ignore = "needs curl"]
fn a_clip_goes_up_and_down_with_curl() {
    let folder = Folder::new();
    let server = tiny_http::Server::http("127.0.0.1:0").unwrap();
    let address = server.server_addr().to_string();
    let serving = thread::spawn(move || {
        let mut stored = Vec::new();
        let mut upload = server.recv().unwrap();
        upload.as_reader().read_to_end(&mut stored).unwrap();
        upload.respond(tiny_http::Response::empty(204)).unwrap();
        server.recv().unwrap().respond(tiny_http::Response::from_data(stored)).unwrap();
    });
    let script = "$reelseal encrypt --key-file key <$sample | curl -sSf -T - http://$address/clip.reel \
                  && curl -sSf http://$address/clip.reel | $reelseal decrypt --key-file key | cmp - $sample";
    assert_done(&shell(&folder, script).env("address", address).output().unwrap());
    serving.join().unwrap();
}
