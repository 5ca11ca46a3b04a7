//! A mounted tree: when it appears and goes away, and what is refused.

#![cfg(all(target_os = "linux", feature = "mount"))]
#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

#[path = "support/mounting.rs"]
mod mounting;
mod support;

use std::{
    fs::{self, File},
    io::Read,
    os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
    path::PathBuf,
    process::{Command, Output},
};

use mounting::{Mount, is_mounted};
use nix::sys::signal::Signal;
use support::{Folder, assert_done, assert_refused, plaintext, text};

/// Seals `content` as `films/NAME.reel`.
fn seal(folder: &Folder, name: &str, content: &[u8]) {
    let path = format!("films/{name}.reel");
    fs::create_dir_all(folder.path(&path).parent().unwrap()).unwrap();
    assert_done(&folder.pipe(&["encrypt", "--timestamps", "never", "-o", &path], content));
}

/// A folder `films` with one film, and an empty folder `mnt`.
fn films() -> Folder {
    let folder = Folder::new();
    fs::create_dir(folder.path("mnt")).unwrap();
    seal(&folder, "film.mp4", &plaintext(300_000));
    folder
}

fn place(folder: &Folder) -> PathBuf {
    folder.path("mnt").canonicalize().unwrap()
}

#[track_caller]
fn mount(folder: &Folder, source: &str) -> Mount {
    let mut command = folder.reelseal(&["mount", source, "mnt"]);
    Mount::start(command.args(["--key-file", "key"]), &place(folder))
}

fn refused(folder: &Folder, arguments: &[&str]) -> Output {
    folder.reelseal(&["mount"]).args(arguments).args(["--key-file", "key"]).output().unwrap()
}

#[test]
#[ignore = "needs fuse3"]
fn a_tree_has_the_names_attributes_and_bytes_of_its_streams_and_cannot_be_written() {
    let folder = films();
    seal(&folder, "days/one/clip.ts", &plaintext(70_000));
    assert_done(&folder.pipe(&["encrypt", "--live", "-o", "films/live.ts.reel"], &plaintext(50_000)));
    folder.write("films/notes.txt", b"plain");
    let sealed = folder.path("films/film.mp4.reel");
    fs::set_permissions(&sealed, fs::Permissions::from_mode(0o640)).unwrap();
    chown(&sealed, Some(1234), Some(4321)).unwrap();
    let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::new(1_700_000_000, 123_456_789);
    File::open(&sealed).unwrap().set_modified(time).unwrap();

    let mount = mount(&folder, "films");
    let mut names: Vec<_> = fs::read_dir(mount.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["days", "film.mp4", "live.ts"]);
    for (name, length) in [("film.mp4", 300_000), ("days/one/clip.ts", 70_000), ("live.ts", 50_000)] {
        assert_eq!(mount.path(name).metadata().unwrap().len(), length as u64, "{name}");
        assert!(fs::read(mount.path(name)).unwrap() == plaintext(length), "{name}");
    }
    let (shown, own) = (mount.path("film.mp4").metadata().unwrap(), sealed.metadata().unwrap());
    let facts = |of: &fs::Metadata| (of.mode(), of.uid(), of.gid(), of.mtime(), of.mtime_nsec(), of.ctime());
    assert_eq!(facts(&shown), facts(&own));
    assert_eq!(mount.path("none").metadata().unwrap_err().kind(), std::io::ErrorKind::NotFound);
    for written in [
        fs::write(mount.path("film.mp4"), "x"),
        fs::write(mount.path("new"), "x"),
        fs::remove_file(mount.path("film.mp4")),
        fs::create_dir(mount.path("folder")),
    ] {
        assert_eq!(written.unwrap_err().kind(), std::io::ErrorKind::ReadOnlyFilesystem);
    }
    assert_eq!(mount.end(), "");
}

