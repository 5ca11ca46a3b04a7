//! Recordings on disks that are full, fail or lose power, and recorders that are killed at any moment.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    collections::HashMap,
    fs,
    io::{Read, Write, pipe},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use support::{Folder, assert_done, assert_refused, feed, plaintext, text};

const RECORD: &str = "record --output-dir cam --key-file key --frame-size 4K";

/// A file system of this many KiB at `cam` in a folder, unmounted when it is dropped.
struct Mounted(PathBuf);

impl Mounted {
    fn tmpfs(folder: &Folder, kib: u64) -> Self {
        Self::at(folder, &["-t", "tmpfs", "-o", &format!("size={kib}k"), "none"])
    }

    /// An ext4 file system in the image `image`.
    fn ext4(folder: &Folder, kib: u64) -> Self {
        fs::File::create(folder.path("image")).unwrap().set_len(kib << 10).unwrap();
        let image = folder.path("image");
        let made = Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0"]).arg(&image).status().unwrap();
        assert!(made.success());
        Self::at(folder, &["-o", "loop", image.to_str().unwrap()])
    }

    fn at(folder: &Folder, arguments: &[&str]) -> Self {
        let place = folder.path("cam");
        fs::create_dir_all(&place).unwrap();
        assert!(Command::new("mount").args(arguments).arg(&place).status().unwrap().success());
        Self(place)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// The recorder under strace with these `options`; the trace goes to `log`.
fn traced(folder: &Folder, options: &[&str], arguments: &str) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "log", "-e", "signal=none"]).args(options);
    strace.arg(support::reelseal()).args(RECORD.split(' ')).args(arguments.split_terminator(' '));
    strace.current_dir(folder.path(""));
    strace
}

fn segments(folder: &Folder) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.path("cam")).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = entries.filter(|path| path.extension().is_some_and(|kind| kind == "reel")).collect();
    paths.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
    paths
}

/// What can be read of the recording, one segment after another.
fn readable(folder: &Folder) -> Vec<u8> {
    if segments(folder).is_empty() {
        return Vec::new();
    }
    let output = folder.run(&["decrypt", "cam", "-o", "-", "--allow-gaps"]);
    assert_done(&output);
    output.stdout
}

#[track_caller]
fn assert_ended_well_on_a_full_disk(folder: &Folder, output: &Output, film: &[u8], least: usize) {
    assert_refused(output, 1, "there is no room for more: ");
    let verified = folder.run(&["verify", "cam"]);
    assert_done(&verified);
    assert!(text(&verified.stdout).contains("; it was interrupted, and ended there"), "{}", text(&verified.stdout));
    let found = folder.run(&["decrypt", "cam", "-o", "-"]).stdout;
    assert!(film.starts_with(&found) && found.len() >= least, "{}", found.len());
}

