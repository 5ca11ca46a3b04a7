//! What is reported when a single system call fails, as injected by strace.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::{OsStr, OsString},
    io::Write,
    os::unix::fs::PermissionsExt,
    process::{Command, Output},
};

use support::{Folder, assert_done, plaintext, text};

const ENCRYPT: &str = "encrypt film --key-file key --threads 1";
const ENCRYPT_AND_REMOVE: &str = "encrypt film --remove --key-file key --threads 1";
const PASSWD: &str = "passwd sealed.reel --key-file key --new-key-file key";

/// `film`, and a stream of the same content.
fn prepared() -> Folder {
    let folder = Folder::new();
    folder.write("film", b"frames");
    assert_done(&folder.run(&["encrypt", "film", "-o", "sealed.reel"]));
    folder
}

/// Runs the command under strace with these `options`; the trace goes to `log`.
fn traced(folder: &Folder, options: &[impl AsRef<OsStr>], arguments: &str) -> Output {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "log", "-e", "signal=none"]).args(options);
    strace.arg(support::reelseal()).args(arguments.split(' ')).current_dir(folder.path("")).output().unwrap()
}

/// The options for an `injection` into calls on `file` alone, if one is given.
fn on(folder: &Folder, file: Option<&str>, injection: &str) -> Vec<OsString> {
    let only = file.into_iter().flat_map(|file| ["-P".into(), folder.path(file).into()]);
    only.chain(["-e".into(), injection.into()]).collect()
}

#[track_caller]
fn assert_reports(output: &Output, code: i32, reported: &str) {
    assert_eq!(text(&output.stderr), format!("reelseal: {reported}\n"));
    assert_eq!(output.status.code(), Some(code), "{reported}");
}

#[test]
#[ignore = "needs strace"]
fn each_failing_call_is_reported_by_its_purpose() {
    for (injection, arguments, code, reported) in [
        ("fallocate:error=ENOSPC", ENCRYPT, 1, "film.reel: cannot write: no space left on device"),
        ("fsync:error=EIO:when=1", ENCRYPT, 1, "film.reel: cannot write: input/output error"),
        (
            "fsync:error=EIO:when=2",
            ENCRYPT,
            1,
            "film.reel: is whole, but a power cut may lose it: cannot sync its folder: input/output error",
        ),
        (
            "utimensat:error=EPERM",
            ENCRYPT,
            0,
            "warning: film.reel: its file system does not keep the input's mode or time",
        ),
        ("lseek:error=ESPIPE", ENCRYPT, 1, "film: cannot tell the position: illegal seek"),
        ("unlink:error=EPERM", ENCRYPT_AND_REMOVE, 1, "film: cannot remove: operation not permitted"),
        ("flock:error=EIO", PASSWD, 1, "sealed.reel: cannot lock: input/output error"),
    ] {
        assert_reports(&traced(&prepared(), &["-e", &format!("inject={injection}")], arguments), code, reported);
    }
}

#[test]
#[ignore = "needs strace"]
fn an_input_that_may_wait_is_not_read_without_a_way_to_interrupt_it() {
    let folder = prepared();
    assert!(Command::new("mkfifo").arg(folder.path("fifo")).status().unwrap().success());
    let producer = std::fs::File::options().read(true).write(true).open(folder.path("fifo")).unwrap();
    (&producer).write_all(&folder.read("sealed.reel")).unwrap();
    let decrypt = "decrypt fifo -o new --key-file key --threads 1";
    assert_reports(
        &traced(&folder, &["-e", "inject=pipe2:error=EMFILE"], decrypt),
        1,
        "fifo: cannot read: too many open files",
    );
    assert!(!folder.path("new").exists());
}

#[test]
#[ignore = "needs strace"]
fn an_input_is_kept_when_its_output_does_not_read_back() {
    // The header is not written, although the call reports success.
    let lost = "inject=pwrite64:retval=8192:when=1";
    let unreadable = "inject=pread64:error=EIO:when=1";
    for (file, injection, fact) in [
        (None, lost, "does not read back as it was written"),
        (Some("film.reel"), unreadable, "cannot be read back: input/output error"),
        // The first two reads check whether the input is a stream already.
        (Some("film"), "inject=pread64:error=EIO:when=3", "cannot be read back: input/output error"),
    ] {
        let folder = prepared();
        let reported = format!("film.reel: {fact}\nreelseal: hint: film is kept; remove film.reel, and try again");
        assert_reports(&traced(&folder, &on(&folder, file, injection), ENCRYPT_AND_REMOVE), 1, &reported);
        assert_eq!(folder.read("film"), b"frames");
    }
}

#[test]
#[ignore = "needs strace"]
fn a_header_that_cannot_be_read_back_is_reported_with_what_opens_the_file() {
    let folder = prepared();
    let output = traced(&folder, &on(&folder, Some("sealed.reel"), "inject=pread64:error=EIO"), PASSWD);
    let hint = "the file opens with the old secret or with the new one; try both before you try again";
    let reported = format!("sealed.reel: cannot read the header back: input/output error\nreelseal: hint: {hint}");
    assert_reports(&output, 1, &reported);
}

