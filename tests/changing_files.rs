//! Files that change or appear under a run, at a moment that the test chooses: the command has looked at its ends, and
//! waits for its key or for its reader.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    fs::{self, File, FileTimes},
    io::{Read, Write},
    os::unix::fs::symlink,
    process::{Child, Command, Output, Stdio},
    time::{Duration, UNIX_EPOCH},
};

use support::{Folder, assert_done, assert_refused, plaintext};

const LENGTH: usize = 300_000;
const CHANGED: &str = ": changed while it was read\n\
                       reelseal: hint: wait until nothing writes to it any more, and try again\n";

/// The command, which has opened its input, checked its output, and waits for its key.
struct Waiting {
    child: Child,
    key: Vec<u8>,
    to_child: File,
}

impl Waiting {
    fn start(folder: &Folder, arguments: &[&str], stdin: Stdio) -> Self {
        assert!(Command::new("mkfifo").arg(folder.path("fifo")).status().unwrap().success());
        let mut command = folder.reelseal(arguments);
        command.args(["--key-file", "fifo"]).stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        // Opens once the command opens it, too.
        let to_child = File::options().write(true).open(folder.path("fifo")).unwrap();
        fs::remove_file(folder.path("fifo")).unwrap();
        Self { child, key: folder.read("key"), to_child }
    }

    fn go_on(mut self) -> Output {
        self.to_child.write_all(&self.key).unwrap();
        drop(self.to_child);
        self.child.wait_with_output().unwrap()
    }
}

/// `film` and the stream `film.reel`, both written long ago.
fn prepared(length: usize) -> Folder {
    let folder = Folder::new();
    folder.write("film", &plaintext(length));
    assert_done(&folder.run(&["encrypt", "film"]));
    for name in ["film", "film.reel"] {
        let long_ago = FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(1_500_000_000));
        File::options().write(true).open(folder.path(name)).unwrap().set_times(long_ago).unwrap();
    }
    folder
}

/// What may happen to a file while it is read.
#[derive(Clone, Copy, Debug)]
enum Change {
    Grows,
    Shrinks,
    IsEmptied,
    IsWrittenAnew,
}

const CHANGES: [Change; 4] = [Change::Grows, Change::Shrinks, Change::IsEmptied, Change::IsWrittenAnew];

/// Changes the file, and gives what it holds from then on.
fn change(folder: &Folder, name: &str, change: Change) -> Vec<u8> {
    let content = folder.read(name);
    let changed = match change {
        Change::Grows => [content.as_slice(), b"more"].concat(),
        Change::Shrinks => content[..content.len() - 70_000].to_vec(),
        Change::IsEmptied => Vec::new(),
        Change::IsWrittenAnew => content,
    };
    File::options().write(true).truncate(true).open(folder.path(name)).unwrap().write_all(&changed).unwrap();
    changed
}

#[test]
fn a_file_that_changes_after_it_was_opened_is_refused_and_leaves_nothing() {
    for how in CHANGES {
        for (arguments, input) in [
            (["encrypt", "film", "-o", "out"], "film"),
            (["encrypt", "film", "-o", "-"], "film"),
            (["encrypt", "-", "-o", "out"], "film"),
            (["decrypt", "film.reel", "-o", "out"], "film.reel"),
            (["decrypt", "film.reel", "-o", "-"], "film.reel"),
        ] {
            let folder = prepared(LENGTH);
            let redirected = File::open(folder.path(input)).unwrap().into();
            let waiting = Waiting::start(&folder, &arguments, redirected);
            let changed = change(&folder, input, how);
            let output = waiting.go_on();
            assert_refused(&output, 1, CHANGED);
            assert_eq!(folder.names(), ["film", "film.reel"], "{how:?}: {arguments:?}");
            assert!(folder.read(input) == changed, "{how:?}: {arguments:?}");
            let released = match arguments[0] {
                "encrypt" => folder.pipe(&["decrypt"], &output.stdout),
                _ => output,
            };
            assert!(!released.status.success(), "{how:?}: {arguments:?}");
            assert!(plaintext(LENGTH).starts_with(&released.stdout), "{how:?}: {arguments:?}");
        }
    }
}

#[test]
fn a_file_that_changes_in_the_middle_of_a_run_is_refused() {
    // More than the pipe holds: the command waits for its reader before it has read its input.
    let length = (8 << 20) + 9;
    for how in CHANGES {
        for (command, input) in [("encrypt", "film"), ("decrypt", "film.reel")] {
            let folder = prepared(length);
            let mut running = folder.reelseal(&[command, input, "-o", "-", "--key-file", "key"]);
            let mut child = running.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let mut released = vec![0];
            child.stdout.as_mut().unwrap().read_exact(&mut released).unwrap();
            change(&folder, input, how);
            let output = child.wait_with_output().unwrap();
            assert_refused(&output, 1, CHANGED);
            released.extend(output.stdout);
            if command == "encrypt" {
                assert!(!folder.pipe(&["decrypt"], &released).status.success(), "{how:?}");
            } else {
                assert!(released.len() < length && plaintext(length).starts_with(&released), "{how:?}");
            }
        }
    }
}

