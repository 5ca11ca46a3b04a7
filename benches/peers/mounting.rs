//! Mounted streams against gocryptfs, on the same plaintext. Needs root and fuse3.

use std::{
    fs::File,
    io::Read,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use mount::Mount;
use rustix::fs::{Advice, fadvise};

use super::{Bench, Measure, REELSEAL};

#[path = "../../tests/support/mounting.rs"]
mod mount;

/// The bytes that programs read at a time.
const BUFFER: usize = 128 << 10;
const PLACE: usize = 64 << 10;

/// A gocryptfs mount, which is unmounted when this is dropped.
struct Theirs(PathBuf);

impl Drop for Theirs {
    fn drop(&mut self) {
        let _ = Command::new("fusermount3").args(["-u", "-z"]).arg(&self.0).status();
    }
}

/// Reads a film, and returns how long that took.
type Work<'a> = &'a dyn Fn(&Path) -> Duration;

impl Bench {
    /// Compares reads of mounted files.
    pub fn mounting(&self) {
        if !self.has("gocryptfs") {
            return self.missing("mounted, read in order", "gocryptfs");
        }
        self.shell(
            "mkdir sealed ours crypted theirs && ln f.reel sealed && echo secret >secret && \
             gocryptfs -q -init -scryptn 10 -passfile secret crypted && gocryptfs -q -passfile secret crypted theirs && \
             cp f theirs/f && fusermount3 -u theirs",
        );
        let mut command = Command::new(REELSEAL);
        command.args(["mount", "--key-file", "key", "sealed", "ours"]).current_dir(self.path(""));
        let mount = Mount::start(&mut command, &self.path("ours").canonicalize().unwrap());
        self.shell("gocryptfs -q -ro -passfile secret crypted theirs");
        let gocryptfs = Theirs(self.path("theirs"));
        let (ours, theirs) = (self.path("ours/f"), self.path("theirs/f"));
        self.shell("cmp f ours/f && cmp f theirs/f");
        let places = self.bytes / PLACE as u64;
        let works: [(&str, Work<'_>); 4] = [
            ("mounted, read in order", &|film| in_order(film, true)),
            ("mounted, 64 KiB at random places", &|film| at_random(film, 1, places)),
            ("the same, four jobs", &|film| at_random(film, 4, places)),
            ("mounted, again from the system's cache", &|film| in_order(film, false)),
        ];
        for (name, work) in works {
            self.compare(name, "gocryptfs (throughput)", Measure::Throughput, &|| work(&ours), &|| work(&theirs));
        }
        mount.end();
        drop(gocryptfs);
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
    // The system then reads nothing ahead.
    fadvise(&file, 0, None, Advice::Random).unwrap();
    let start = Instant::now();
    thread::scope(|scope| {
        for job in 0..jobs {
            let file = &file;
            scope.spawn(move || {
                let mut buffer = vec![0; PLACE];
                for number in (job..places).step_by(jobs as usize) {
                    // The factor is odd, so that no place comes twice if their number is a power of two.
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
