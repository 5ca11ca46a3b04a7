//! Key slots changed in place: what opens a file afterwards, what is refused, and what a kill at any moment leaves.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    fs::{self, File, Permissions},
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    process::{Command, Output},
};

use support::{CHEAP, Folder, assert_done, assert_refused, mode, plaintext, text};

const HEADER: usize = 4096;
const LENGTH: usize = 100_000;

/// What a file is opened with.
#[derive(Clone, Copy, Debug)]
enum Secret {
    Passphrase(&'static str),
    KeyFile(&'static str),
}
use Secret::{KeyFile, Passphrase};

/// A folder with `film.reel`, which opens with `secret`.
fn encrypted(secret: Secret) -> Folder {
    let folder = Folder::new();
    folder.write("film", &plaintext(LENGTH));
    encrypt(&folder, "film.reel", secret);
    folder
}

fn encrypt(folder: &Folder, output: &str, secret: Secret) {
    let mut command = folder.reelseal(&["encrypt", "film", "-o", output]);
    assert_done(&with_secret(command.args(CHEAP), secret).output().unwrap());
}

fn with_secret(command: &mut Command, secret: Secret) -> &mut Command {
    match secret {
        Passphrase(passphrase) => command.env("REELSEAL_PASSPHRASE", passphrase),
        KeyFile(name) => command.args(["--key-file", name]),
    }
}

/// Runs `reelseal passwd` on `arguments` with the secret `old`, and with `new` if there is one.
fn passwd(folder: &Folder, arguments: &[&str], old: Secret, new: Option<Secret>) -> Output {
    let mut command = folder.reelseal(&["passwd"]);
    with_secret(command.args(arguments), old);
    match new {
        Some(Passphrase(passphrase)) => command.env("REELSEAL_NEW_PASSPHRASE", passphrase).args(CHEAP),
        Some(KeyFile(name)) => command.args(["--new-key-file", name]),
        None => &mut command,
    };
    command.output().unwrap()
}

/// Whether `secret` opens `name`; if it does, the plaintext must be whole.
#[track_caller]
fn opens(folder: &Folder, name: &str, secret: Secret) -> bool {
    let opened = with_secret(&mut folder.reelseal(&["decrypt", name, "-o", "-"]), secret).output().unwrap();
    assert!(!opened.status.success() || opened.stdout == plaintext(LENGTH), "{name} is not whole");
    opened.status.success()
}

fn list(folder: &Folder, name: &str) -> String {
    let listed = folder.reelseal(&["passwd", "--list", name]).output().unwrap();
    assert_done(&listed);
    text(&listed.stdout)
}

fn key(folder: &Folder, name: &str) {
    assert_done(&folder.reelseal(&["keygen", "-o", name]).output().unwrap());
}

/// Asserts that `name` has two equal header copies and the frames of `before`.
#[track_caller]
fn assert_sound(folder: &Folder, name: &str, before: &[u8]) {
    let now = folder.read(name);
    assert!(now[..HEADER] == now[HEADER..2 * HEADER], "{name}: the copies differ");
    assert!(now[2 * HEADER..] == before[2 * HEADER..], "{name}: the frames were touched");
}

const STILL_OPENS: &str =
    "reelseal: the old passphrase still opens copies that were made before; to revoke it, decrypt and encrypt again\n";

#[test]
fn a_changed_passphrase_opens_and_the_old_one_does_not_and_no_frame_is_touched() {
    let folder = encrypted(Passphrase("old"));
    fs::set_permissions(folder.path("film.reel"), Permissions::from_mode(0o640)).unwrap();
    let before = folder.read("film.reel");
    let changed = passwd(&folder, &["film.reel"], Passphrase("old"), Some(Passphrase("new")));
    assert_done(&changed);
    assert_eq!((text(&changed.stderr).as_str(), changed.stdout.as_slice()), (STILL_OPENS, b"".as_slice()));
    assert!(opens(&folder, "film.reel", Passphrase("new")));
    assert!(!opens(&folder, "film.reel", Passphrase("old")));
    assert_sound(&folder, "film.reel", &before);
    assert_eq!(mode(&folder.path("film.reel")), 0o640);
    assert_eq!(folder.names(), ["film", "film.reel"]);
    // As the message says.
    folder.write("copy.reel", &before);
    assert!(opens(&folder, "copy.reel", Passphrase("old")));
}

#[test]
fn secrets_come_from_files_and_descriptors_and_quiet_says_nothing() {
    let folder = encrypted(Passphrase("old"));
    for (name, passphrase) in [("old", b"old\n"), ("new", b"new\n")] {
        let file = folder.write(name, passphrase);
        fs::set_permissions(file, Permissions::from_mode(0o600)).unwrap();
    }
    let from_files = ["--passphrase-file", "old", "--new-passphrase-file", "new", "--quiet"];
    let changed = folder.reelseal(&["passwd", "film.reel"]).args(from_files).args(CHEAP).output().unwrap();
    assert_done(&changed);
    assert_eq!(text(&changed.stderr), "");
    let from_descriptor = ["--passphrase-file", "new", "--new-passphrase-fd", "0"];
    let mut command = folder.reelseal(&["passwd", "film.reel"]);
    let changed = command.args(from_descriptor).args(CHEAP).stdin(File::open(folder.path("old")).unwrap()).output();
    assert_done(&changed.unwrap());
    assert!(opens(&folder, "film.reel", Passphrase("old")));
}

#[test]
fn the_same_passphrase_may_take_another_cost() {
    let folder = encrypted(Passphrase("same"));
    let changed = folder
        .reelseal(&["passwd", "film.reel", "--scrypt-log-n", "15"])
        .envs([("REELSEAL_PASSPHRASE", "same"), ("REELSEAL_NEW_PASSPHRASE", "same")])
        .output()
        .unwrap();
    assert_done(&changed);
    assert_eq!(text(&changed.stderr), "");
    assert_eq!(
        list(&folder, "film.reel"),
        "1: passphrase, 88 bytes, scrypt with N = 2^15, r = 8, p = 1: 32 MiB of memory\n"
    );
    assert!(opens(&folder, "film.reel", Passphrase("same")));
}

#[test]
fn slots_are_added_listed_changed_in_their_place_and_removed() {
    let folder = encrypted(Passphrase("one"));
    let phrase = "passphrase, 88 bytes, scrypt with N = 2^14, r = 8, p = 1: 16 MiB of memory";
    key(&folder, "other");
    let added = passwd(&folder, &["--add", "film.reel"], Passphrase("one"), Some(KeyFile("key")));
    assert_done(&added);
    assert_eq!(text(&added.stderr), "");
    assert_done(&passwd(&folder, &["--add", "film.reel"], KeyFile("key"), Some(Passphrase("three"))));
    assert_eq!(list(&folder, "film.reel"), format!("1: {phrase}\n2: key file, 76 bytes\n3: {phrase}\n"));
    for secret in [Passphrase("one"), KeyFile("key"), Passphrase("three")] {
        assert!(opens(&folder, "film.reel", secret), "{secret:?}");
    }

    // From a key file to a passphrase, and back.
    let changed = passwd(&folder, &["film.reel"], KeyFile("key"), Some(Passphrase("two")));
    assert!(text(&changed.stderr).starts_with("reelseal: the old key file still opens copies"));
    assert_eq!(list(&folder, "film.reel"), format!("1: {phrase}\n2: {phrase}\n3: {phrase}\n"));
    assert_done(&passwd(&folder, &["film.reel"], Passphrase("two"), Some(KeyFile("other"))));
    assert_eq!(list(&folder, "film.reel"), format!("1: {phrase}\n2: key file, 76 bytes\n3: {phrase}\n"));
    assert!(!opens(&folder, "film.reel", KeyFile("key")) && opens(&folder, "film.reel", KeyFile("other")));

    // By number, with a secret that opens another slot; then the slot that the secret opens.
    let removed = passwd(&folder, &["--remove=1", "film.reel"], KeyFile("other"), None);
    assert_done(&removed);
    assert_eq!(text(&removed.stderr), STILL_OPENS);
    assert!(!opens(&folder, "film.reel", Passphrase("one")));
    assert_done(&passwd(&folder, &["--remove", "film.reel"], Passphrase("three"), None));
    assert_eq!(list(&folder, "film.reel"), "1: key file, 76 bytes\n");
    assert!(opens(&folder, "film.reel", KeyFile("other")));
}

#[test]
fn an_old_secret_that_opens_another_slot_is_reported_until_it_opens_none() {
    let folder = encrypted(Passphrase("old"));
    assert_done(&passwd(&folder, &["--add", "film.reel"], Passphrase("old"), Some(KeyFile("key"))));
    assert_done(&passwd(&folder, &["--add", "film.reel"], Passphrase("old"), Some(Passphrase("old"))));
    let changed = passwd(&folder, &["film.reel"], Passphrase("old"), Some(Passphrase("new")));
    let warning = "reelseal: warning: film.reel: the old passphrase opens another key slot; remove that, too, with --remove and the same passphrase\n";
    assert_eq!(text(&changed.stderr), [warning, STILL_OPENS].concat());
    assert!(opens(&folder, "film.reel", Passphrase("old")));
    let removed = passwd(&folder, &["--remove", "film.reel"], Passphrase("old"), None);
    assert_eq!(text(&removed.stderr), STILL_OPENS);
    assert!(!opens(&folder, "film.reel", Passphrase("old")) && opens(&folder, "film.reel", Passphrase("new")));
}

/// Asserts that `passwd` refuses, and leaves the file as it was.
#[track_caller]
fn assert_kept(folder: &Folder, arguments: &[&str], old: Secret, new: Option<Secret>, code: i32, fact: &str) {
    let before = folder.read("film.reel");
    assert_refused(&passwd(folder, arguments, old, new), code, fact);
    assert!(folder.read("film.reel") == before, "{fact}");
}

#[test]
fn wrong_secrets_and_the_last_slot_and_missing_ones_are_refused_and_change_nothing() {
    let folder = encrypted(Passphrase("right"));
    let (right, new) = (Passphrase("right"), Some(Passphrase("new")));
    assert_kept(&folder, &["film.reel"], Passphrase("wrong"), new, 3, "film.reel: wrong passphrase");
    assert_kept(&folder, &["film.reel"], KeyFile("key"), new, 2, "no key slot for a key file");
    for last in ["--remove", "--remove=1"] {
        assert_kept(&folder, &[last, "film.reel"], right, None, 2, "the only key slot cannot be removed");
    }
    assert_kept(&folder, &["--remove=2", "film.reel"], right, None, 2, "there is no key slot 2");
    folder.write("empty", b"");
    assert_kept(&folder, &["film.reel", "--new-passphrase-file", "empty"], right, None, 2, "the passphrase is empty");
}

#[test]
fn a_file_of_several_names_is_rewritten_once() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    assert_done(&folder.run(&["encrypt", "film"]));
    fs::hard_link(folder.path("film.reel"), folder.path("hard.reel")).unwrap();
    std::os::unix::fs::symlink("film.reel", folder.path("soft.reel")).unwrap();
    assert_done(&folder.reelseal(&["keygen", "-o", "other"]).output().unwrap());
    let files = ["passwd", "film.reel", "hard.reel", "./film.reel", "soft.reel"];
    assert_done(&folder.run(&[files.as_slice(), &["--add", "--new-key-file", "other"]].concat()));
    let listed = folder.reelseal(&["passwd", "--list", "film.reel"]).output().unwrap();
    assert_eq!(support::text(&listed.stdout), "1: key file, 76 bytes\n2: key file, 76 bytes\n");
}

#[test]
fn a_ninth_passphrase_slot_is_refused() {
    let folder = encrypted(KeyFile("key"));
    for passphrase in ["1", "2", "3", "4", "5", "6", "7", "8"] {
        assert_done(&passwd(&folder, &["--add", "film.reel"], KeyFile("key"), Some(Passphrase(passphrase))));
    }
    let fact = "film.reel: there are 8 passphrase slots already";
    assert_kept(&folder, &["--add", "film.reel"], KeyFile("key"), Some(Passphrase("9")), 2, fact);
    assert_kept(&folder, &["film.reel"], KeyFile("key"), Some(Passphrase("9")), 2, fact);
    assert_done(&passwd(&folder, &["film.reel"], Passphrase("8"), Some(Passphrase("9"))));
    assert!(opens(&folder, "film.reel", Passphrase("9")));
}

#[test]
fn a_header_without_room_is_refused() {
    let folder = encrypted(KeyFile("key"));
    // 4000 bytes of records, 76 for each key-file slot.
    for _ in 1..52 {
        assert_done(&passwd(&folder, &["--add", "film.reel"], KeyFile("key"), Some(KeyFile("key"))));
    }
    let fact = "film.reel: the header has no room: the new key slots need 76 bytes, and 48 are free";
    assert_kept(&folder, &["--add", "film.reel"], KeyFile("key"), Some(KeyFile("key")), 2, fact);
}

#[test]
fn a_damaged_copy_is_reported_and_repaired() {
    for (damaged, which) in [(100, "first"), (HEADER + 100, "second")] {
        let folder = encrypted(Passphrase("old"));
        let before = folder.read("film.reel");
        let mut damaged_file = before.clone();
        damaged_file[damaged] ^= 1;
        folder.write("film.reel", &damaged_file);
        let changed = passwd(&folder, &["film.reel"], Passphrase("old"), Some(Passphrase("new")));
        assert_done(&changed);
        let warning = format!("reelseal: warning: film.reel: the {which} of the two header copies is damaged");
        assert!(text(&changed.stderr).starts_with(&warning), "{}", text(&changed.stderr));
        assert_sound(&folder, "film.reel", &before);
        let opened = &mut folder.reelseal(&["decrypt", "film.reel", "-o", "-"]);
        let opened = with_secret(opened, Passphrase("new")).output().unwrap();
        assert_eq!((opened.stdout, text(&opened.stderr).as_str()), (plaintext(LENGTH), ""));
    }
}

#[test]
fn many_files_change_in_one_run_and_one_that_fails_does_not_stop_the_rest() {
    let folder = encrypted(Passphrase("old"));
    encrypt(&folder, "two.reel", Passphrase("other"));
    encrypt(&folder, "three.reel", Passphrase("old"));
    let files = ["film.reel", "film", "two.reel", "nowhere", "three.reel"];
    let changed = passwd(&folder, &files, Passphrase("old"), Some(Passphrase("new")));
    assert_refused(&changed, 4, "reelseal: 3 of 5 files failed:\n");
    let reported = text(&changed.stderr);
    assert_eq!(reported.matches("the old passphrase still opens").count(), 1, "{reported}");
    for (name, secret) in
        [("film.reel", Passphrase("new")), ("two.reel", Passphrase("other")), ("three.reel", Passphrase("new"))]
    {
        assert!(opens(&folder, name, secret), "{name}");
    }
    // One salt for the whole run: scrypt ran once for the new slots.
    let salt = |name: &str| folder.read(name)[64..96].to_vec();
    assert_eq!(salt("film.reel"), salt("three.reel"));

    let listed = folder.reelseal(&["passwd", "--list", "film.reel", "two.reel"]).output().unwrap();
    let lines = text(&listed.stdout);
    assert!(lines.starts_with("film.reel: 1: passphrase") && lines.contains("\ntwo.reel: 1: passphrase"), "{lines}");
}

#[test]
fn only_a_regular_file_that_nobody_else_rewrites_is_rewritten() {
    let folder = encrypted(KeyFile("key"));
    let new = Some(KeyFile("key"));
    assert!(Command::new("mkfifo").arg(folder.path("fifo")).status().unwrap().success());
    for other in ["fifo", "/dev/null", "."] {
        let refused = passwd(&folder, &[other], KeyFile("key"), new);
        assert_refused(&refused, 2, &format!("{other}: not a regular file"));
    }
    let held = File::open(folder.path("film.reel")).unwrap();
    held.lock_shared().unwrap();
    let reported = "film.reel: the file is locked by another process\n\
                reelseal: hint: wait until the other process has finished, and try again\n";
    assert_kept(&folder, &["film.reel"], KeyFile("key"), new, 1, reported);
    held.unlock().unwrap();
    assert_done(&passwd(&folder, &["film.reel"], KeyFile("key"), new));
}

#[test]
#[ignore = "needs root"]
fn a_file_that_may_not_be_written_is_refused() {
    let folder = encrypted(KeyFile("key"));
    for (name, permissions) in [("", 0o755), ("key", 0o644), ("film.reel", 0o444)] {
        fs::set_permissions(folder.path(name), Permissions::from_mode(permissions)).unwrap();
    }
    // A copy in a place where everybody may run it.
    let program = folder.path("reelseal");
    fs::copy(support::reelseal(), &program).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program).current_dir(folder.path(""));
    command.args(["passwd", "film.reel", "--key-file", "key", "--new-key-file", "key"]);
    assert_refused(&command.output().unwrap(), 1, "film.reel: cannot open: permission denied");
}