#[test]
fn a_file_whose_name_vanishes_is_read_to_its_end() {
    let folder = prepared(LENGTH);
    for (arguments, input) in
        [(["encrypt", "film", "-o", "new.reel"], "film"), (["decrypt", "new.reel", "-o", "back"], "new.reel")]
    {
        let waiting = Waiting::start(&folder, &arguments, Stdio::null());
        fs::remove_file(folder.path(input)).unwrap();
        assert_done(&waiting.go_on());
    }
    assert_eq!(folder.names(), ["back", "film.reel"]);
    assert!(folder.read("back") == plaintext(LENGTH));
}

#[test]
fn an_input_whose_name_another_file_has_taken_is_not_removed() {
    let folder = prepared(LENGTH);
    fs::remove_file(folder.path("film.reel")).unwrap();
    let waiting = Waiting::start(&folder, &["encrypt", "film", "--remove"], Stdio::null());
    fs::rename(folder.write("other", b"another film"), folder.path("film")).unwrap();
    let told = "film.reel: is written, but another file has taken the input's name\nreelseal: hint: film is kept\n";
    assert_refused(&waiting.go_on(), 1, told);
    assert_eq!(folder.read("film"), b"another film");
}

#[test]
fn a_destination_that_appears_in_the_meantime_is_kept_unless_it_is_to_be_replaced() {
    let folder = prepared(LENGTH);
    for force in [false, true] {
        for (command, input) in [("encrypt", "film"), ("decrypt", "film.reel")] {
            let arguments = [command, input, "-o", "out", "--force"];
            let waiting = Waiting::start(&folder, &arguments[..4 + usize::from(force)], Stdio::null());
            folder.write("out", b"precious");
            let output = waiting.go_on();
            if force {
                assert_done(&output);
                assert_ne!(folder.read("out"), b"precious");
            } else {
                assert_refused(&output, 2, "out: exists already\nreelseal: hint: replace it with --force");
                assert_eq!(folder.read("out"), b"precious");
            }
            assert_eq!(folder.names(), ["film", "film.reel", "out"]);
            fs::remove_file(folder.path("out")).unwrap();
        }
    }
}

#[test]
fn a_symbolic_link_that_appears_in_the_meantime_is_not_followed() {
    let folder = prepared(LENGTH);
    folder.write("precious", b"precious");
    for target in ["precious", "nowhere"] {
        for force in [false, true] {
            let arguments = ["encrypt", "film", "-o", "out", "--force"];
            let waiting = Waiting::start(&folder, &arguments[..4 + usize::from(force)], Stdio::null());
            symlink(target, folder.path("out")).unwrap();
            let output = waiting.go_on();
            if force {
                assert_done(&output);
            } else {
                assert_refused(&output, 2, "out: exists already");
            }
            assert_eq!(folder.path("out").is_symlink(), !force, "{target}");
            assert_eq!(folder.read("precious"), b"precious");
            assert_eq!(folder.names(), ["film", "film.reel", "out", "precious"]);
            fs::remove_file(folder.path("out")).unwrap();
        }
    }
}

#[test]
fn a_folder_that_appears_in_the_meantime_or_goes_leaves_nothing_behind() {
    let folder = prepared(LENGTH);
    for (force, code, fact) in [(false, 2, "out: exists already"), (true, 1, "out: cannot write: is a directory")] {
        let arguments = ["encrypt", "film", "-o", "out", "--force"];
        let waiting = Waiting::start(&folder, &arguments[..4 + usize::from(force)], Stdio::null());
        fs::create_dir(folder.path("out")).unwrap();
        assert_refused(&waiting.go_on(), code, fact);
        assert_eq!(folder.names(), ["film", "film.reel", "out"]);
        fs::remove_dir(folder.path("out")).unwrap();
    }
    fs::create_dir(folder.path("store")).unwrap();
    let waiting = Waiting::start(&folder, &["encrypt", "film", "-o", "store/out"], Stdio::null());
    fs::remove_dir(folder.path("store")).unwrap();
    assert_refused(&waiting.go_on(), 1, "store/out: cannot write: no such file or directory");
    assert_eq!(folder.names(), ["film", "film.reel"]);
}

#[test]
fn the_target_of_a_symbolic_link_that_appears_in_the_meantime_is_kept() {
    let folder = prepared(LENGTH);
    symlink("target", folder.path("link")).unwrap();
    let waiting = Waiting::start(&folder, &["encrypt", "film", "-o", "link"], Stdio::null());
    folder.write("target", b"precious");
    assert_refused(&waiting.go_on(), 2, "link: exists already");
    assert_eq!(folder.read("target"), b"precious");
    assert_eq!(folder.names(), ["film", "film.reel", "link", "target"]);
}

#[test]
fn a_symbolic_link_to_itself_or_to_a_folder_is_refused() {
    let folder = prepared(LENGTH);
    symlink("loop", folder.path("loop")).unwrap();
    symlink(".", folder.path("here")).unwrap();
    for force in [false, true] {
        for (link, code, fact) in
            [("loop", 1, "loop: cannot write: too many levels of symbolic links"), ("here", 2, "here: is a folder")]
        {
            let arguments = ["encrypt", "film", "-o", link, "--force"];
            assert_refused(&folder.run(&arguments[..4 + usize::from(force)]), code, fact);
        }
    }
    assert_eq!(folder.names(), ["film", "film.reel", "here", "loop"]);
}