#[test]
#[ignore = "needs strace"]
fn without_randomness_nothing_is_written() {
    for arguments in [ENCRYPT, "keygen -o film.reel"] {
        let folder = prepared();
        assert_done(&traced(&folder, &["-e", "trace=getrandom"], arguments));
        // The first calls are made by the runtime.
        let last = text(&folder.read("log")).lines().count();
        std::fs::remove_file(folder.path("film.reel")).unwrap();
        let output = traced(&folder, &["-e", &format!("inject=getrandom:error=EIO:when={last}+")], arguments);
        assert_reports(&output, 1, "the operating system gave no randomness");
        assert_eq!(folder.names(), ["film", "log", "sealed.reel"]);
    }
}

/// The calls in `log`, in order.
fn calls(folder: &Folder) -> Vec<String> {
    calls_of_threads(folder).into_iter().map(|(_, call)| call).collect()
}

/// The calls in `log`, in order, each with its thread and written as `CALL PATH`: the path is that of the descriptor
/// that the call is given, or else the last one that it names, relative to the test's folder.
fn calls_of_threads(folder: &Folder) -> Vec<(String, String)> {
    let place = std::fs::canonicalize(folder.path("")).unwrap().to_str().unwrap().to_owned();
    let log = text(&folder.read("log"));
    let call = |line: &str| {
        let (thread, call) = line.split_once(char::is_whitespace)?;
        let (name, arguments) = call.trim().split_once('(')?;
        let path = match name {
            "linkat" | "unlink" | "mkdir" => arguments.split('"').nth_back(1)?,
            _ => arguments.split_once('<')?.1.split_once('>')?.0,
        };
        let path = path.strip_prefix(&place).unwrap_or(path).trim_start_matches('/');
        let unnamed = path.contains("#") || path.contains("(deleted)");
        Some((thread.to_owned(), format!("{name} {}", if unnamed { "unnamed" } else { path })))
    };
    log.lines().filter_map(call).collect()
}

const ORDER: &str = "trace=fsync,syncfs,linkat,unlink,mkdir,fadvise64";

#[test]
#[ignore = "needs strace"]
fn an_input_is_removed_after_its_output_and_every_folder_made_for_it_is_on_disk_and_read_back_from_there() {
    let folder = prepared();
    assert_done(&traced(&folder, &["-y", "-e", ORDER], &format!("{ENCRYPT_AND_REMOVE} --output-dir new/store")));
    assert_eq!(
        calls(&folder),
        [
            "mkdir new/store",
            "mkdir new",
            "mkdir new/store",
            "fsync new",
            "fsync ",
            "fsync unnamed",
            "linkat film.reel",
            "fsync new/store",
            "fadvise64 new/store/film.reel",
            "unlink film",
        ]
    );
    assert!(text(&folder.read("log")).contains("POSIX_FADV_DONTNEED"));
}

/// Clips in two folders.
fn clips() -> Folder {
    let folder = Folder::new();
    for at in 0..60 {
        let store = folder.path(&format!("clips/{}", at % 2));
        std::fs::create_dir_all(&store).unwrap();
        std::fs::write(store.join(format!("{at:02}")), plaintext(1000 + at)).unwrap();
    }
    folder
}

/// The clips that are left under `top`, without `suffix`.
fn left(folder: &Folder, top: &str, suffix: &str) -> BTreeSet<String> {
    let stores = ["0", "1"].map(|store| folder.path(&format!("{top}/{store}")));
    let names = stores.iter().flat_map(|store| std::fs::read_dir(store).unwrap());
    names.map(|entry| entry.unwrap().file_name().to_str().unwrap().strip_suffix(suffix).unwrap().to_owned()).collect()
}

/// A disk that is slow to sync, whatever disk the test itself uses.
const SLOW_DISK: [&str; 4] = ["-e", "inject=fstatfs:error=ENOSYS", "-e", "inject=fsync:delay_enter=5ms"];
const CLIPS: &str = "encrypt --recursive clips --output-dir new --remove --threads 2 --key-file key";

#[test]
#[ignore = "needs strace"]
fn while_many_files_wait_for_the_disk_the_order_of_each_is_kept() {
    let folder = clips();
    let trace = format!("{ORDER},fstatfs");
    let options = [["-y", "-e", &trace].as_slice(), &SLOW_DISK].concat();
    assert_done(&traced(&folder, &options, CLIPS));
    let mut calls = BTreeMap::<String, Vec<String>>::new();
    for (thread, call) in calls_of_threads(&folder).into_iter().filter(|(_, call)| !call.starts_with("fstatfs")) {
        calls.entry(thread).or_default().push(call);
    }
    let mut named = 0;
    for calls in calls.values() {
        // The first calls create the folders.
        for calls in calls.split(|call| call == "fsync unnamed").skip(1) {
            let [linked, synced, read_back, removed] = &calls[..4] else { panic!("{calls:?}") };
            let name = linked.strip_prefix("linkat ").unwrap().strip_suffix(".reel").unwrap();
            let store = format!("clips/{}", name.parse::<usize>().unwrap() % 2);
            assert_eq!(*synced, format!("fsync new/{store}"));
            assert_eq!(*read_back, format!("fadvise64 new/{store}/{name}.reel"));
            assert_eq!(*removed, format!("unlink {store}/{name}"));
            named += 1;
        }
    }
    assert_eq!(named, 60);
    assert!(calls.len() > 8, "{} threads", calls.len());
}

