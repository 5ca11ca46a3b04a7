//! Files that change or appear during a run, at a moment that the test chooses: when the command has checked its input
//! and output and is waiting for its key or for its reader.

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
const CHANGED: &str = ": changed while it was being read\n\
                       reelseal: hint: wait until nothing writes to it any more, and try again\n";

/// The command, which has opened its input and checked its output, and is waiting for its key.
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
        // Opening blocks until the command opens it too.
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

/// Changes the file, and returns its new content.
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
fn plaintext_that_changes_after_it_was_opened_is_refused_and_leaves_nothing() {
    for how in CHANGES {
        for arguments in
            [["encrypt", "film", "-o", "out"], ["encrypt", "film", "-o", "-"], ["encrypt", "-", "-o", "out"]]
        {
            let folder = prepared(LENGTH);
            let redirected = File::open(folder.path("film")).unwrap().into();
            let waiting = Waiting::start(&folder, &arguments, redirected);
            let changed = change(&folder, "film", how);
            let output = waiting.go_on();
            assert_refused(&output, 1, CHANGED);
            assert_eq!(folder.names(), ["film", "film.reel"], "{how:?}: {arguments:?}");
            assert!(folder.read("film") == changed, "{how:?}: {arguments:?}");
            let released = folder.pipe(&["decrypt"], &output.stdout);
            assert!(!released.status.success(), "{how:?}: {arguments:?}");
            assert!(plaintext(LENGTH).starts_with(&released.stdout), "{how:?}: {arguments:?}");
        }
    }
}

#[test]
fn plaintext_that_changes_in_the_middle_of_a_run_is_refused() {
    // More than the pipe holds: the command waits for its reader before it has read all of its input.
    let length = (8 << 20) + 9;
    for how in CHANGES {
        let folder = prepared(length);
        let (released, output) =
            changed_in_the_middle(&folder, &["encrypt", "film"], || drop(change(&folder, "film", how)));
        assert_refused(&output, 1, CHANGED);
        assert!(!folder.pipe(&["decrypt"], &released).status.success(), "{how:?}");
    }
}