#[test]
#[ignore = "needs fuse3"]
fn one_file_and_a_recording_are_mounted_under_their_names_and_new_files_appear() {
    let folder = films();
    let mount_one = mount(&folder, "films/film.mp4.reel");
    assert!(fs::read(mount_one.path("film.mp4")).unwrap() == plaintext(300_000));
    mount_one.end();

    let recorded = plaintext(200_000);
    let recording = ["record", "--output-dir", "cam", "--segment-size", "64K", "--name", "night.bin"];
    assert_done(&folder.pipe(&recording, &recorded));
    assert!(fs::read_dir(folder.path("cam")).unwrap().count() > 2);
    let mount = mount(&folder, "cam");
    let names: Vec<_> = fs::read_dir(mount.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["night.bin"]);
    assert!(fs::read(mount.path("night.bin")).unwrap() == recorded);
    fs::copy(folder.path("films/film.mp4.reel"), folder.path("cam/film.mp4.reel")).unwrap();
    while fs::read_dir(mount.path("")).unwrap().count() != 2 {}
    assert!(fs::read(mount.path("film.mp4")).unwrap() == plaintext(300_000));
    mount.end();
}

#[test]
#[ignore = "needs fuse3"]
fn every_signal_that_asks_or_kills_removes_the_mount_and_those_that_ask_end_well() {
    let folder = films();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGALRM, Signal::SIGXCPU] {
        let mount = mount(&folder, "films");
        mount.signal(signal);
        let (status, said) = mount.wait();
        assert!(!is_mounted(&place(&folder)), "{signal}: {said}");
        let asks = matches!(signal, Signal::SIGINT | Signal::SIGTERM | Signal::SIGHUP);
        assert_eq!(status.success(), asks, "{signal}: {status}: {said}");
    }
}

#[test]
#[ignore = "needs fuse3"]
fn anyone_who_unmounts_it_ends_it_well_and_open_files_do_not_keep_it() {
    let folder = films();
    for tool in [["fusermount3", "-u"], ["umount", "--"]] {
        let mount = mount(&folder, "films");
        assert!(Command::new(tool[0]).args([tool[1], "mnt"]).current_dir(folder.path("")).status().unwrap().success());
        let (status, said) = mount.wait();
        assert!(status.success() && said.is_empty(), "{status}: {said}");
    }
    let mount = mount(&folder, "films");
    let mut open = File::open(mount.path("film.mp4")).unwrap();
    let busy = Command::new("fusermount3").args(["-u", "mnt"]).current_dir(folder.path("")).output().unwrap();
    assert!(!busy.status.success() && text(&busy.stderr).contains("busy"), "{busy:?}");
    let said = mount.end();
    assert!(said.contains("files were still open"), "{said}");
    assert!(open.read(&mut [0; 10]).is_err());
}

#[test]
#[ignore = "needs fuse3"]
fn what_somebody_else_has_mounted_there_is_never_unmounted() {
    let folder = films();
    let place = place(&folder);
    let tmpfs = || Command::new("mount").args(["-t", "tmpfs", "other"]).arg(&place).status().unwrap().success();
    // Mounted over it.
    let first = mount(&folder, "films");
    assert!(tmpfs());
    fs::write(place.join("precious"), "x").unwrap();
    first.signal(Signal::SIGTERM);
    let (status, said) = first.wait();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("something else was mounted over it"), "{said}");
    assert_eq!(fs::read(place.join("precious")).unwrap(), b"x");
    assert!(Command::new("umount").arg(&place).status().unwrap().success());
    assert!(Command::new("fusermount3").arg("-u").arg(&place).status().unwrap().success());

    // Mounted after ours was detached with an open file, which keeps the command running.
    let second = mount(&folder, "films");
    let open = File::open(second.path("film.mp4")).unwrap();
    assert!(Command::new("fusermount3").args(["-u", "-z"]).arg(&place).status().unwrap().success());
    assert!(tmpfs());
    fs::write(place.join("precious"), "x").unwrap();
    second.signal(Signal::SIGTERM);
    let (status, said) = second.wait();
    assert!(status.success(), "{status}: {said}");
    assert_eq!(fs::read(place.join("precious")).unwrap(), b"x");
    drop(open);
    assert!(Command::new("umount").arg(&place).status().unwrap().success());
}

#[test]
#[ignore = "needs fuse3"]
fn after_sigkill_the_next_mount_says_what_to_type() {
    let folder = films();
    let mount = mount(&folder, "films");
    mount.path("film.mp4").metadata().unwrap();
    mount.signal(Signal::SIGKILL);
    // The mount is cleaned up when this is dropped.
    let mut killed = mount;
    killed.wait_for_end();
    let output = refused(&folder, &["films", "mnt"]);
    assert_refused(&output, 1, "mnt: a mount whose process was killed is still there");
    assert!(text(&output.stderr).contains("fusermount3 -u mnt"), "{output:?}");
    assert!(Command::new("fusermount3").args(["-u", "mnt"]).current_dir(folder.path("")).status().unwrap().success());
    drop(killed);
    self::mount(&folder, "films").end();
}

