//! How long bytes wait in `encrypt | decrypt`, live and not, after slow producers: `cargo bench --bench live_delay`.
//!
//! It asserts nothing about time; it does assert that what comes out is what went in. REELSEAL_BENCH_SECONDS (40) is
//! how long each producer writes.

#![expect(clippy::unwrap_used, reason = "a bench panics when it fails")]

use std::{
    env,
    io::{self, PipeReader, PipeWriter, Read, Write},
    process::{Child, Command},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

const REELSEAL: &str = env!("CARGO_BIN_EXE_reelseal");
/// The time between two writes of a producer.
const TICK: Duration = Duration::from_millis(10);
/// The bytes that a stalling producer writes before it stalls, how long its last byte is waited for, and how often this
/// is measured.
const STALLED: usize = 30_000;
const PATIENCE: Duration = Duration::from_secs(3);
const STALLS: usize = 30;

fn main() {
    // `cargo test --benches` only checks that this starts.
    if !env::args().any(|argument| argument == "--bench") {
        return;
    }
    let seconds = env::var("REELSEAL_BENCH_SECONDS").map_or(40, |value| value.parse().unwrap());
    let folder = TempDir::new().unwrap();
    assert!(reelseal(&folder, &["keygen", "-o", "key"]).status().unwrap().success());
    println!("--max-delay is the default, 200 ms; a wait is from the write to the read of a byte, in ms\n");
    println!("| producer | | median | 99th percentile | longest |\n|---|---|---|---|---|");
    for rate in [2_000, 20_000, 200_000] {
        thread::scope(|scope| {
            let measured = [true, false].map(|live| {
                scope.spawn({
                    let folder = &folder;
                    move || waits(folder, live, rate, Duration::from_secs(seconds))
                })
            });
            for (name, waits) in ["live", "not live"].into_iter().zip(measured) {
                report(&format!("{} KB/s for {seconds} s", rate / 1000), name, &mut waits.join().unwrap());
            }
        });
    }
    for (name, live, times) in [("live", true, STALLS), ("not live", false, 1)] {
        let waited: Vec<_> = (0..times).map(|_| stall(&folder, live)).collect();
        let producer = format!("stalls after {STALLED} bytes, {times} times");
        match waited.into_iter().collect::<Option<Vec<_>>>() {
            Some(mut waits) => report(&producer, name, &mut waits),
            None => println!("| {producer} | {name} | not within {} s | | |", PATIENCE.as_secs()),
        }
    }
}

fn report(producer: &str, name: &str, waits: &mut [Duration]) {
    waits.sort();
    let at = |percent: usize| waits[(waits.len() - 1) * percent / 100].as_secs_f64() * 1000.0;
    println!("| {producer} | {name} | {:.1} | {:.1} | {:.1} |", at(50), at(99), at(100));
}

fn reelseal(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(REELSEAL);
    command.args(arguments).current_dir(folder.path());
    command
}

/// `encrypt | decrypt`, a pipe before it and one after.
fn pipeline(folder: &TempDir, live: bool) -> (PipeWriter, PipeReader, [Child; 2]) {
    let [(plain, writer), (sealed, sealed_end), (opened, opened_end)] = [(); 3].map(|()| io::pipe().unwrap());
    let mut encrypt = reelseal(folder, &["encrypt", "--key-file", "key"]);
    if live {
        encrypt.arg("--live");
    }
    let encrypt = encrypt.stdin(plain).stdout(sealed_end).spawn().unwrap();
    let decrypt = reelseal(folder, &["decrypt", "--key-file", "key"]).stdin(sealed).stdout(opened_end).spawn().unwrap();
    (writer, opened, [encrypt, decrypt])
}

/// How long each piece of a producer of `rate` bytes a second waited, until its last byte came out.
fn waits(folder: &TempDir, live: bool, rate: usize, length: Duration) -> Vec<Duration> {
    let (mut writer, mut opened, children) = pipeline(folder, live);
    let piece = vec![7; rate / (1000 / TICK.as_millis() as usize)];
    let (written, pieces) = mpsc::channel();
    let producer = thread::spawn({
        let piece = piece.clone();
        move || {
            let start = Instant::now();
            let ticks = (0..).map(|tick| start + TICK * tick).take_while(|&at| at < start + length);
            for at in ticks {
                thread::sleep(at.saturating_duration_since(Instant::now()));
                written.send(Instant::now()).unwrap();
                writer.write_all(&piece).unwrap();
            }
        }
    });
    let (mut waits, mut area, mut read, mut taken) = (Vec::new(), [0; 1 << 16], 0, 0);
    loop {
        let count = opened.read(&mut area).unwrap();
        let now = Instant::now();
        assert!(area[..count].iter().all(|&byte| byte == 7));
        read += count;
        while (taken + 1) * piece.len() <= read {
            waits.push(now - pieces.recv().unwrap());
            taken += 1;
        }
        if count == 0 {
            break;
        }
    }
    producer.join().unwrap();
    assert_eq!((read % piece.len(), pieces.try_recv().is_err()), (0, true));
    children.into_iter().for_each(|mut child| assert!(child.wait().unwrap().success()));
    waits
}

/// How long the last byte waits if its producer then neither writes nor ends; `None` if it is too long.
fn stall(folder: &TempDir, live: bool) -> Option<Duration> {
    let (mut writer, mut opened, children) = pipeline(folder, live);
    let written = Instant::now();
    writer.write_all(&[7; STALLED]).unwrap();
    let (all_read, reading) = mpsc::channel();
    let reader = thread::spawn(move || {
        opened.read_exact(&mut [0; STALLED]).unwrap();
        let _ = all_read.send(Instant::now());
    });
    let read = reading.recv_timeout(PATIENCE).ok();
    drop(writer);
    reader.join().unwrap();
    children.into_iter().for_each(|mut child| assert!(child.wait().unwrap().success()));
    Some(read? - written)
}
