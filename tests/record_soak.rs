//! A camera that is recorded for a long time, killed again and again, cut, queried and followed: nothing is lost, and
//! nothing grows.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    env,
    fs::{self, File},
    io,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::json;
use support::{
    Folder,
    recorder::{Recorder, post, segments, status},
    text,
};

/// How long the test takes, in seconds, unless the environment says otherwise.
const SECONDS: u64 = 120;
const VARIABLE: &str = "REELSEAL_SOAK_SECONDS";

/// ffmpeg's test source in real time. Its output also goes to a plain file, a new one for each start. The tee that
/// writes it goes on until ffmpeg has ended, even when the group is asked to end.
const CAMERA: &str = "\
n=$(ls truth | wc -l)
ffmpeg -nostdin -v quiet -re -f lavfi -i testsrc2=size=640x360:rate=25 -c:v mpeg2video -b:v 2M -f mpegts - |
    (trap '' TERM; exec tee truth/$(printf %06d $n))";

/// The ffmpeg in the process group of this process, if it is running.
fn ffmpeg_of(group: i64) -> Option<Pid> {
    fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let (front, rest) = stat.rsplit_once(") ")?;
        let is_it = front.ends_with("(ffmpeg") && rest.split(' ').nth(2)?.parse() == Ok(group);
        if is_it { Some(Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)) } else { None }
    })
}

fn digest(mut input: impl io::Read) -> (u64, blake3::Hash) {
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut input, &mut hasher).unwrap();
    (hasher.count(), hasher.finalize())
}

/// The most memory that the process has used, in bytes, and how many descriptors it has.
fn usage(process: Pid) -> (u64, usize) {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let high = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")).unwrap();
    (high.parse::<u64>().unwrap() << 10, fs::read_dir(format!("/proc/{process}/fd")).unwrap().count())
}

#[test]
#[ignore = "needs ffmpeg, and takes minutes"]
fn nothing_is_lost_but_what_a_killed_producer_had_not_written() {
    let seconds = env::var(VARIABLE).map_or(SECONDS, |text| text.parse().unwrap());
    // A cut every minute, or more often in a short run.
    let cut_each = (seconds / 20).clamp(5, 60);
    let folder = Folder::new();
    fs::create_dir(folder.path("truth")).unwrap();
    fs::create_dir(folder.path("cam")).unwrap();
    let arguments = ["--restarts", "always", "--status", "cam.sock", "--on-segment", "true", "--", "sh", "-c", CAMERA];
    let (mut recorder, _) = Recorder::start(&folder, &arguments);
    recorder.wait_for("segment", &[("state", json!("begun"))]);
    let process = recorder.process();
    let signal = move || kill(process, Signal::SIGTERM).unwrap();
    let mut follower = folder.reelseal(&["decrypt", "--follow", "cam", "--key-file", "key", "-o", "-"]);
    let mut follower = follower.stdout(Stdio::piped()).spawn().unwrap();
    let output = follower.stdout.take().unwrap();
    let followed = thread::spawn(move || digest(output));
    let reported = thread::spawn(move || recorder.end());

    let (socket, began) = (folder.path("cam.sock"), Instant::now());
    let (mut kills, mut cuts, mut random) = (0, 0, 7_u64);
    let (mut next_kill, mut next_cut) = (10, cut_each);
    let mut used = Vec::new();
    while began.elapsed() < Duration::from_secs(seconds) {
        thread::sleep(Duration::from_secs(1));
        let (passed, known) = (began.elapsed().as_secs(), status(&socket));
        used.push(usage(process));
        if known["pid"].is_null() {
            // A camera that has just come back should first write something.
            next_kill = next_kill.max(passed + 5);
        }
        if passed >= next_kill
            && let Some(ffmpeg) = known["pid"].as_i64().and_then(ffmpeg_of)
        {
            kill(ffmpeg, Signal::SIGKILL).unwrap();
            kills += 1;
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            next_kill = passed + 5 + (random >> 33) % 30;
            // Half of the time, the restart is requested; otherwise the camera is left to come back by itself.
            if random >> 63 == 0 {
                assert_eq!(post(&socket, "/restart"), "HTTP/1.1 202 Accepted");
            }
        }
        if passed >= next_cut {
            assert_eq!(post(&socket, "/cut"), "HTTP/1.1 202 Accepted");
            cuts += 1;
            next_cut = passed + cut_each;
        }
    }
    let known = status(&socket);
    signal();
    let (ended, events) = reported.join().unwrap();
    assert_eq!(ended.code(), Some(0), "{events:#?}");
    assert!(follower.wait().unwrap().success());

    let mut truths: Vec<_> = fs::read_dir(folder.path("truth")).unwrap().map(|entry| entry.unwrap().path()).collect();
    truths.sort();
    let mut truth: Box<dyn io::Read> = Box::new(io::empty());
    for path in &truths {
        truth = Box::new(io::Read::chain(truth, File::open(path).unwrap()));
    }
    let truth = digest(truth);
    let mut decrypt = folder.reelseal(&["decrypt", "cam", "--key-file", "key", "-o", "-"]);
    let mut decrypt = decrypt.stdout(Stdio::piped()).spawn().unwrap();
    let recorded = digest(decrypt.stdout.take().unwrap());
    assert!(decrypt.wait().unwrap().success());
    let verified = text(&folder.run(&["verify", "--quiet", "cam"]).stdout);
    let (most, descriptors) = (used.iter().map(|used| used.0).max().unwrap(), used.iter().map(|used| used.1));
    let (least, highest) = (descriptors.clone().min().unwrap(), descriptors.max().unwrap());
    eprintln!(
        "{seconds} s: {} bytes, {kills} kills, {} restarts, {cuts} cuts, {} segments, at most {} KiB of memory \
         ({} KiB after a quarter of the time), {least} to {highest} descriptors, {} s of processor time",
        truth.0,
        known["restarts"],
        segments(&folder).len(),
        most >> 10,
        used[used.len() / 4].0 >> 10,
        known["recorder"]["cpu_seconds"],
    );
    assert_eq!(recorded, truth, "{verified}");
    assert_eq!(followed.join().unwrap(), truth);
    assert_eq!(truths.len() as u64, known["restarts"].as_u64().unwrap() + 1);
    // Each producer that wrote anything has a segment of its own; one that was killed before that has none.
    let wrote = truths.iter().filter(|path| path.metadata().unwrap().len() > 0).count();
    assert!(segments(&folder).len() >= wrote && kills > 0 && cuts > 0, "{wrote}");
    // Flat: the whole run takes no more memory than its first quarter did, give or take a few pages.
    assert!(most <= 12 << 20 && most <= used[used.len() / 4].0 + (1 << 20), "{used:?}");
    // The program for a segment, a client and a guardian each have some for a moment.
    assert!(highest <= 50 && used.last().unwrap().1 <= used[used.len() / 4].1 + 10, "{used:?}");
    let done = events.iter().filter(|event| event["event"] == "on_segment" && event["state"] == "done").count();
    assert_eq!(done, segments(&folder).len());
}