#[test]
#[ignore = "needs root and mount"]
fn on_a_full_disk_the_recording_ends_well_and_uses_all_of_it() {
    for kib in [100, 333, 2000] {
        let folder = Folder::new();
        let mounted = Mounted::tmpfs(&folder, kib);
        let film = plaintext(4 << 20);
        let output = feed(folder.reelseal(&RECORD.split(' ').collect::<Vec<_>>()).arg("--quiet"), &film);
        assert_ended_well_on_a_full_disk(&folder, &output, &film, (kib as usize - 40) << 10);
        drop(mounted);
    }
    let folder = Folder::new();
    let mounted = Mounted::ext4(&folder, 4096);
    let film = plaintext(8 << 20);
    let output = feed(&mut folder.reelseal(&RECORD.split(' ').collect::<Vec<_>>()), &film);
    assert_ended_well_on_a_full_disk(&folder, &output, &film, 1 << 20);
    // Another process takes the rest of the disk during the recording: what was reserved is still there.
    segments(&folder).iter().for_each(|path| fs::remove_file(path).unwrap());
    let (input, mut writer) = pipe().unwrap();
    let mut command = folder.reelseal(&RECORD.split(' ').collect::<Vec<_>>());
    let recorder = command.stdin(input).stderr(Stdio::piped()).spawn().unwrap();
    // The command holds an end of the pipe, too.
    drop(command);
    let (output, follower_end) = pipe().unwrap();
    let arguments = ["decrypt", "--follow", "cam", "-o", "-", "--key-file", "key"];
    let mut follower = folder.reelseal(&arguments).stdout(follower_end).spawn().unwrap();
    let mut output = output;
    writer.write_all(&film[..1000]).unwrap();
    output.read_exact(&mut [0; 1000]).unwrap();
    let filled = Command::new("dd")
        .args(["if=/dev/zero", "bs=4k"])
        .arg(format!("of={}/filler", folder.path("cam").display()))
        .output();
    assert!(!filled.unwrap().status.success());
    writer.write_all(&film[1000..]).unwrap_err();
    let ended = recorder.wait_with_output().unwrap();
    // The follower sees the end.
    output.read_to_end(&mut Vec::new()).unwrap();
    assert_ended_well_on_a_full_disk(&folder, &ended, &film, 1000);
    assert!(follower.wait().unwrap().success());
    drop(mounted);
}

#[test]
#[ignore = "needs root and mount"]
fn a_disk_that_is_full_where_another_segment_should_begin_ends_the_last_one() {
    let film = plaintext(1 << 20);
    for kib in (60..180).step_by(12) {
        let folder = Folder::new();
        let mounted = Mounted::tmpfs(&folder, kib);
        let arguments: Vec<_> = RECORD.split(' ').chain(["--segment-size", "20000"]).collect();
        let output = feed(&mut folder.reelseal(&arguments), &film);
        assert_eq!(output.status.code(), Some(1), "{kib}: {}", text(&output.stderr));
        let verified = folder.run(&["verify", "cam"]);
        assert_done(&verified);
        assert!(text(&verified.stdout).contains("; it was interrupted, and ended there"), "{kib}");
        assert!(film.starts_with(&readable(&folder)));
        drop(mounted);
    }
}

#[test]
#[ignore = "needs strace"]
fn a_quota_that_is_used_up_ends_a_recording_well() {
    for when in 2..4 {
        let folder = Folder::new();
        let film = plaintext(4 << 20);
        let inject = format!("inject=fallocate:error=EDQUOT:when={when}+");
        let output = feed(&mut traced(&folder, &["-e", &inject], ""), &film);
        assert_ended_well_on_a_full_disk(&folder, &output, &film, 900_000);
    }
    // If there is no room for a recording at all, nothing is left of it.
    let folder = Folder::new();
    let output = feed(&mut traced(&folder, &["-e", "inject=fallocate:error=EDQUOT"], ""), b"frames");
    let fact = "cannot make the segment: disk quota exceeded\nreelseal: hint: nothing was recorded; make room, ";
    assert_refused(&output, 1, fact);
    assert!(!folder.path("cam").exists());
}

#[test]
#[ignore = "needs strace"]
fn what_is_left_of_the_reserve_is_released_and_a_file_system_need_not_be_able_to_reserve() {
    use std::os::unix::fs::MetadataExt;
    let folder = Folder::new();
    assert_done(&feed(&mut traced(&folder, &[], ""), b"frames"));
    let metadata = segments(&folder)[0].metadata().unwrap();
    assert!(metadata.blocks() * 512 <= metadata.len() + 8192, "{} {}", metadata.blocks(), metadata.len());
    assert!(text(&folder.read("log")).contains("FALLOC_FL_KEEP_SIZE"));

    let folder = Folder::new();
    assert_done(&feed(&mut traced(&folder, &["-e", "inject=fallocate:error=EOPNOTSUPP"], ""), &plaintext(100_000)));
    assert_done(&folder.run(&["verify", "cam"]));
    assert!(readable(&folder) == plaintext(100_000));
}