#[test]
#[ignore = "needs fuse3"]
fn a_folder_that_is_not_fit_is_refused_before_anything_is_asked() {
    let folder = films();
    fs::create_dir_all(folder.path("films/inside")).unwrap();
    symlink("mnt", folder.path("link")).unwrap();
    let cases = [
        ("none", "none: does not exist", "mkdir none"),
        ("key", "key: is not a folder", "name an empty folder"),
        ("films", "films: is not empty", "name an empty folder"),
        ("films/inside", "films/inside: is inside the folder that is to be mounted", "name a folder outside films"),
        ("/proc", "/proc: something is mounted there already: proc, of type proc", "name another folder, an empty one"),
    ];
    for (place, fact, hint) in cases {
        let mut command = folder.reelseal(&["mount", "films", place]);
        let output = command.args(["--passphrase-file", "no such file"]).output().unwrap();
        assert_refused(&output, 2, fact);
        assert!(text(&output.stderr).contains(hint), "{output:?}");
    }
    let mount = mount(&folder, "films");
    for place in ["mnt", "link"] {
        let output = refused(&folder, &["films", place]);
        assert_refused(
            &output,
            2,
            &format!("{place}: something is mounted there already: films, of type fuse.reelseal"),
        );
    }
    mount.end();
}

#[test]
#[ignore = "needs fuse3"]
fn a_source_that_does_not_open_is_refused_and_nothing_is_mounted() {
    let folder = films();
    assert_done(&folder.reelseal(&["keygen", "-o", "other"]).output().unwrap());
    folder.write("plain", b"plain");
    let wrong = folder.reelseal(&["mount", "films", "mnt", "--key-file", "other"]).output().unwrap();
    assert_refused(&wrong, 3, "wrong key file");
    assert_refused(&refused(&folder, &["missing", "mnt"]), 1, "missing: cannot open: no such file");
    assert_refused(&refused(&folder, &["plain", "mnt"]), 4, "plain: is not a reelseal stream");
    assert!(!is_mounted(&place(&folder)));
}

