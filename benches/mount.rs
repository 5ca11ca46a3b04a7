//! Times what is mounted against gocryptfs, on the same plaintext: `cargo bench --bench mount`.
//!
//! Every figure is a ratio of medians from one run, the two alternating A B B A: more is better for us. It asserts nothing about
//! time. REELSEAL_BENCH_MIB (1024) and REELSEAL_BENCH_PAIRS (9) shorten a run; the files are in /dev/shm where there is one.
//! As root, with gocryptfs and fuse3.

#![expect(clippy::unwrap_used, reason = "a bench panics when it fails")]

#[path = "../tests/support/mounting.rs"]
mod mounting;

use std::{
    env,
    fs::File,
    io::{self, Read},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use mounting::Mount;
use rustix::fs::{Advice, fadvise};
use tempfile::TempDir;

/// What programs read at a time.
const BUFFER: usize = 128 << 10;
const PLACE: usize = 64 << 10;

fn main() {
    // `cargo test --benches` only wants to know that this starts.
    if !env::args().any(|argument| argument == "--bench") {
        return;
    }
    let number = |name, default| env::var(name).map_or(default, |value: String| value.parse().unwrap());
    let (mebibytes, pairs) = (number("REELSEAL_BENCH_MIB", 1024_u64), number("REELSEAL_BENCH_PAIRS", 9) as usize);
    let shared_memory = Path::new("/dev/shm");
    let folder = if shared_memory.is_dir() { TempDir::new_in(shared_memory) } else { TempDir::new() }.unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut random = File::open("/dev/urandom").unwrap().take(mebibytes << 20);
    io::copy(&mut random, &mut File::create(path("film")).unwrap()).unwrap();
    shell(
        folder.path(),
        "\"$reelseal\" keygen -o key && mkdir sealed ours crypted theirs && echo x >secret && \
         \"$reelseal\" encrypt --key-file key film -o sealed/film.reel && \
         gocryptfs -q -init -scryptn 10 -passfile secret crypted && gocryptfs -q -passfile secret crypted theirs && \
         cp film theirs/film && fusermount3 -u theirs",
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_reelseal"));
    command.args(["mount", "--key-file", "key", "sealed", "ours"]).current_dir(folder.path());
    let mount = Mount::start(&mut command, &path("ours").canonicalize().unwrap());
    shell(folder.path(), "gocryptfs -q -ro -passfile secret crypted theirs");
    let _theirs = Theirs(path("theirs"));
    let (ours, theirs) = (path("ours/film"), path("theirs/film"));
    shell(folder.path(), "cmp film ours/film && cmp film theirs/film");

    println!("{mebibytes} MiB of random data, {pairs} pairs, medians; throughput over that of gocryptfs\n");
    println!("| work | ratio | spread of the pairs |\n|---|---|---|");
    let places = (mebibytes << 20) / PLACE as u64;
    let works: [(&str, Work<'_>); 4] = [
        ("in order", &|film| in_order(film, true)),
        ("64 KiB at random places", &|film| at_random(film, 1, places)),
        ("the same, four jobs", &|film| at_random(film, 4, places)),
        ("again, from the system's cache", &|film| in_order(film, false)),
    ];
    for (name, work) in works {
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for pair in 0..pairs {
            // A B B A: what drifts, drifts for both.
            let (first, second) = if pair % 2 == 0 { (&ours, &theirs) } else { (&theirs, &ours) };
            let (one, other) = (work(first), work(second));
            let (own, peer) = if pair % 2 == 0 { (one, other) } else { (other, one) };
            a.push(own);
            b.push(peer);
        }
        let mut ratios: Vec<f64> = a.iter().zip(&b).map(|(a, b)| b.as_secs_f64() / a.as_secs_f64()).collect();
        ratios.sort_by(f64::total_cmp);
        let ratio = median(b).as_secs_f64() / median(a).as_secs_f64();
        println!("| {name} | {ratio:.2} | {:.2} to {:.2} |", ratios[pairs / 4], ratios[pairs * 3 / 4]);
    }
    mount.end();
}

/// Reads a film, and says how long that took.
type Work<'a> = &'a dyn Fn(&Path) -> Duration;

/// What gocryptfs has mounted; it ends with the bench.
struct Theirs(PathBuf);

impl Drop for Theirs {
    fn drop(&mut self) {
        let _ = Command::new("fusermount3").args(["-u", "-z"]).arg(&self.0).status();
    }
}

/// Reads all of `film` from its start, after the system's cache has been emptied of it, or filled with it.
fn in_order(film: &Path, is_cold: bool) -> Duration {
    let mut file = File::open(film).unwrap();
    let mut buffer = vec![0; BUFFER];
    if is_cold {
        forget(&file);
    } else {
        while file.read(&mut buffer).unwrap() > 0 {}
        file = File::open(film).unwrap();
    }
    let start = Instant::now();
    while file.read(&mut buffer).unwrap() > 0 {}
    start.elapsed()
}

/// Reads each of the `places` of `film` once, out of order, a part of them in each of `jobs` threads.
fn at_random(film: &Path, jobs: u64, places: u64) -> Duration {
    let file = File::open(film).unwrap();
    forget(&file);
    // The system reads nothing ahead then.
    fadvise(&file, 0, None, Advice::Random).unwrap();
    let start = Instant::now();
    thread::scope(|scope| {
        for job in 0..jobs {
            let file = &file;
            scope.spawn(move || {
                let mut buffer = vec![0; PLACE];
                for number in (job..places).step_by(jobs as usize) {
                    // Odd, so that no place comes twice where their number is a power of two.
                    let place = number.wrapping_mul(0x9e37_79b9) % places;
                    file.read_exact_at(&mut buffer, place * PLACE as u64).unwrap();
                }
            });
        }
    });
    start.elapsed()
}

fn forget(file: &File) {
    fadvise(file, 0, None, Advice::DontNeed).unwrap();
}

fn shell(folder: &Path, script: &str) {
    let mut command = Command::new("sh");
    command.args(["-c", script]).current_dir(folder).env("reelseal", env!("CARGO_BIN_EXE_reelseal"));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    assert!(command.status().unwrap().success(), "{script}");
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
