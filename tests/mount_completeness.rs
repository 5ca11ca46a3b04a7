//! A part of a mounted file never passes for the whole, whichever way it is read and whatever happens in the meantime.

#![cfg(all(target_os = "linux", feature = "mount"))]
#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

#[path = "support/mounting.rs"]
mod mounting;
#[path = "support/shell.rs"]
mod shell;
mod support;

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    process::Command,
};

use mounting::{Mount, is_mounted};
use shell::{shell, shell_done};
use support::{Folder, assert_done, plaintext, text};

/// The size of a frame in the stream, and of what comes before the first one.
const WIRE: u64 = (64 << 10) + 64;
const FRAMES_START: u64 = 8192;

fn folder() -> Folder {
    let folder = Folder::new();
    for name in ["films", "mnt"] {
        fs::create_dir(folder.path(name)).unwrap();
    }
    folder
}

#[track_caller]
fn mount(folder: &Folder) -> Mount {
    let place = folder.path("mnt").canonicalize().unwrap();
    Mount::start(folder.reelseal(&["mount", "films", "mnt"]).args(["--key-file", "key"]), &place)
}

/// A process that mounts the same source, and may have no more than `descriptors` open.
fn within(folder: &Folder, descriptors: u32) -> Command {
    let script = format!("ulimit -n {descriptors}; exec {} mount films mnt --key-file key", support::reelseal());
    let mut command = Command::new("bash");
    command.args(["-c", &script]).current_dir(folder.path(""));
    command
}

/// Copies one file in a way that goes through the system's cache: by a call that moves bytes, or from mapped memory.
const COPY: &str = "import mmap, os, sys
way, source = sys.argv[1:]
film = os.open(source, os.O_RDONLY)
size = os.fstat(film).st_size
copy = os.open('copied', os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
at = 0
if way == 'sendfile':
    while sent := os.sendfile(copy, film, at, 1 << 20):
        at += sent
elif way == 'splice':
    end, begin = os.pipe()
    while moved := os.splice(film, begin, 65536):
        while moved:
            moved -= os.splice(end, copy, moved)
else:
    mapped = mmap.mmap(film, size, flags=getattr(mmap, way), prot=mmap.PROT_READ)
    while at < size:
        os.write(copy, mapped[at:at + 4096])
        at += 4096
";

#[test]
#[ignore = "needs fuse3, python3"]
fn a_copy_through_the_systems_cache_is_whole_or_fails() {
    let folder = folder();
    folder.write("copy.py", COPY.as_bytes());
    let content = plaintext((5 << 16) + 1234);
    for (name, live) in [("whole", &[][..]), ("whole-live", &["--live"])] {
        let sealed = format!("films/{name}.reel");
        assert_done(&folder.pipe(&[&["encrypt", "-o", &sealed], live].concat(), &content));
    }
    let sealed = |name: &str| folder.path("films").join(name).with_extension("reel");
    let open = |name: &str| File::options().read(true).write(true).open(sealed(name)).unwrap();
    let length = |name: &str| sealed(name).metadata().unwrap().len();
    for (name, from, cut) in [
        ("between", "whole", length("whole") - FRAMES_START - 3 * WIRE),
        ("within", "whole", length("whole") - FRAMES_START - 3 * WIRE - 1000),
        ("live", "whole-live", 10),
        ("damaged", "whole", 10),
        ("damaged-live", "whole-live", 10),
    ] {
        fs::copy(sealed(from), sealed(name)).unwrap();
        open(name).set_len(length(from) - cut).unwrap();
    }
    for name in ["damaged", "damaged-live"] {
        open(name).write_all_at(b"???", FRAMES_START + 2 * WIRE + 5000).unwrap();
    }
    let mount = mount(&folder);
    for way in ["sendfile", "splice", "MAP_SHARED", "MAP_PRIVATE"] {
        for name in ["whole", "whole-live"] {
            shell_done(&folder, &format!("python3 copy.py {way} mnt/{name}"));
            assert!(folder.read("copied") == content, "{way}, {name}");
        }
        for name in ["between", "within", "live", "damaged", "damaged-live"] {
            let copied = shell(&folder, &format!("python3 copy.py {way} mnt/{name}"));
            let read = folder.read("copied");
            assert!(!copied.status.success(), "{way}, {name}: {} bytes for the whole", read.len());
            assert!(content.starts_with(&read), "{way}, {name}: false bytes");
            let said = text(&copied.stderr);
            assert!(way.starts_with("MAP") || said.contains("Input/output error"), "{way}, {name}: {said}");
        }
    }
    mount.end();
}

#[test]
#[ignore = "needs fuse3"]
fn a_recording_is_read_to_its_end_while_others_list_and_open_it() {
    let folder = folder();
    // With this many segments, there is always one being opened.
    shell_done(&folder, "head -c 48M /dev/urandom >film");
    let record = ["record", "--output-dir", "films", "--segment-size", "64K", "--name", "film"];
    assert_done(
        &folder
            .reelseal(&record)
            .args(["--key-file", "key"])
            .stdin(File::open(folder.path("film")).unwrap())
            .output()
            .unwrap(),
    );
    let mount = mount(&folder);
    let script = "trap 'kill $(jobs -p)' EXIT
        while :; do ls -l mnt; done >/dev/null &
        while :; do head -c 1 mnt/film; done >/dev/null &
        for _ in $(seq 20); do cp mnt/film copied; cmp film copied; done";
    shell_done(&folder, script);
    mount.end();
}

#[test]
#[ignore = "needs fuse3"]
fn however_few_descriptors_there_are_no_dead_mount_is_left() {
    let folder = folder();
    assert_done(&folder.pipe(&["encrypt", "-o", "films/0.reel"], &plaintext(100_000)));
    for number in 1..150 {
        fs::copy(folder.path("films/0.reel"), folder.path(&format!("films/{number}.reel"))).unwrap();
    }
    let place = folder.path("mnt").canonicalize().unwrap();
    let mut mounted = 0;
    for descriptors in (6..32).chain([40]) {
        let read = || {
            let mut reading = Command::new("bash");
            reading.args(["-c", "cat mnt/* >/dev/null 2>&1"]).current_dir(folder.path("")).spawn().unwrap()
        };
        match Mount::try_start(&mut within(&folder, descriptors), &place) {
            Ok(mount) => {
                mounted += 1;
                read().wait().unwrap();
                let mut readers = [read(), read(), read()];
                mount.end();
                for reader in &mut readers {
                    reader.wait().unwrap();
                }
            }
            Err(said) => assert!(!is_mounted(&place), "{descriptors} descriptors: {said}"),
        }
    }
    assert!(mounted > 0);
}

#[test]
#[ignore = "needs fuse3"]
fn more_files_can_be_read_than_the_process_may_have_open() {
    let folder = folder();
    assert_done(&folder.pipe(&["encrypt", "-o", "films/0.reel"], &plaintext(100_000)));
    for number in 1..300 {
        fs::copy(folder.path("films/0.reel"), folder.path(&format!("films/{number}.reel"))).unwrap();
    }
    folder.write("plain", &plaintext(100_000));
    let place = folder.path("mnt").canonicalize().unwrap();
    let mount = Mount::start(&mut within(&folder, 40), &place);
    shell_done(&folder, "for film in mnt/*; do cmp plain $film; done");
    shell_done(
        &folder,
        "exec 5<mnt/1 6<mnt/2; for film in mnt/*; do cmp plain $film; done; cmp plain - <&5; cmp plain - <&6",
    );
    mount.end();
}