#[test]
#[ignore = "needs strace"]
fn a_sync_that_fails_begins_another_segment_and_that_is_reported() {
    // The first sync is of the header; those after it are of frames, as each is synced.
    for when in [2, 3, 5] {
        let folder = Folder::new();
        let inject = format!("inject=fdatasync:error=EIO:when={when}");
        let film = plaintext(60_000);
        let (input, mut writer) = pipe().unwrap();
        let mut command = traced(&folder, &["-e", "trace=fdatasync", "-e", &inject], "--sync 0");
        let recorder = command.stdin(input).stderr(Stdio::piped()).spawn().unwrap();
        drop(command);
        // Frames that are written while a sync is under way are synced together.
        for (sent, piece) in film.chunks(6000).enumerate() {
            writer.write_all(piece).unwrap();
            while syncs(&folder) < sent + 2 {
                std::thread::yield_now();
            }
        }
        drop(writer);
        let output = recorder.wait_with_output().unwrap();
        let reported = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{reported}");
        assert!(
            reported.contains("cannot be synced, so a power cut may lose what was last written to it"),
            "{reported}"
        );
        assert!(reported.contains("cam: part of the recording may be missing"), "{reported}");
        assert_eq!(segments(&folder).len(), 2);
        assert_done(&folder.run(&["verify", "cam"]));
        assert!(readable(&folder) == film);
    }
}

/// How many syncs have begun, according to the log.
fn syncs(folder: &Folder) -> usize {
    fs::read_to_string(folder.path("log")).unwrap_or_default().matches(" fdatasync(").count()
}

#[test]
#[ignore = "needs strace"]
fn while_a_disk_takes_minutes_to_sync_frames_are_still_written() {
    let folder = Folder::new();
    fs::create_dir(folder.path("cam")).unwrap();
    // The second sync of the syncing thread takes longer than this test; strace counts for each thread separately.
    let inject = "inject=fdatasync:delay_enter=900000000:when=2";
    let (input, mut writer) = pipe().unwrap();
    let mut command = traced(&folder, &["-e", "trace=fdatasync", "-e", inject], "--sync 0 --max-delay 10ms");
    let mut recorder = command.process_group_of_its_own().stdin(input).spawn().unwrap();
    drop(command);
    let (mut output, follower_end) = pipe().unwrap();
    let arguments = ["decrypt", "--follow", "cam", "-o", "-", "--key-file", "key"];
    let mut follower = folder.reelseal(&arguments).stdout(follower_end).spawn().unwrap();
    let film = plaintext(300_000);
    let mut found = vec![0; film.len()];
    for (piece, found) in film.chunks(3000).zip(found.chunks_mut(3000)) {
        writer.write_all(piece).unwrap();
        output.read_exact(found).unwrap();
    }
    let log = text(&folder.read("log"));
    kill(Pid::from_raw(-(recorder.id() as i32)), Signal::SIGKILL).unwrap();
    recorder.wait().unwrap();
    follower.kill().unwrap();
    follower.wait().unwrap();
    assert!(found == film);
    // The header's sync, the first of that thread, and the one that does not return.
    assert!(log.matches(" fdatasync(").count() == 3 && log.matches("= 0").count() == 2, "{log}");
}

#[test]
#[ignore = "needs strace"]
fn a_write_that_fails_begins_another_segment_with_the_same_bytes() {
    for (when, error) in [(2, "EIO"), (4, "ESTALE"), (9, "EIO")] {
        let folder = Folder::new();
        let inject = format!("inject=pwrite64:error={error}:when={when}");
        let output = feed(&mut traced(&folder, &["-e", &inject], ""), &plaintext(60_000));
        assert_refused(&output, 1, "is left unfinished: cannot write");
        assert_eq!(segments(&folder).len(), 2);
        assert!(readable(&folder) == plaintext(60_000), "{when}");
    }
}

