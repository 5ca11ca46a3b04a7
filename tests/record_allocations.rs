//! Once a recording is under way, frames cost no allocations, and neither do syncs. The recorder runs in a process of
//! its own, which is this test started again.

#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    env,
    io::Write,
    process::{Command, Stdio},
};

use reelseal::cli::{self, Arguments};
use support::Folder;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const FRAME: usize = 4096;
const CHILD: &str = "REELSEAL_TEST_RECORDER";

/// How many allocations it takes to record this many frames in one segment.
fn allocations(frames: usize, more: &str) -> u64 {
    let folder = Folder::new();
    let mut test = Command::new(env::current_exe().unwrap());
    test.args(["--exact", "--nocapture", "recorder"]).current_dir(folder.path(""));
    test.env(CHILD, format!("reelseal record --output-dir cam --key-file key --frame-size 4K {more}"));
    let mut test = test.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = test.stdin.take().unwrap();
    (0..frames).for_each(|_| input.write_all(&[7; FRAME]).unwrap());
    drop(input);
    let output = test.wait_with_output().unwrap();
    assert!(output.status.success());
    let count = String::from_utf8(output.stdout).unwrap();
    let count = count.lines().find_map(|line| line.split_once("allocations: ")).unwrap().1.parse().unwrap();
    let verified = folder.run(&["verify", "cam"]);
    assert!(String::from_utf8(verified.stdout).unwrap().contains(&format!("1 segment, {} bytes", frames * FRAME)));
    count
}

/// The recorder, in the process that is to be one.
#[test]
fn recorder() {
    let Ok(line) = env::var(CHILD) else { return };
    let arguments = Arguments::parse_all(line.split_whitespace().map(Into::into)).unwrap();
    let _profiler = dhat::Profiler::builder().testing().build();
    assert_eq!(cli::run(&arguments), std::process::ExitCode::SUCCESS);
    println!("allocations: {}", dhat::HeapStats::get().total_blocks);
}

#[test]
fn a_recording_of_4000_frames_allocates_no_more_than_one_of_100() {
    for more in ["--sync 1h", "--sync 0", "--sync 0 --max-delay 0"] {
        // Other threads allocate a little as they start and end.
        let (few, many) = (allocations(100, more), allocations(4000, more));
        assert!(many < few + 40, "{more}: {few} {many}");
    }
}
