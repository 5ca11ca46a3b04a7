//! A folder that the command has mounted, for tests that read it with other programs.

#![allow(dead_code, reason = "each test binary uses some of it")]

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// A mount; it is unmounted when the test ends, however that happens.
pub struct Mount {
    child: Child,
    reported: Option<BufReader<ChildStderr>>,
    place: PathBuf,
}

impl Mount {
    /// Runs `command`, which mounts something at `place`, and waits until it is there.
    #[track_caller]
    pub fn start(command: &mut Command, place: &Path) -> Self {
        Self::try_start(command, place).unwrap_or_else(|said| panic!("not mounted: {said}"))
    }

    /// Likewise, or returns what the command reports if it mounts nothing.
    pub fn try_start(command: &mut Command, place: &Path) -> Result<Self, String> {
        assert!(
            Path::new("/dev/fuse").exists(),
            "/dev/fuse is missing: modprobe fuse, or give the container the device"
        );
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut reported = BufReader::new(child.stderr.take().unwrap());
        let place = place.to_owned();
        let mut said = String::new();
        while reported.read_line(&mut said).unwrap() > 0 {
            if said.contains("mounted at") {
                return Ok(Self { child, reported: Some(reported), place });
            }
        }
        Err(format!("{:?}: {said}", child.wait()))
    }

    /// The path of `name` in the mount.
    pub fn path(&self, name: &str) -> PathBuf {
        self.place.join(name)
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    /// Waits for the command to end; what it has mounted may remain.
    pub fn wait_for_end(&mut self) {
        self.child.wait().unwrap();
    }

    /// Waits for the command to end, and returns its status and what it has reported since mounting.
    pub fn wait(mut self) -> (ExitStatus, String) {
        let mut said = String::new();
        if let Some(mut reported) = self.reported.take() {
            reported.read_to_string(&mut said).unwrap();
        }
        (self.child.wait().unwrap(), said)
    }

    /// Makes the command unmount, and fails unless it ends well; returns what it reported.
    #[track_caller]
    pub fn end(self) -> String {
        self.signal(Signal::SIGTERM);
        let place = self.place.clone();
        let (status, said) = self.wait();
        assert!(status.success(), "{status}: {said}");
        assert!(!is_mounted(&place), "{said}");
        said
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM);
        }
        // What somebody else has mounted over it is not ours.
        if types_mounted_at(&self.place).last().is_some_and(|kind| kind == "fuse.reelseal") {
            let _ = Command::new("fusermount3").args(["-u", "-z", "-q"]).arg(&self.place).status();
        }
        let _ = self.child.wait();
    }
}

/// Whether anything is mounted at `place`.
pub fn is_mounted(place: &Path) -> bool {
    !types_mounted_at(place).is_empty()
}

/// The types of what is mounted at `place`, according to the system's table: if there are several, the visible one
/// comes last.
fn types_mounted_at(place: &Path) -> Vec<String> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let of_place = table.lines().filter(|line| line.split(' ').nth(4) == place.to_str());
    of_place.map(|line| line.split(" - ").nth(1).unwrap().split(' ').next().unwrap().to_owned()).collect()
}