/// How often the thread that makes a call most often has begun it: strace counts for each thread separately.
fn made_by_one(log: &str, name: &str) -> usize {
    let mut made = HashMap::new();
    for line in log.lines().filter(|line| line.contains(&format!(" {name}("))) {
        *made.entry(line.split(' ').next().unwrap()).or_default() += 1;
    }
    made.into_values().max().unwrap_or_default()
}

/// How often one thread of the recorder makes each of these calls, at most.
fn calls(folder: &Folder, film: &[u8], names: &[&str]) -> Vec<(String, usize)> {
    assert_done(&feed(&mut traced(folder, &["-e", &format!("trace={}", names.join(","))], ARGUMENTS), film));
    let log = text(&folder.read("log"));
    names.iter().map(|name| ((*name).to_owned(), made_by_one(&log, name))).collect()
}

const ARGUMENTS: &str = "--segment-size 50000 --sync 0";

#[test]
#[ignore = "needs strace"]
fn a_recorder_that_is_killed_at_any_call_leaves_what_it_had_written() {
    let film = plaintext(100_000);
    let counted =
        calls(&Folder::new(), &film, &["pwrite64", "fdatasync", "fsync", "fallocate", "ftruncate", "openat", "linkat"]);
    for (name, count) in counted {
        assert!(count > 1, "{name}");
        for when in 1..=count {
            let folder = Folder::new();
            let inject = format!("inject={name}:signal=KILL:when={when}");
            let killed = feed(&mut traced(&folder, &["-e", &inject], ARGUMENTS), &film);
            if killed.status.success() {
                // The number of some calls differs a little from run to run.
                assert!(made_by_one(&text(&folder.read("log")), &name) < when, "{name} {when}");
                continue;
            }
            if !folder.path("cam").exists() {
                continue;
            }
            // A file whose header was not written is not a segment.
            segments(&folder)
                .iter()
                .filter(|path| path.metadata().unwrap().len() == 0)
                .for_each(|path| fs::remove_file(path).unwrap());
            let found = readable(&folder);
            assert!(film.starts_with(&found), "{name} {when}");
            if let Some(last) = segments(&folder).last()
                && !found.is_empty()
            {
                let verified = folder.run(&["verify", "cam"]);
                let said = text(&verified.stdout) + &text(&verified.stderr);
                let is_whole = verified.status.success();
                let is_unknown = said.contains("the end is unknown") || said.contains("is continued, but the next");
                assert!(is_whole || is_unknown, "{name} {when} {}: {said}", last.display());
            }
        }
    }
}

/// Runs the recorder on an ext4 image, stopped by strace before call `when` of `name`. Returns how much had been synced
/// before that, and what can be read from the image as it was at that moment, as after a power failure.
fn cut_power(name: &str, when: usize, film: &[u8]) -> Option<(usize, Vec<u8>)> {
    let folder = Folder::new();
    let mounted = Mounted::ext4(&folder, 8192);
    let inject = format!("inject={name}:delay_enter=3000000:when={when}");
    let (input, mut writer) = pipe().unwrap();
    // Every frame but the last is full, however slow the machine is.
    let arguments = format!("{ARGUMENTS} --max-delay 1h");
    let mut command = traced(&folder, &["-e", "trace=pwrite64,fdatasync,fsync", "-e", &inject], &arguments);
    let mut strace = command.process_group_of_its_own().stdin(input).stderr(Stdio::null()).spawn().unwrap();
    let writes = film.to_vec();
    let feeding = std::thread::spawn(move || drop(writer.write_all(&writes)));
    // The log shows a call as soon as it has begun.
    let log = loop {
        let log = fs::read_to_string(folder.path("log")).unwrap_or_default();
        let begun = made_by_one(&log, name);
        let has_ended = strace.try_wait().unwrap().is_some();
        if begun >= when || has_ended {
            break if has_ended { None } else { Some(log) };
        }
    };
    if log.is_some() {
        // While the recorder is held at a write, a sync that is under way comes to its end.
        while name != "fdatasync" && is_sync_under_way(&folder) {
            std::thread::yield_now();
        }
        fs::copy(folder.path("image"), folder.path("copy")).unwrap();
    }
    let _ = kill(Pid::from_raw(-(strace.id() as i32)), Signal::SIGKILL);
    strace.wait().unwrap();
    feeding.join().unwrap();
    let log = log?;
    drop(mounted);
    let restored = Folder::new();
    fs::copy(folder.path("key"), restored.path("key")).unwrap();
    fs::rename(folder.path("copy"), restored.path("image")).unwrap();
    let mounted = Mounted::at(&restored, &["-o", "loop", restored.path("image").to_str().unwrap()]);
    // A frame of 4 KiB counts as synced once a sync that began after it has returned.
    let synced = synced_frames(&log);
    let found = readable_after_a_power_cut(&restored);
    drop(mounted);
    Some((synced, found))
}