#[test]
#[ignore = "needs strace"]
fn a_file_that_cannot_be_synced_fails_alone_among_many() {
    for (when, has_name, fact) in
        [(3, false, "cannot write"), (2, true, "is whole, but a power cut may lose it: cannot sync its folder")]
    {
        let folder = clips();
        std::fs::create_dir_all(folder.path("new/clips/0")).unwrap();
        std::fs::create_dir_all(folder.path("new/clips/1")).unwrap();
        // Once in each thread: for the second file of each, or the folder of its first.
        let fails = format!("inject=fsync:error=EIO:when={when}");
        let output = traced(&folder, &[SLOW_DISK[0], SLOW_DISK[1], "-e", &fails], CLIPS);
        assert_eq!(output.status.code(), Some(1));
        let (kept, made) = (left(&folder, "clips", ""), left(&folder, "new/clips", ".reel"));
        let told = text(&output.stderr);
        let (each, summary) = told.split_once(&format!("reelseal: {} of 60 files failed:\n", kept.len())).unwrap();
        let failed: BTreeSet<_> = each
            .lines()
            .map(|line| line.strip_suffix(&format!(".reel: {fact}: input/output error")).unwrap())
            .map(|name| name.rsplit_once('/').unwrap().1.to_owned())
            .collect();
        assert!(!kept.is_empty() && kept == failed, "{kept:?}: {summary}");
        assert_eq!(made.len(), if has_name { 60 } else { 60 - failed.len() });
        assert!(has_name || made.is_disjoint(&failed));
        assert_done(&folder.run(&["decrypt", "--recursive", "new/clips", "--output-dir", "back"]));
    }
}

#[test]
#[ignore = "needs strace"]
fn with_one_thread_asked_for_files_go_one_after_the_other() {
    let folder = clips();
    let arguments = CLIPS.replace("--threads 2", "--threads 1");
    let options = [["-e", "trace=linkat,fstatfs"].as_slice(), &SLOW_DISK[..2]].concat();
    assert_done(&traced(&folder, &options, &arguments));
    let named: Vec<_> = calls(&folder).into_iter().filter(|call| call.starts_with("linkat")).collect();
    let in_order = (0..60).step_by(2).chain((1..60).step_by(2)).map(|at| format!("linkat {at:02}.reel"));
    assert_eq!(named, in_order.collect::<Vec<_>>());
}

#[test]
#[ignore = "needs strace"]
fn where_a_folder_cannot_be_synced_the_file_system_is_before_the_input_is_removed() {
    let folder = prepared();
    let options = ["-y", "-e", ORDER, "-e", "inject=fsync:error=EINVAL:when=2"];
    assert_done(&traced(&folder, &options, ENCRYPT_AND_REMOVE));
    let order = ["fsync unnamed", "linkat film.reel", "fsync ", "syncfs unnamed", "fadvise64 film.reel", "unlink film"];
    assert_eq!(calls(&folder), order);
}

#[test]
#[ignore = "needs strace"]
fn an_input_is_kept_where_neither_the_folder_of_its_output_nor_the_file_system_can_be_synced() {
    let folder = prepared();
    let reported = "film.reel: is whole, but a power cut may lose it: cannot sync its folder: input/output error";
    let options = ["-e", "inject=fsync:error=EINVAL:when=2", "-e", "inject=syncfs:error=EIO"];
    assert_reports(&traced(&folder, &options, ENCRYPT_AND_REMOVE), 1, reported);
    assert!(folder.path("film").exists() && folder.path("film.reel").exists());
}

#[test]
#[ignore = "needs root, strace"]
fn a_folder_that_may_be_written_but_not_read_is_synced_with_its_file_system_before_the_input_is_removed() {
    let folder = prepared();
    let store = folder.path("store");
    std::fs::create_dir(&store).unwrap();
    for (name, mode) in [("", 0o777), ("key", 0o644), ("film", 0o644), ("store", 0o333)] {
        std::fs::set_permissions(folder.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let program = folder.path("reelseal");
    std::fs::copy(support::reelseal(), &program).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--", "strace", "-f", "-qq"]);
    command.args(["-o", "log", "-e", "signal=none", "-e", ORDER]).arg(&program);
    command.args(ENCRYPT_AND_REMOVE.split(' ')).args(["-o", "store/out"]).current_dir(folder.path(""));
    assert_done(&command.output().unwrap());
    // strace sees the calls of a process that hides its memory from its own user, but not their path arguments.
    let log = text(&folder.read("log"));
    let calls: Vec<_> = log.lines().filter_map(|line| line.split_whitespace().nth(1)?.split('(').next()).collect();
    assert_eq!(calls, ["fsync", "linkat", "syncfs", "fadvise64", "unlink"]);
}