/// Runs `script` in a mount namespace of its own; there the command runs as the user `nobody` where the script says
/// `as_nobody`.
fn in_a_namespace(folder: &Folder, script: &str) -> Output {
    let path = folder.path("");
    for name in ["films", "films/film.mp4.reel", "key", "mnt"] {
        chown(path.join(name), Some(65534), Some(65534)).unwrap();
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    // The folder of the command itself may be closed to others.
    fs::copy(support::reelseal(), folder.path("reelseal")).unwrap();
    // `as_another` puts a different fusermount3 before that of the system.
    let functions = r#"
        as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
        mount_films() { "$@" ./reelseal mount films mnt --key-file key; }
        as_another() {
            mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/fuse c 10 229 && mkdir -p tools \
                && printf '#!/bin/sh\n%s\n' "$1" >tools/fusermount3 && chmod 755 tools tools/fusermount3 \
                && PATH=$PWD/tools:$PATH
        }"#;
    let mut command = Command::new("unshare");
    command.args(["--mount", "bash", "-c", &format!("{functions}\n{script}")]);
    command.current_dir(path).env_remove("REELSEAL_PASSPHRASE").output().unwrap()
}

#[test]
#[ignore = "needs fuse3, unshare, setpriv"]
fn whatever_is_missing_on_the_machine_has_its_own_message() {
    let folder = films();
    let cases = [
        // An empty /dev, except for what a shell needs.
        (
            "mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && mount_films",
            1,
            "/dev/fuse: does not exist",
            "modprobe fuse",
        ),
        (
            "mount --bind /dev/fuse /dev/fuse && touch fuse && mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 \
             && mknod -m 600 /dev/fuse c 10 229 && mount_films as_nobody",
            1,
            "/dev/fuse: may not be opened: permission denied",
            "its owner is root",
        ),
        (
            "mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/fuse c 10 229 \
             && mkdir tools && for tool in $(command -v setpriv); do ln -s $tool tools; done && PATH=$PWD/tools \
             && mount_films as_nobody",
            1,
            "fusermount3: was not found",
            "install the package fuse3",
        ),
        (
            "mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/fuse c 10 229 \
             && chown root mnt && mount_films as_nobody",
            1,
            "mnt: cannot mount: fusermount3 says: ",
            "the folder must be yours",
        ),
        (
            "mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && touch /dev/fuse && mount_films",
            1,
            "/dev/fuse: is not the FUSE device",
            "mknod -m 666 /dev/fuse c 10 229",
        ),
        ("as_another true && mount_films as_nobody", 1, "fusermount3: sent no descriptor", "the package fuse3"),
        // A process that the helper has started keeps everything that it was given.
        (
            "as_another 'sleep 1000 3<&0 & echo $! >$HOME/left; echo fusermount3: no >&2; exit 1' && touch left \
             && chmod 666 left; HOME=$PWD mount_films as_nobody; code=$?; kill $(cat left); exit $code",
            1,
            "mnt: cannot mount: fusermount3 says: no",
            "fusermount3 installed setuid root",
        ),
    ];
    for (script, code, fact, hint) in cases {
        let output = in_a_namespace(&folder, script);
        assert_refused(&output, code, fact);
        assert!(text(&output.stderr).contains(hint), "{output:?}");
    }
}

#[test]
#[ignore = "needs fuse3, unshare, setpriv"]
fn another_user_mounts_through_fusermount3_and_unmounts() {
    let folder = films();
    let script = "mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/fuse c 10 229 || exit 9
        mkfifo said && chmod 666 said
        setpriv --reuid=65534 --regid=65534 --clear-groups ./reelseal mount films mnt --key-file key 2>said &
        process=$!
        read -r line <said && echo \"$line\"
        as_nobody cat mnt/film.mp4 | sha256sum
        cat mnt/film.mp4 2>&1 | head -n 1
        kill -TERM $process; wait $process; echo code $?
        grep -c \" $PWD/mnt \" /proc/self/mountinfo";
    let output = in_a_namespace(&folder, script);
    let said = text(&output.stdout);
    folder.write("plain", &plaintext(300_000));
    let sum = Command::new("sha256sum").arg(folder.path("plain")).output().unwrap();
    let sum = text(&sum.stdout).split(' ').next().unwrap().to_owned();
    assert!(said.contains("mounted at") && said.contains(&sum), "{output:?}");
    // Even root may not read what another user has mounted.
    assert!(said.contains("Permission denied"), "{output:?}");
    assert!(said.ends_with("code 0\n0\n"), "{output:?}");
}

#[test]
#[ignore = "needs fuse3"]
fn a_mount_that_would_reach_itself_is_refused_or_left_out() {
    let folder = films();
    // The source has a second name as well.
    fs::create_dir_all(folder.path("films/inside")).unwrap();
    fs::create_dir(folder.path("alias")).unwrap();
    let alias = Bound::new(folder.path("films"), folder.path("alias"));
    let output = refused(&folder, &["films", "alias/inside"]);
    assert_refused(&output, 2, "alias/inside: is inside the folder that is to be mounted");
    drop(alias);

    // Two mounts, each inside the source of the other.
    for (name, inner) in [("one", "other"), ("other", "one")] {
        fs::create_dir_all(folder.path(&format!("{name}/mounted-{inner}"))).unwrap();
        fs::copy(folder.path("films/film.mp4.reel"), folder.path(&format!("{name}/{name}.reel"))).unwrap();
    }
    let mounts = [("one", "other/mounted-one"), ("other", "one/mounted-other")].map(|(source, place)| {
        let mut command = folder.reelseal(&["mount", source, place]);
        Mount::start(command.args(["--key-file", "key"]), &folder.path(place).canonicalize().unwrap())
    });
    for (mount, name) in mounts.iter().zip(["one", "other"]) {
        // Wait for longer than what was known at the time of mounting is relied on.
        fs::copy(folder.path("films/film.mp4.reel"), folder.path(&format!("{name}/new.reel"))).unwrap();
        while !mount.path("new").exists() {}
        let mut names: Vec<_> = fs::read_dir(mount.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["new", name]);
    }
    for mount in mounts {
        mount.end();
    }
}

/// A folder under another name; it is taken away with the test.
struct Bound(PathBuf);

impl Bound {
    fn new(folder: PathBuf, place: PathBuf) -> Self {
        assert!(Command::new("mount").arg("--bind").args([&folder, &place]).status().unwrap().success());
        Self(place)
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}