trait Grouped {
    fn process_group_of_its_own(&mut self) -> &mut Self;
}

impl Grouped for Command {
    fn process_group_of_its_own(&mut self) -> &mut Self {
        std::os::unix::process::CommandExt::process_group(self, 0)
    }
}

fn is_sync_under_way(folder: &Folder) -> bool {
    let log = text(&folder.read("log"));
    let count = |what: &str| log.lines().filter(|line| line.contains("fdatasync") && line.contains(what)).count();
    count("<unfinished") > count("resumed>")
}

/// How many full frames had been written when the last sync that has returned began.
fn synced_frames(log: &str) -> usize {
    let (mut written, mut begun, mut synced) = (0, 0, 0);
    for line in log.lines() {
        if line.contains("pwrite64") && line.contains("= 4160") {
            written += 1;
        }
        if line.contains(" fdatasync(") {
            begun = written;
        }
        if line.contains("fdatasync") && line.ends_with("= 0") {
            synced = begun;
        }
    }
    synced
}

fn readable_after_a_power_cut(folder: &Folder) -> Vec<u8> {
    // A name may have been synced before the header in its file.
    let has_header = |path: &Path| fs::read(path).unwrap().starts_with(b"\x89RSL");
    segments(folder).iter().filter(|path| !has_header(path)).for_each(|path| fs::remove_file(path).unwrap());
    readable(folder)
}

#[test]
#[ignore = "needs root, mount and strace"]
fn after_a_power_cut_what_had_been_synced_reads_back_in_order() {
    let film = plaintext(60_000);
    let mut tried = 0;
    for (name, whens) in [("pwrite64", [2, 3, 7, 12]), ("fdatasync", [2, 4, 9, 13])] {
        for when in whens {
            let Some((synced, found)) = cut_power(name, when, &film) else { continue };
            tried += 1;
            assert!(film.starts_with(&found), "{name} {when}");
            assert!(found.len() >= film.len().min(synced * 4096), "{name} {when}: {} of {synced} frames", found.len());
        }
    }
    assert!(tried >= 6, "{tried}");
}

#[test]
fn holes_among_frames_that_were_not_synced_confuse_nobody() {
    use std::os::unix::fs::FileExt;
    let folder = Folder::new();
    let film = plaintext(40_000);
    assert_done(&folder.pipe(&RECORD.split(' ').take(3).chain(["--frame-size", "4K"]).collect::<Vec<_>>(), &film));
    let path = segments(&folder).remove(0);
    let file = fs::File::options().write(true).open(&path).unwrap();
    // Frame 5 is zeros, and the end is missing.
    file.write_all_at(&[0; 4160], 8192 + 5 * 4160).unwrap();
    file.set_len(8192 + 8 * 4160).unwrap();
    let verified = folder.run(&["verify", "cam"]);
    assert_refused(&verified, 4, "20480 bytes of it are there, and the end is unknown");
    assert_refused(&folder.run(&["decrypt", "cam", "-o", "-"]), 4, "is unfinished");
    assert!(folder.run(&["decrypt", "cam", "-o", "-", "--allow-gaps"]).stdout == film[..20_480]);
    // Zeros up to a length that the file system made up.
    file.set_len(8192 + 5 * 4160).unwrap();
    file.set_len(8192 + 9 * 4160 + 77).unwrap();
    assert!(folder.run(&["decrypt", "cam", "-o", "-", "--allow-gaps"]).stdout == film[..20_480]);
}

