//! Times the command against whichever peers this machine has: `cargo bench --bench peers`.
//!
//! Every figure is a ratio of medians from one run, the two commands alternating A B B A. It asserts nothing about
//! time; it does assert that what was written decrypts to what was read. REELSEAL_BENCH_MIB (1024) and
//! REELSEAL_BENCH_PAIRS (15) shorten a run, and so does naming some of its parts:
//! `cargo bench --bench peers -- streams workers ranges files serve mount`. The files are in /dev/shm if there is one.

#![expect(clippy::unwrap_used, reason = "a bench panics when it fails")]

mod files;
#[cfg(feature = "mount")]
mod mounting;
#[cfg(feature = "serve")]
mod serving;

use std::{
    env, fs,
    fs::File,
    hint::black_box,
    io::Read,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use ctr::cipher::{KeyIvInit, StreamCipher};
use tempfile::TempDir;

const REELSEAL: &str = env!("CARGO_BIN_EXE_reelseal");
const BUFFER: usize = 64 << 10;

fn main() {
    // `cargo test --benches` only checks that this starts.
    if !env::args().any(|argument| argument == "--bench") {
        return;
    }
    Bench::prepare().run();
}

/// Whether this part of the bench is to run: all are unless some are named.
fn is_wanted(part: &str) -> bool {
    let named: Vec<_> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    named.is_empty() || named.iter().any(|name| name == part)
}

struct Bench {
    folder: TempDir,
    pairs: usize,
    bytes: u64,
}

/// What is compared, and in what terms.
enum Measure {
    /// Our time over theirs: less is better.
    Time,
    /// Their time over ours: more is better.
    Throughput,
}

impl Bench {
    fn prepare() -> Self {
        let number = |name, default| env::var(name).map_or(default, |value: String| value.parse().unwrap());
        let (mebibytes, pairs) = (number("REELSEAL_BENCH_MIB", 1024), number("REELSEAL_BENCH_PAIRS", 15));
        let shared_memory = Path::new("/dev/shm");
        let folder = if shared_memory.is_dir() { TempDir::new_in(shared_memory) } else { TempDir::new() }.unwrap();
        let bench = Self { folder, pairs: pairs as usize, bytes: mebibytes << 20 };
        let mut random = File::open("/dev/urandom").unwrap().take(bench.bytes);
        std::io::copy(&mut random, &mut File::create(bench.path("f")).unwrap()).unwrap();
        bench.shell("\"$reelseal\" keygen -o key && \"$reelseal\" encrypt --key-file key f -o f.reel");
        bench.shell("\"$reelseal\" decrypt --key-file key f.reel -o back && cmp f back && rm back");
        let half = bench.bytes / 2;
        bench.shell(&format!("head -c {half} f >half1 && tail -c +{} f >half2", half + 1));
        bench
    }

    fn run(&self) {
        println!("{} MiB of random data, {} pairs, medians; {}", self.bytes >> 20, self.pairs, machine());
        println!("\n| work | against | ratio | spread of the pairs |\n|---|---|---|---|");
        self.compare("cp", "cp, the noise", Measure::Time, &self.cp(), &self.cp());
        if is_wanted("streams") {
            self.streams();
        }
        if is_wanted("workers") {
            self.workers();
        }
        if is_wanted("ranges") {
            self.part_of_a_file();
        }
        if is_wanted("files") {
            self.small_files();
        }
        #[cfg(feature = "serve")]
        if is_wanted("serve") {
            self.serving();
        }
        #[cfg(feature = "mount")]
        if is_wanted("mount") {
            self.mounting();
        }
    }

    /// Compares the encryption and decryption of one stream.
    fn streams(&self) {
        let version = |command: &str| {
            let said = Command::new("sh").args(["-c", &format!("{command} 2>&1")]).output().unwrap();
            String::from_utf8_lossy(&said.stdout).lines().next().unwrap_or_default().to_owned()
        };
        let (to_file, from_file) = (self.ours("encrypt", "f -o o"), self.ours("decrypt", "f.reel -o o"));
        self.compare("encrypt file to new file", "cp (time)", Measure::Time, &to_file, &self.cp());
        self.compare("decrypt file to new file", "cp (time)", Measure::Time, &from_file, &self.cp());

        let (to_null, from_null) =
            (self.ours("encrypt", "f -o /dev/null"), self.ours("decrypt", "f.reel -o /dev/null"));
        let peers = [
            ("openssl", "openssl enc -aes-256-ctr, no authentication", "openssl version", OPENSSL),
            ("age", "age -r", "age --version", "age -r $(cat age.pub) f >/dev/null"),
            ("rage", "rage -r", "rage --version", "rage -r $(cat age.pub) f >/dev/null"),
            ("gpg", "gpg -c", "gpg --version", GPG),
            ("scrypt", "Tarsnap scrypt enc", "scrypt --version", "scrypt enc --passphrase file:secret f /dev/null"),
        ];
        self.shell("echo secret >secret");
        if self.has("age-keygen") {
            self.shell(AGE_KEY);
        }
        for (tool, name, version_of, command) in peers {
            if !self.has(tool) || (tool == "rage" && !self.has("age-keygen")) {
                self.missing("encrypt file to /dev/null", name);
                continue;
            }
            let name = format!("{name} (throughput); {}", version(version_of));
            self.compare("encrypt file to /dev/null", &name, Measure::Throughput, &to_null, &self.timed(command));
        }
        if self.has("age") {
            self.shell("age -r $(cat age.pub) f >f.age");
            let age = self.timed("age -d -i age.key f.age >/dev/null");
            self.compare("decrypt file to /dev/null", "age -d (throughput)", Measure::Throughput, &from_null, &age);
        }

        let piped = self.timed("cat f | \"$reelseal\" encrypt --key-file key | cat >/dev/null");
        let cat = self.timed("cat f | cat | cat >/dev/null");
        self.compare("encrypt in a pipe", "cat instead (throughput)", Measure::Throughput, &piped, &cat);
        let opened = self.timed("cat f.reel | \"$reelseal\" decrypt --key-file key | cat >/dev/null");
        self.compare("decrypt in a pipe", "cat instead (throughput)", Measure::Throughput, &opened, &cat);
        if self.has("age") {
            let age = self.timed("cat f | age -r $(cat age.pub) | cat >/dev/null");
            self.compare("encrypt in a pipe", "age instead (throughput)", Measure::Throughput, &piped, &age);
        }
    }

    /// Compares one worker and two with the best that they could do.
    fn workers(&self) {
        let two = self.ours("encrypt", "--threads 2 f -o /dev/null");
        let halves = self.timed(
            "\"$reelseal\" encrypt --threads 1 --key-file key half1 -o /dev/null & \
             \"$reelseal\" encrypt --threads 1 --key-file key half2 -o /dev/null; wait",
        );
        self.compare("two workers", "two processes, half each (throughput)", Measure::Throughput, &two, &halves);
        let one = self.ours("encrypt", "--threads 1 f -o /dev/null");
        self.compare(
            "one worker",
            "read, AES-256-CTR and BLAKE3 alone, added (throughput)",
            Measure::Throughput,
            &one,
            &|| self.parts_alone(),
        );
    }

    /// Prints the ratio of the medians, and the quartiles of the pairs' ratios.
    fn compare(
        &self,
        work: &str,
        against: &str,
        measure: Measure,
        ours: &dyn Fn() -> Duration,
        theirs: &dyn Fn() -> Duration,
    ) {
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for pair in 0..self.pairs {
            // A B B A, so that any drift affects both alike.
            if pair % 2 == 0 {
                a.push(ours());
                b.push(theirs());
            } else {
                b.push(theirs());
                a.push(ours());
            }
        }
        let ratio = |a: Duration, b: Duration| match measure {
            Measure::Time => a.as_secs_f64() / b.as_secs_f64(),
            Measure::Throughput => b.as_secs_f64() / a.as_secs_f64(),
        };
        let mut ratios: Vec<f64> = a.iter().zip(&b).map(|(&a, &b)| ratio(a, b)).collect();
        ratios.sort_by(f64::total_cmp);
        let (low, high) = (ratios[self.pairs / 4], ratios[self.pairs * 3 / 4]);
        println!("| {work} | {against} | {:.2} | {low:.2} to {high:.2} |", ratio(median(a), median(b)));
    }

    fn missing(&self, work: &str, peer: &str) {
        println!("| {work} | {peer} | missing | |");
    }

    fn ours(&self, command: &str, arguments: &str) -> impl Fn() -> Duration + use<> {
        self.timed(&format!("\"$reelseal\" {command} --key-file key {arguments}"))
    }

    fn cp(&self) -> impl Fn() -> Duration {
        self.timed("cp f o")
    }

    /// Times a shell command that may write a file or folder `o`, which does not exist before.
    fn timed(&self, script: &str) -> impl Fn() -> Duration + use<> {
        let (folder, script) = (self.folder.path().to_owned(), script.to_owned());
        move || {
            let output = folder.join("o");
            if output.is_dir() {
                fs::remove_dir_all(output).unwrap();
            } else if output.exists() {
                fs::remove_file(output).unwrap();
            }
            let start = Instant::now();
            run(&folder, &script);
            start.elapsed()
        }
    }

    /// The time that reading, encrypting and authenticating take one after the other, each alone on a buffer that
    /// stays in the cache.
    fn parts_alone(&self) -> Duration {
        let (file, mut buffer) = (File::open(self.path("f")).unwrap(), vec![0; BUFFER]);
        let buffers = self.bytes / BUFFER as u64;
        let start = Instant::now();
        for at in 0..buffers {
            file.read_exact_at(&mut buffer, at * BUFFER as u64).unwrap();
        }
        let mut cipher = ctr::Ctr64BE::<aes::Aes256>::new(&[1; 32].into(), &[2; 16].into());
        for _ in 0..buffers {
            cipher.apply_keystream(black_box(&mut buffer));
        }
        for _ in 0..buffers {
            black_box(blake3::keyed_hash(&[3; 32], black_box(&buffer)));
        }
        start.elapsed()
    }

    fn has(&self, tool: &str) -> bool {
        let found = Command::new("sh").args(["-c", &format!("command -v {tool}")]).stdout(Stdio::null()).status();
        found.unwrap().success()
    }

    fn shell(&self, script: &str) {
        run(self.folder.path(), script);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

const AGE_KEY: &str = "test -e age.key || age-keygen -o age.key; age-keygen -y age.key >age.pub";
const RCLONE: &str = "--config /dev/null --crypt-remote \"$PWD/crypt\" --crypt-password $(rclone obscure secret)";
const OPENSSL: &str = "openssl enc -aes-256-ctr -K 00 -iv 00 -in f -out /dev/null 2>/dev/null";
const GPG: &str =
    "gpg --homedir . --batch --yes --pinentry-mode loopback --passphrase x -z 0 -o /dev/null -c f 2>/dev/null";

fn run(folder: &Path, script: &str) {
    let mut command = Command::new("sh");
    command
        .args(["-c", script])
        .current_dir(folder)
        .env("reelseal", REELSEAL)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    assert!(command.status().unwrap().success(), "{script}");
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, |cores| cores.get());
    let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = information.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    format!("{cores} cores, {}", model.trim_start_matches([' ', '\t', ':']))
}