/// Runs the command with its output going to a pipe, makes the change while the command waits for its reader, and
/// returns what was released.
fn changed_in_the_middle(folder: &Folder, arguments: &[&str], change: impl FnOnce()) -> (Vec<u8>, Output) {
    let mut running = folder.reelseal(arguments);
    running.args(["-o", "-", "--key-file", "key"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = running.spawn().unwrap();
    let mut released = vec![0];
    child.stdout.as_mut().unwrap().read_exact(&mut released).unwrap();
    change();
    let output = child.wait_with_output().unwrap();
    released.extend(&output.stdout);
    (released, output)
}

/// What may happen to a stream while it is read.
#[derive(Clone, Copy, Debug)]
enum Tampering {
    /// A byte in its last frames is changed.
    Alters,
    Truncates,
    TruncatesBetweenFrames,
    Extends,
    /// It is replaced by another stream with another key.
    Replaces,
    /// It is replaced by another stream of the same length under the same key file.
    Splices,
}

const TAMPERING: [Tampering; 6] = [
    Tampering::Alters,
    Tampering::Truncates,
    Tampering::TruncatesBetweenFrames,
    Tampering::Extends,
    Tampering::Replaces,
    Tampering::Splices,
];

/// Changes the stream `film.reel` in place.
fn tamper(folder: &Folder, how: Tampering) {
    let stream = folder.read("film.reel");
    let sealed = |arguments: &[&str]| {
        let other: Vec<_> = folder.read("film").iter().map(|byte| !byte).collect();
        let mut command = folder.reelseal(&["encrypt"]);
        let output = support::feed(command.args(arguments), &other);
        assert_done(&output);
        output.stdout
    };
    let changed = match how {
        Tampering::Alters => {
            let mut altered = stream;
            let at = altered.len() - 70_000;
            altered[at] ^= 1;
            altered
        }
        Tampering::Truncates => stream[..stream.len() - 70_001].to_vec(),
        Tampering::TruncatesBetweenFrames => {
            let frames = (stream.len() - 8192) / 65_600;
            stream[..8192 + (frames - 1) * 65_600].to_vec()
        }
        Tampering::Extends => [stream.as_slice(), b"more"].concat(),
        Tampering::Replaces => {
            assert_done(&folder.reelseal(&["keygen", "-o", "other", "--force"]).output().unwrap());
            let replaced = sealed(&["--key-file", "other", "--timestamps=never"]);
            fs::remove_file(folder.path("other")).unwrap();
            replaced
        }
        Tampering::Splices => sealed(&["--key-file", "key", "--timestamps=never"]),
    };
    File::options().write(true).truncate(true).open(folder.path("film.reel")).unwrap().write_all(&changed).unwrap();
}

#[test]
fn a_stream_tampered_with_after_it_was_opened_is_refused_as_damaged_and_gives_only_authentic_bytes() {
    for how in TAMPERING {
        for arguments in
            [["decrypt", "film.reel", "-o", "out"], ["decrypt", "film.reel", "-o", "-"], ["decrypt", "-", "-o", "out"]]
        {
            let folder = prepared(LENGTH);
            let redirected = File::open(folder.path("film.reel")).unwrap().into();
            let waiting = Waiting::start(&folder, &arguments, redirected);
            tamper(&folder, how);
            let output = waiting.go_on();
            assert_refused(&output, 4, if arguments[1] == "-" { "standard input: " } else { "film.reel: " });
            assert_eq!(folder.names(), ["film", "film.reel"], "{how:?}: {arguments:?}");
            assert!(plaintext(LENGTH).starts_with(&output.stdout), "{how:?}: {arguments:?}");
        }
    }
}

#[test]
fn a_stream_tampered_with_in_the_middle_of_a_run_is_refused_as_damaged_and_gives_only_authentic_bytes() {
    let length = (8 << 20) + 9;
    for how in TAMPERING {
        let folder = prepared(length);
        let (released, output) = changed_in_the_middle(&folder, &["decrypt", "film.reel"], || tamper(&folder, how));
        assert_refused(&output, 4, "cut short");
        assert!(released.len() < length && plaintext(length).starts_with(&released), "{how:?}");
    }
}

#[test]
fn a_stream_whose_header_is_rewritten_while_it_is_decrypted_still_decrypts() {
    let length = (8 << 20) + 9;
    let folder = prepared(length);
    let add_key = || {
        assert_done(&folder.reelseal(&["keygen", "-o", "new.key"]).output().unwrap());
        assert_done(&folder.run(&["passwd", "--add", "--new-key-file", "new.key", "film.reel"]));
    };
    let before = folder.read("film.reel");
    let (released, output) = changed_in_the_middle(&folder, &["decrypt", "film.reel"], add_key);
    assert_done(&output);
    assert!(released == plaintext(length) && folder.read("film.reel") != before);

    let waiting = Waiting::start(&folder, &["decrypt", "film.reel", "-o", "out"], Stdio::null());
    assert_done(&folder.run(&["passwd", "--remove=2", "film.reel"]));
    assert_done(&waiting.go_on());
    assert!(folder.read("out") == plaintext(length));
}

#[test]
fn a_stream_whose_header_is_rewritten_while_it_is_decrypted_is_not_removed() {
    let folder = prepared(LENGTH);
    assert_done(&folder.reelseal(&["keygen", "-o", "new.key"]).output().unwrap());
    let waiting = Waiting::start(&folder, &["decrypt", "film.reel", "-o", "out", "--remove"], Stdio::null());
    assert_done(&folder.run(&["passwd", "--add", "--new-key-file", "new.key", "film.reel"]));
    let output = waiting.go_on();
    assert_refused(&output, 1, "out: is written, but the input has changed since");
    assert!(folder.read("out") == plaintext(LENGTH));
    assert_eq!(folder.names(), ["film", "film.reel", "new.key", "out"]);
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
    let reported = "film.reel: is written, but another file has taken the input's name\nreelseal: hint: film is kept\n";
    assert_refused(&waiting.go_on(), 1, reported);
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
fn a_folder_that_appears_or_disappears_in_the_meantime_leaves_nothing_behind() {
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

#[test]
fn a_pipe_or_device_as_output_that_was_replaced_is_not_written_to() {
    let folder = prepared(LENGTH);
    let replaced = "out: has changed since it was checked\nreelseal: hint: something else has taken its place since";
    let make_fifo = |name: &str| {
        assert!(Command::new("mkfifo").arg(folder.path(name)).status().unwrap().success());
    };
    for force in [false, true] {
        for by_link in [false, true] {
            make_fifo("out");
            let arguments = ["encrypt", "film", "-o", "out", "--force"];
            let waiting = Waiting::start(&folder, &arguments[..4 + usize::from(force)], Stdio::null());
            fs::remove_file(folder.path("out")).unwrap();
            folder.write("precious", b"precious");
            if by_link {
                symlink("precious", folder.path("out")).unwrap();
            } else {
                fs::rename(folder.path("precious"), folder.path("out")).unwrap();
            }
            assert_refused(&waiting.go_on(), 1, replaced);
            assert_eq!(folder.read("out"), b"precious");
            fs::remove_file(folder.path("out")).unwrap();
        }
    }
    symlink("/dev/full", folder.path("out")).unwrap();
    let waiting = Waiting::start(&folder, &["encrypt", "film", "-o", "out"], Stdio::null());
    fs::remove_file(folder.path("out")).unwrap();
    symlink("/dev/null", folder.path("out")).unwrap();
    assert_refused(&waiting.go_on(), 1, replaced);
}

#[test]
fn a_file_goes_to_the_folder_that_was_checked_whatever_takes_its_path() {
    for force in [false, true] {
        let folder = prepared(LENGTH);
        for name in ["store", "elsewhere"] {
            fs::create_dir(folder.path(name)).unwrap();
        }
        folder.write("elsewhere/out", b"precious");
        let arguments = ["encrypt", "film", "-o", "store/out", "--force"];
        let waiting = Waiting::start(&folder, &arguments[..4 + usize::from(force)], Stdio::null());
        fs::rename(folder.path("store"), folder.path("moved")).unwrap();
        symlink("elsewhere", folder.path("store")).unwrap();
        assert_done(&waiting.go_on());
        assert_eq!(folder.read("elsewhere/out"), b"precious");
        assert_done(&folder.run(&["verify", "moved/out"]));
        for name in ["moved", "elsewhere"] {
            assert_eq!(fs::read_dir(folder.path(name)).unwrap().count(), 1, "{name}");
        }
    }
}

#[test]
fn an_input_is_kept_when_the_path_of_its_output_has_come_to_lead_elsewhere() {
    let folder = prepared(LENGTH);
    for name in ["store", "elsewhere"] {
        fs::create_dir(folder.path(name)).unwrap();
    }
    let waiting = Waiting::start(&folder, &["encrypt", "film", "-o", "store/out", "--remove"], Stdio::null());
    fs::rename(folder.path("store"), folder.path("moved")).unwrap();
    fs::rename(folder.path("elsewhere"), folder.path("store")).unwrap();
    assert_refused(&waiting.go_on(), 1, "store/out: cannot open: no such file or directory");
    assert!(folder.path("film").exists() && folder.path("moved/out").exists());
}
