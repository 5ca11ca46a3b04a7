//! Helpers that the tests of the command share.

#![allow(dead_code, reason = "each test binary uses some of it")]
#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

#[cfg(feature = "serve")]
pub mod chromium;
pub mod recorder;
#[cfg(feature = "serve")]
pub mod serving;

use std::{
    env,
    fs::{self, File},
    io::Write,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{Arc, LazyLock, Once},
};

use nix::sys::signal::Signal;
use tempfile::TempDir;

/// The lowest cost that the command allows: the tests are not about guessing.
pub const CHEAP: [&str; 2] = ["--scrypt-log-n", "14"];

/// The command that the tests run: the one that was built with them, or the one that this variable names, such as a
/// release build, for which the tests need not be built again.
pub fn reelseal() -> &'static str {
    static PATH: LazyLock<String> = LazyLock::new(|| match env::var_os("REELSEAL_UNDER_TEST") {
        // Tests run it in folders of their own.
        Some(path) => fs::canonicalize(path).unwrap().into_os_string().into_string().unwrap(),
        None => env!("CARGO_BIN_EXE_reelseal").to_owned(),
    });
    &PATH
}

/// A temporary folder with a key file in it.
pub struct Folder {
    folder: TempDir,
}

impl Folder {
    pub fn new() -> Self {
        pass_no_ignored_signal_on();
        let folder = Self { folder: TempDir::new().unwrap() };
        let made = folder.reelseal(&["keygen", "-o", "key"]).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// The names in the folder, hidden ones included, sorted, without the key.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "key")
            .collect();
        names.sort();
        names
    }

    /// The command, run in the folder and without a passphrase in its environment.
    pub fn reelseal(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(reelseal());
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env_remove("REELSEAL_PASSPHRASE").env_remove("REELSEAL_NEW_PASSPHRASE");
        command
    }

    /// Runs the command with the key file.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.reelseal(arguments).args(["--key-file", "key"]).output().unwrap()
    }

    /// Runs the command with the key file, `input` piped in.
    pub fn pipe(&self, arguments: &[&str], input: &[u8]) -> Output {
        feed(self.reelseal(arguments).args(["--key-file", "key"]), input)
    }
}

/// Lets the processes that tests start receive the signals that tests send. `cargo test &` and nohup make us ignore
/// some signals; ignored signals are inherited, handled ones are not. This process handles them by doing nothing.
fn pass_no_ignored_signal_on() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let ignored =
            status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
        for signal in
            [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGHUP, Signal::SIGTERM, Signal::SIGUSR1, Signal::SIGUSR2]
        {
            if ignored.is_some_and(|ignored| ignored & (1 << (signal as i32 - 1)) != 0) {
                signal_hook::flag::register(signal as i32, Arc::default()).unwrap();
            }
        }
    });
}

/// Runs `command` with `input` piped in. It may close the pipe early.
pub fn feed(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let _ = pipe.write_all(input);
        });
        child.wait_with_output().unwrap()
    })
}

/// A folder with `film.reel`, a stream of 20 full frames of 4096 bytes and a final one of 5 bytes, and its bytes.
pub fn film_in_frames() -> (Folder, Vec<u8>) {
    let folder = Folder::new();
    folder.write("film", &plaintext(20 * 4096 + 5));
    assert_done(&folder.run(&["encrypt", "film", "--frame-size", "4K"]));
    let stream = folder.read("film.reel");
    (folder, stream)
}

/// The plaintext of a test: no two of its frames are alike.
pub fn plaintext(length: usize) -> Vec<u8> {
    (0..length as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Asserts that `output` failed with `code` and reported `fact`.
#[track_caller]
pub fn assert_refused(output: &Output, code: i32, fact: &str) {
    let reported = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{reported}");
    assert!(reported.contains(fact), "{reported}");
}

#[track_caller]
pub fn assert_done(output: &Output) {
    assert!(output.status.success(), "{:?}: {}", output.status, text(&output.stderr));
}

pub fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().unwrap().permissions().mode() & 0o7777
}

/// The writable memory of the process with this id, one piece per mapping.
pub fn memory_of(process: u32) -> Vec<Vec<u8>> {
    let process = format!("/proc/{process}");
    let (maps, memory) =
        (fs::read_to_string(format!("{process}/maps")).unwrap(), File::open(format!("{process}/mem")).unwrap());
    let writable = maps.lines().filter(|line| line.contains(" rw"));
    let pieces = writable.filter_map(|line| {
        let (start, end) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
        let (start, end) = (u64::from_str_radix(start, 16).unwrap(), u64::from_str_radix(end, 16).unwrap());
        let mut piece = vec![0; (end - start) as usize];
        memory.read_exact_at(&mut piece, start).is_ok().then_some(piece)
    });
    pieces.collect()
}

/// Whether `needle` is anywhere in the writable memory of the process with this id.
pub fn memory_holds(process: u32, needle: &[u8]) -> bool {
    memory_of(process).iter().any(|piece| piece.windows(needle.len()).any(|window| window == needle))
}