/// The files that a kill may find: each opens with `old`, and none with `older`.
fn starting_states(folder: &Folder) -> [(&'static str, Vec<u8>); 4] {
    for name in ["older", "old", "new"] {
        key(folder, name);
    }
    encrypt(folder, "film.reel", KeyFile("older"));
    let first = folder.read("film.reel");
    assert_done(&passwd(folder, &["film.reel"], KeyFile("older"), Some(KeyFile("old"))));
    let sound = folder.read("film.reel");
    let damaged = |place: usize| {
        let mut file = sound.clone();
        file[place] ^= 1;
        file
    };
    let second_newer = [&first[..HEADER], &sound[HEADER..]].concat();
    [
        ("both sound", sound.clone()),
        ("first damaged", damaged(100)),
        ("second damaged", damaged(HEADER + 100)),
        ("second newer", second_newer),
    ]
}

const CHANGE: [&str; 6] = ["passwd", "film.reel", "--key-file", "old", "--new-key-file", "new"];

/// Every system call that the command makes, starting with the one that locks the file, each with its number among
/// those of its name.
fn system_calls(folder: &Folder) -> Vec<(String, usize)> {
    let mut command = Command::new("strace");
    command.args(["-qq", "-e", "signal=none", "-o", "log", support::reelseal()]).args(CHANGE);
    assert_done(&command.current_dir(folder.path("")).output().unwrap());
    let log = text(&folder.read("log"));
    let names: Vec<_> = log.lines().filter_map(|line| line.split_once('(')).map(|(name, _)| name).collect();
    let first = names.iter().position(|name| *name == "flock").unwrap();
    let number = |at: usize| names[..=at].iter().filter(|name| **name == names[at]).count();
    (first..names.len()).map(|at| (names[at].to_owned(), number(at))).collect()
}

/// Runs the change under strace with this `injection`.
fn injected(folder: &Folder, injection: &str) -> Output {
    let mut command = Command::new("strace");
    command.args(["-qq", "-o", "/dev/null", "-e", "signal=none", "-e", &format!("inject={injection}")]);
    command.arg(support::reelseal()).args(CHANGE).current_dir(folder.path("")).output().unwrap()
}

/// The call at which the command is killed is not made, so the file is as the call before left it.
#[test]
#[ignore = "needs strace"]
fn killed_at_any_system_call_the_file_opens_with_the_old_secret_or_the_new() {
    let folder = Folder::new();
    folder.write("film", &plaintext(LENGTH));
    for (state, file) in starting_states(&folder) {
        folder.write("film.reel", &file);
        let calls = system_calls(&folder);
        for (name, count) in [("pwrite64", 2), ("fsync", 2)] {
            assert_eq!(calls.iter().filter(|(call, _)| call == name).count(), count, "{calls:?}");
        }
        // What is read back comes from the disk.
        let last = |name: &str| calls.iter().rposition(|(call, _)| call == name).unwrap();
        assert!(last("fsync") < last("fadvise64") && last("fadvise64") < last("pread64"), "{calls:?}");
        let (mut killed, mut opened_with_old, mut opened_with_new) = (0, 0, 0);
        for (call, number) in calls {
            let moment = format!("{state}, killed at {call} {number}");
            folder.write("film.reel", &file);
            let change = injected(&folder, &format!("{call}:signal=SIGKILL:when={number}"));
            killed += usize::from(change.status.signal() == Some(9));
            let [old, new] = ["old", "new"].map(|name| opens(&folder, "film.reel", KeyFile(name)));
            assert!(old != new, "{moment}: old {old}, new {new}");
            assert!(!opens(&folder, "film.reel", KeyFile("older")), "{moment}");
            assert!(folder.read("film.reel")[2 * HEADER..] == file[2 * HEADER..], "{moment}");
            opened_with_old += usize::from(old);
            opened_with_new += usize::from(new);

            // Whatever is left can be rewritten.
            let left = if old { "old" } else { "new" };
            assert_done(&passwd(&folder, &["film.reel"], KeyFile(left), Some(KeyFile("key"))));
            assert!(opens(&folder, "film.reel", KeyFile("key")), "{moment}");
            assert_sound(&folder, "film.reel", &file);
        }
        assert!(killed > 10 && opened_with_old > 3 && opened_with_new > 3, "{state}: {killed} killed");
    }
}

#[test]
#[ignore = "needs strace"]
fn an_interrupt_between_the_copies_waits_until_both_are_written() {
    let folder = Folder::new();
    folder.write("film", &plaintext(LENGTH));
    let [(_, file), ..] = starting_states(&folder);
    for call in ["pwrite64:signal=SIGINT:when=1", "fsync:signal=SIGINT:when=1", "pwrite64:signal=SIGTERM:when=2"] {
        folder.write("film.reel", &file);
        let status = injected(&folder, call).status;
        assert!(status.success() || status.signal().is_some(), "{call}: {status:?}");
        assert!(opens(&folder, "film.reel", KeyFile("new")), "{call}");
        assert_sound(&folder, "film.reel", &file);
    }
}

#[test]
#[ignore = "needs strace"]
fn a_disk_that_fails_in_a_rewrite_is_reported_and_the_copy_that_counts_is_not_touched_before_the_other_is_safe() {
    let folder = Folder::new();
    folder.write("film", &plaintext(LENGTH));
    for (state, file) in starting_states(&folder) {
        let counts = if matches!(state, "first damaged" | "second newer") { HEADER } else { 0 };
        for (call, opens_with) in [
            ("pwrite64:error=EIO:when=1", Some("old")),
            // Written, but perhaps not to the disk.
            ("fsync:error=EIO:when=1", None),
            ("pwrite64:error=EIO:when=2", Some("new")),
            ("fsync:error=EIO:when=2", Some("new")),
        ] {
            folder.write("film.reel", &file);
            let reported = "reelseal: film.reel: cannot write the header: input/output error\n\
                        reelseal: hint: the file opens with the old secret or with the new one; try both before you \
                        try again\n";
            assert_refused(&injected(&folder, call), 1, reported);
            let [old, new] = ["old", "new"].map(|name| opens(&folder, "film.reel", KeyFile(name)));
            assert!(old != new && opens_with.is_none_or(|name| (name == "new") == new), "{state}, {call}");
            let untouched = folder.read("film.reel")[counts..][..HEADER] == file[counts..][..HEADER];
            assert_eq!(untouched, call != "fsync:error=EIO:when=2", "{state}, {call}");
        }
    }
}

#[test]
#[ignore = "needs strace"]
fn a_write_that_the_disk_loses_is_noticed() {
    let folder = Folder::new();
    folder.write("film", &plaintext(LENGTH));
    for (state, file) in starting_states(&folder) {
        for number in [1, 2] {
            folder.write("film.reel", &file);
            // The call is not made, but reports success.
            let changed = injected(&folder, &format!("pwrite64:retval={HEADER}:when={number}"));
            let reported = "reelseal: film.reel: the header does not read back as it was written\n\
                        reelseal: hint: the disk may be failing; copy the file to another one while it still opens\n";
            assert_refused(&changed, 1, reported);
            assert!(opens(&folder, "film.reel", KeyFile("new")), "{state}, write {number}");
        }
    }
}

#[test]
fn with_verbose_the_slot_that_opened_each_file_is_named() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    assert_done(&folder.run(&["encrypt", "film"]));
    folder.write("new", &folder.read("key"));
    let arguments = ["passwd", "--verbose", "--key-file", "key", "--add", "--new-key-file", "new", "film.reel"];
    let output = folder.reelseal(&arguments).output().unwrap();
    assert_done(&output);
    assert!(text(&output.stderr).contains("film.reel: opened with key slot 1 (key file)"), "{}", text(&output.stderr));
}