#[test]
#[ignore = "needs strace"]
fn a_follower_and_a_recorder_do_nothing_while_they_wait() {
    let folder = Folder::new();
    let (input, mut writer) = pipe().unwrap();
    let mut recorder = traced(&folder, &[], "").stdin(input).spawn().unwrap();
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "follow-log", support::reelseal()]);
    strace.args(["decrypt", "--follow", "cam", "-o", "-", "--key-file", "key"]).current_dir(folder.path(""));
    fs::create_dir_all(folder.path("cam")).unwrap();
    let (mut output, follower_end) = pipe().unwrap();
    let mut follower = strace.stdout(follower_end).spawn().unwrap();
    drop(strace);
    writer.write_all(b"frames").unwrap();
    output.read_exact(&mut [0; 6]).unwrap();
    // Long enough for the sync of what was just written.
    std::thread::sleep(std::time::Duration::from_secs(2));
    let lines = |name: &str| text(&folder.read(name)).lines().count();
    let before = [lines("log"), lines("follow-log")];
    std::thread::sleep(std::time::Duration::from_secs(3));
    let made = [lines("log") - before[0], lines("follow-log") - before[1]];
    assert!(made[0] <= 2 && made[1] < 100, "{made:?}");
    drop(writer);
    assert!(recorder.wait().unwrap().success());
    assert!(follower.wait().unwrap().success());
}

#[test]
#[ignore = "needs ffmpeg"]
fn each_segment_of_a_transport_stream_plays_alone_and_all_decode_as_one() {
    let folder = Folder::new();
    let arguments = "ffmpeg -v error -f lavfi -i testsrc=size=320x240:rate=25 -t 20 -c:v mpeg2video -g 25 -f mpegts";
    let made = Command::new("ffmpeg").args(arguments.split(' ').skip(1)).arg(folder.path("film.ts")).status().unwrap();
    assert!(made.success());
    let film = folder.read("film.ts");
    assert_eq!(film.len() % 188, 0);
    let recorded =
        feed(folder.reelseal(&RECORD.split(' ').collect::<Vec<_>>()).args(["--segment-size", "300000"]), &film);
    assert_done(&recorded);
    let names = segments(&folder);
    assert!(names.len() > 2 && names[0].to_str().unwrap().ends_with("Z.ts.reel"), "{names:?}");
    let frames = |path: &Path| {
        let probe = "-v error -count_frames -select_streams v -show_entries stream=nb_read_frames -of csv=p=0";
        let output = Command::new("ffprobe").args(probe.split(' ')).arg(path).output().unwrap();
        assert!(output.status.success());
        text(&output.stdout).split_whitespace().next().unwrap().trim_end_matches(',').parse::<u32>().unwrap()
    };
    for name in &names {
        let segment = folder.run(&["decrypt", name.to_str().unwrap(), "-o", "-"]).stdout;
        assert_eq!((segment.len() % 188, segment[0]), (0, 0x47));
        assert!(frames(&folder.write("segment.ts", &segment)) > 0, "{}", name.display());
    }
    assert_done(&folder.run(&["decrypt", "cam", "-o", "together.ts"]));
    assert!(folder.read("together.ts") == film);
    let errors = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(folder.path("together.ts"))
        .args(["-f", "null", "-"])
        .output()
        .unwrap();
    assert_eq!(text(&errors.stderr), "");
    assert_eq!(frames(&folder.path("together.ts")), 500);
}
