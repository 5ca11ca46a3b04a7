//! Public keys: what is locked with one opens with its private key, here and in age; what does not open is refused.

#![cfg(feature = "age")]
#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;
use support::{CHEAP, Folder, assert_done, assert_refused, mode, plaintext, text};

const LENGTH: usize = 70_000;

/// A folder with a film, and the age identities of these names, each with its recipient in a file beside it.
fn folder(identities: &[&str]) -> Folder {
    let folder = Folder::new();
    folder.write("film", &plaintext(LENGTH));
    for name in identities {
        let made = folder.reelseal(&["keygen", "--age", "-o", name]).output().unwrap();
        assert_done(&made);
        folder.write(&format!("{name}.pub"), &made.stdout);
    }
    folder
}

fn recipient(folder: &Folder, name: &str) -> String {
    text(&folder.read(&format!("{name}.pub"))).trim().to_owned()
}

fn run(folder: &Folder, arguments: &[&str]) -> Output {
    folder.reelseal(arguments).output().unwrap()
}

fn listed(folder: &Folder, name: &str) -> Vec<Value> {
    let output = run(folder, &["passwd", "--list", "--json", name]);
    assert_done(&output);
    serde_json::from_slice::<Value>(&output.stdout).unwrap()["slots"].as_array().unwrap().clone()
}

#[track_caller]
fn assert_opens(folder: &Folder, secret: &[&str], name: &str) {
    let output = folder.reelseal(&["decrypt", name, "-o", "-"]).args(secret).output().unwrap();
    assert_done(&output);
    assert!(output.stdout == plaintext(LENGTH));
}

#[test]
fn each_recipient_opens_with_its_own_identity_and_nothing_is_asked() {
    let folder = folder(&["one", "two", "other"]);
    let encrypt = &mut folder.reelseal(&["encrypt", "-r", &recipient(&folder, "one"), "-R", "two.pub", "film"]);
    // The passphrase in the environment is ignored.
    assert_done(&encrypt.env("REELSEAL_PASSPHRASE", "sesame").output().unwrap());
    let kinds: Vec<_> = listed(&folder, "film.reel").iter().map(|slot| slot["kind"].clone()).collect();
    assert_eq!(kinds, ["recipient", "recipient"]);
    assert_opens(&folder, &["-i", "one"], "film.reel");
    assert_opens(&folder, &["-i", "other", "-i", "two"], "film.reel");
    let refused = run(&folder, &["decrypt", "film.reel", "-o", "-", "-i", "other"]);
    assert_refused(&refused, 3, "film.reel: none of the identities opens it\nreelseal: hint: ");
    assert_eq!(refused.stdout, b"");
    let refused = &mut folder.reelseal(&["decrypt", "film.reel", "-o", "-"]);
    let refused = refused.env("REELSEAL_PASSPHRASE", "sesame").output().unwrap();
    assert_refused(&refused, 2, "no key slot for a passphrase\nreelseal: hint: it opens with an identity: -i FILE");
    let refused = folder.run(&["decrypt", "film.reel", "-o", "-"]);
    assert_refused(&refused, 2, "no key slot for a key file");
}

#[test]
fn a_passphrase_a_key_file_and_recipients_each_open_what_was_encrypted_with_all_of_them() {
    let folder = folder(&["one"]);
    folder.write("phrase", b"sesame\n");
    fs::set_permissions(folder.path("phrase"), Permissions::from_mode(0o600)).unwrap();
    let all = ["encrypt", "film", "--passphrase-file", "phrase", "--key-file", "key", "-R", "one.pub"];
    assert_done(&folder.reelseal(&all).args(CHEAP).output().unwrap());
    let kinds: Vec<_> = listed(&folder, "film.reel").iter().map(|slot| slot["kind"].clone()).collect();
    assert_eq!(kinds, ["passphrase", "key-file", "recipient"]);
    for (secret, number) in
        [(["--passphrase-file", "phrase"], 1), (["--key-file", "key"], 2), (["--identity", "one"], 3)]
    {
        assert_opens(&folder, &secret, "film.reel");
        let verified = folder.reelseal(&["verify", "--progress", "json", "film.reel"]).args(secret).output().unwrap();
        assert!(text(&verified.stderr).contains(&format!("\"slot\":{number},\"slot_kind\":")), "{verified:?}");
        let verbose = folder.reelseal(&["verify", "-v", "film.reel"]).args(secret).output().unwrap();
        assert!(text(&verbose.stderr).contains(&format!("film.reel: opened with key slot {number} (")), "{verbose:?}");
    }
}

#[test]
fn a_stream_from_a_pipe_ranges_and_inspect_take_identities_too() {
    let folder = folder(&["one"]);
    let mut encrypt = folder.reelseal(&["encrypt", "-R", "one.pub"]);
    let sealed = support::feed(&mut encrypt, &plaintext(LENGTH));
    assert_done(&sealed);
    let mut decrypt = folder.reelseal(&["decrypt", "-i", "one"]);
    assert!(support::feed(&mut decrypt, &sealed.stdout).stdout == plaintext(LENGTH));
    folder.write("film.reel", &sealed.stdout);
    let part = run(&folder, &["decrypt", "film.reel", "-i", "one", "--range", "65530-65545", "-o", "-"]);
    assert_eq!(part.stdout, plaintext(LENGTH)[65_530..=65_545]);
    let inspected = run(&folder, &["inspect", "--json", "-i", "one", "film.reel"]);
    assert_done(&inspected);
    let found: Value = serde_json::from_slice(&inspected.stdout).unwrap();
    assert_eq!(
        (&found["authenticated"]["slot"], &found["authenticated"]["slot_kind"]),
        (&1.into(), &"recipient".into())
    );
    let slot = &found["slots"][0];
    assert_eq!((&slot["stanzas"][0], &slot["quantum"]), (&"X25519".into(), &"falls".into()));
    assert!(slot["bytes"].as_u64().unwrap() >= 236);
}

#[test]
fn slots_of_recipients_are_added_removed_and_replace_a_passphrase() {
    let folder = folder(&["one", "two"]);
    assert_done(&folder.run(&["encrypt", "film"]));
    let frames = folder.read("film.reel")[8192..].to_vec();
    assert_done(&folder.run(&["passwd", "--add", "-r", &recipient(&folder, "one"), "film.reel"]));
    assert_done(&run(&folder, &["passwd", "-i", "one", "--add", "-R", "two.pub", "film.reel"]));
    assert_opens(&folder, &["-i", "two"], "film.reel");
    let removed = run(&folder, &["passwd", "-i", "two", "--remove=2", "film.reel"]);
    assert_done(&removed);
    assert!(text(&removed.stderr).contains("the old identity still opens copies"), "{removed:?}");
    assert_refused(&run(&folder, &["verify", "-i", "one", "film.reel"]), 3, "none of the identities");
    // A recipient instead of the key file.
    assert_done(&folder.run(&["passwd", "-R", "one.pub", "film.reel"]));
    let kinds: Vec<_> = listed(&folder, "film.reel").iter().map(|slot| slot["kind"].clone()).collect();
    assert_eq!(kinds, ["recipient", "recipient"]);
    assert_opens(&folder, &["-i", "one"], "film.reel");
    assert_refused(&folder.run(&["verify", "film.reel"]), 2, "no key slot for a key file");
    assert!(folder.read("film.reel")[8192..] == frames);
    let list = text(&run(&folder, &["passwd", "--list", "film.reel"]).stdout);
    assert!(
        list.starts_with("1: recipient, ") && list.contains(" bytes, X25519; a future quantum computer could open it"),
        "{list}"
    );
    assert!(
        list.ends_with("recipients cannot be named: a slot holds at most a short tag of the public key\n"),
        "{list}"
    );
}

#[test]
fn the_header_is_as_long_as_its_recipients_need_and_32_are_the_most() {
    let folder = folder(&["one", "last"]);
    let list = |count: usize| {
        let one = text(&folder.read("one.pub"));
        folder.write("team.txt", format!("# team\n{}{}", one.repeat(count - 1), recipient(&folder, "last")).as_bytes());
        run(&folder, &["encrypt", "--force", "-R", "team.txt", "film"])
    };
    assert_done(&list(32));
    let header_length = |name| {
        let found: Value = serde_json::from_slice(&run(&folder, &["inspect", "--json", name]).stdout).unwrap();
        found["header_length"].as_u64().unwrap()
    };
    assert!(header_length("film.reel") > 8192 && header_length("film.reel") % 4096 == 0);
    assert_opens(&folder, &["-i", "last"], "film.reel");
    let refused = run(&folder, &["passwd", "--add", "-i", "last", "-R", "one.pub", "film.reel"]);
    assert_refused(&refused, 2, "at most 32 recipients\nreelseal: hint: remove one first");
    assert_refused(&list(40), 2, "a stream opens with at most 32 recipients");
    assert_opens(&folder, &["-i", "last"], "film.reel");
}

#[test]
fn unsuitable_recipients_and_identities_are_refused_with_what_to_do_and_no_secret_is_shown() {
    let folder = folder(&["one"]);
    fs::create_dir(folder.path("clips")).unwrap();
    let secret = text(&folder.read("one")).lines().last().unwrap().to_owned();
    for (recipient, fact) in [
        ("clips", "clips: not a recipient\nreelseal: hint: -r names a recipient; folders are taken with --recursive"),
        ("film", "film: not a recipient\nreelseal: hint: -r names a recipient; those in a file are named with -R FILE"),
        ("age1", "--recipient: not a recipient\nreelseal: hint: a recipient is age1..."),
        (&secret, "--recipient: this is a secret key, not a recipient\nreelseal: hint: others can read arguments"),
        ("age1../x", "--recipient: not a recipient"),
    ] {
        let refused = run(&folder, &["encrypt", "-r", recipient, "film"]);
        assert_refused(&refused, 2, fact);
        assert!(!text(&refused.stderr).contains(&secret), "{refused:?}");
    }
    for (file, code, fact) in [
        ("film", 2, "film: not UTF-8 text"),
        ("one", 2, "one: line 3: this is a secret key, not a recipient"),
        ("clips", 1, "clips: cannot read the recipients: is a directory"),
        ("/dev/zero", 2, "/dev/zero: is too long for a file of recipients"),
        ("none", 1, "none: cannot read the recipients: no such file or directory"),
    ] {
        assert_refused(&run(&folder, &["encrypt", "-R", file, "film"]), code, fact);
    }
    assert_eq!(folder.names(), ["clips", "film", "one", "one.pub"]);

    assert_done(&run(&folder, &["encrypt", "-R", "one.pub", "film"]));
    for (file, code, fact) in [
        ("one.pub", 2, "one.pub: this is a public key, which opens nothing"),
        ("film", 2, "film: not an identity file or a private ssh key"),
        ("key", 2, "key: not an identity file or a private ssh key"),
        ("clips", 1, "clips: cannot read the identity: is a directory"),
        ("/dev/zero", 2, "/dev/zero: not an identity file"),
        ("none", 1, "none: cannot read the identity: no such file or directory"),
        ("film.reel", 2, "film.reel: cannot be both the input and the secret"),
    ] {
        assert_refused(&run(&folder, &["decrypt", "film.reel", "-o", "-", "-i", file]), code, fact);
    }
    assert_refused(
        &run(&folder, &["decrypt", "film.reel", "-i", "one", "--key-file", "key"]),
        2,
        "cannot be used with",
    );
    assert_refused(&run(&folder, &["encrypt", "film", "-i", "one"]), 2, "hint: an identity opens streams; to encrypt");
}

#[test]
fn files_that_open_with_different_secrets_are_reported_one_by_one() {
    let folder = folder(&["one", "two"]);
    for (output, list) in [("a.reel", "one.pub"), ("b.reel", "two.pub"), ("c.reel", "one.pub")] {
        assert_done(&run(&folder, &["encrypt", "film", "-o", output, "-R", list]));
    }
    let output = run(&folder, &["decrypt", "a.reel", "b.reel", "c.reel", "-i", "one"]);
    assert_refused(&output, 3, "b.reel: none of the identities opens it");
    assert!(folder.read("a") == plaintext(LENGTH) && folder.read("c") == plaintext(LENGTH));
    assert!(!folder.path("b").exists());
}

#[test]
fn an_output_does_not_go_over_an_identity_or_a_file_of_recipients() {
    let folder = folder(&["one"]);
    let refused = run(&folder, &["encrypt", "film", "-R", "one.pub", "-o", "one.pub", "--force"]);
    assert_refused(&refused, 2, "one.pub: is also an input or the secret");
    assert_done(&run(&folder, &["encrypt", "film", "-R", "one.pub"]));
    let refused = run(&folder, &["decrypt", "film.reel", "-i", "one", "-o", "one", "--force"]);
    assert_refused(&refused, 2, "one: is also an input or the secret");
}

#[test]
fn a_new_identity_is_private_and_its_recipient_is_printed_where_the_secret_is_not() {
    let folder = folder(&["one"]);
    assert_eq!(mode(&folder.path("one")), 0o600);
    let identity = text(&folder.read("one"));
    assert!(identity.contains(&format!("# public key: {}\nAGE-SECRET-KEY-1", recipient(&folder, "one"))), "{identity}");
    let piped = run(&folder, &["keygen", "--age", "-o", "-"]);
    assert_done(&piped);
    let (identity, reported) = (text(&piped.stdout), text(&piped.stderr));
    let recipient = identity.lines().nth(1).unwrap().strip_prefix("# public key: ").unwrap();
    assert!(reported.contains(recipient) && !reported.contains("SECRET"), "{reported}");
    assert_refused(&run(&folder, &["keygen", "--age", "-o", "one"]), 2, "one: exists already");
}

#[test]
fn an_ssh_key_opens_what_its_public_key_locked_and_one_with_a_passphrase_needs_a_terminal() {
    let folder = folder(&[]);
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    for name in ["ssh-key", "ssh-key-locked"] {
        fs::copy(data.join(name), folder.path(name)).unwrap();
        fs::set_permissions(folder.path(name), Permissions::from_mode(0o600)).unwrap();
    }
    let public = fs::read_to_string(data.join("ssh-key.pub")).unwrap();
    assert_done(&run(&folder, &["encrypt", "-r", &public, "film"]));
    assert_opens(&folder, &["-i", "ssh-key"], "film.reel");
    let mut locked = Command::new("setsid");
    locked.arg("-w").arg(support::reelseal()).args(["verify", "film.reel", "-i", "ssh-key-locked"]);
    let refused = locked.current_dir(folder.path(".")).output().unwrap();
    assert_refused(&refused, 2, "ssh-key-locked: no passphrase was given for it\nreelseal: hint: ");
}

/// The names of the slots' kinds, as `passwd --list --json` gives them.
fn kinds(folder: &Folder, name: &str) -> Vec<String> {
    listed(folder, name).iter().map(|slot| slot["kind"].as_str().unwrap().to_owned()).collect()
}

/// A file from this repository's tests/data, copied so that only its owner can read it.
fn copy_of_data(folder: &Folder, name: &str) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    fs::copy(data, folder.path(name)).unwrap();
    fs::set_permissions(folder.path(name), Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn an_rsa_key_is_warned_of_where_it_encrypts_and_where_it_decrypts() {
    let folder = folder(&["one"]);
    copy_of_data(&folder, "ssh-rsa-key");
    copy_of_data(&folder, "ssh-rsa-key.pub");
    let warning = "reelseal: warning: ssh-rsa: decryption with an RSA key may leak the key through timing \
                   (RUSTSEC-2023-0071); ssh-ed25519 and age keys are not affected\n";
    let encrypted = run(&folder, &["encrypt", "film", "-R", "ssh-rsa-key.pub", "-R", "one.pub"]);
    assert_done(&encrypted);
    assert_eq!(text(&encrypted.stderr), warning);
    let decrypted = run(&folder, &["decrypt", "film.reel", "-o", "-", "-i", "ssh-rsa-key"]);
    assert!(decrypted.stdout == plaintext(LENGTH));
    assert_eq!(text(&decrypted.stderr), warning);
    let decrypted = run(&folder, &["decrypt", "film.reel", "-o", "-", "-i", "one"]);
    assert_eq!(text(&decrypted.stderr), "");
}

#[test]
fn tagged_and_post_quantum_recipients_get_slots_and_the_list_says_how_safe_they_are() {
    let folder = folder(&["one"]);
    copy_of_data(&folder, "age1tag.pub");
    copy_of_data(&folder, "age1tagpq.pub");
    assert_done(&run(&folder, &["encrypt", "film", "-R", "one.pub", "-R", "age1tag.pub"]));
    assert_done(&run(&folder, &["passwd", "--add", "-i", "one", "-R", "age1tagpq.pub", "film.reel"]));
    let fates = |slot: &Value| (slot["stanzas"][0].clone(), slot["quantum"].clone());
    let fates: Vec<_> = listed(&folder, "film.reel").iter().map(fates).collect();
    let expected = [("X25519", "falls"), ("p256tag", "falls"), ("mlkem768p256tag", "holds")];
    assert_eq!(fates, expected.map(|(kind, fate)| (kind.into(), fate.into())));
    assert_opens(&folder, &["-i", "one"], "film.reel");
    // `age1pq1` and nothing else, with its checksum.
    let refused = run(&folder, &["encrypt", "--force", "film", "-r", &bech32("age1pq")]);
    let hint = "--recipient: age-plugin-pq is not in PATH\nreelseal: hint: post-quantum recipients need this plugin, which \
                comes with age 1.3; age1tagpq recipients need none";
    assert_refused(&refused, 2, hint);
}

#[test]
fn a_passphrase_is_replaced_by_a_recipient_in_the_same_slot() {
    let folder = folder(&["one"]);
    folder.write("phrase", b"sesame\n");
    fs::set_permissions(folder.path("phrase"), Permissions::from_mode(0o600)).unwrap();
    let both = ["encrypt", "film", "--passphrase-file", "phrase", "--key-file", "key"];
    assert_done(&folder.reelseal(&both).args(CHEAP).output().unwrap());
    assert_eq!(kinds(&folder, "film.reel"), ["passphrase", "key-file"]);
    let change = ["passwd", "film.reel", "--passphrase-file", "phrase", "-R", "one.pub"];
    let idle = folder.reelseal(&change).args(["--scrypt-log-n", "15"]).output().unwrap();
    assert_refused(&idle, 2, "--scrypt-log-n: there is no new passphrase that it could apply to\nreelseal: hint: ");
    assert_done(&run(&folder, &change));
    assert_eq!(kinds(&folder, "film.reel"), ["recipient", "key-file"]);
    assert_opens(&folder, &["-i", "one"], "film.reel");
    let refused = run(&folder, &["verify", "film.reel", "--passphrase-file", "phrase"]);
    assert_refused(&refused, 2, "no key slot for a passphrase");
}

#[test]
fn what_a_header_without_room_would_need_is_reported_before_a_slot_is_made() {
    let folder = folder(&["one"]);
    assert_done(&folder.run(&["encrypt", "film"]));
    let crowd = |count: usize| folder.write("crowd", text(&folder.read("one.pub")).repeat(count).as_bytes());
    crowd(30);
    let refused = folder.run(&["passwd", "--add", "-R", "crowd", "film.reel"]);
    assert_refused(&refused, 2, "the new key slots need at least ");
    let mut added = 0;
    crowd(1);
    let full = loop {
        let output = folder.run(&["passwd", "--add", "-R", "crowd", "film.reel"]);
        if !output.status.success() {
            break output;
        }
        added += 1;
    };
    assert!(added >= 8, "{added}");
    assert_refused(&full, 2, "the header has no room: the new key slots need ");
}

#[test]
fn an_identity_file_that_others_can_read_causes_a_warning() {
    let folder = folder(&["one"]);
    assert_done(&run(&folder, &["encrypt", "film", "-R", "one.pub"]));
    fs::set_permissions(folder.path("one"), Permissions::from_mode(0o644)).unwrap();
    let verified = run(&folder, &["verify", "film.reel", "-i", "one"]);
    assert_done(&verified);
    assert!(
        text(&verified.stderr).contains("one: others can read this secret; chmod 600 makes it private"),
        "{verified:?}"
    );
}

/// A shell with the tools of the reference reader in its path.
fn python(folder: &Folder, script: &str, arguments: &[&str]) -> Output {
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference");
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", reference).arg("-c").arg(script).args(arguments).current_dir(folder.path("."));
    python.output().unwrap()
}

/// Extracts the bodies of the recipient slots from a stream: 1.age, 2.age and so on.
fn take_bodies_out(folder: &Folder, stream: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/age_slot.py");
    let taken = Command::new("python3").arg(script).arg(stream).current_dir(folder.path(".")).output().unwrap();
    assert_done(&taken);
}

fn tool(folder: &Folder, name: &str, arguments: &[&str]) -> Output {
    let output = Command::new(name).args(arguments).current_dir(folder.path(".")).output().unwrap();
    assert_done(&output);
    output
}

#[test]
#[ignore = "needs age, ssh-keygen, and python3 with pyrage, cryptography and blake3"]
fn bodies_of_slots_are_age_files_that_age_and_pyrage_open_to_one_file_key() {
    let folder = folder(&["ours"]);
    let theirs = tool(&folder, "age-keygen", &["-o", "theirs"]);
    let theirs = text(&theirs.stderr).trim().strip_prefix("Public key: ").unwrap().to_owned();
    for kind in ["ed25519", "rsa"] {
        tool(&folder, "ssh-keygen", &["-q", "-t", kind, "-N", "", "-f", kind]);
    }
    let of = |name: &str| text(&folder.read(&format!("{name}.pub")));
    let all = ["encrypt", "film", "-r", &of("ours"), "-r", &theirs, "-r", &of("ed25519"), "-r", &of("rsa")];
    let encrypted = run(&folder, &all);
    assert_done(&encrypted);
    assert_eq!(text(&encrypted.stderr).matches("RUSTSEC-2023-0071").count(), 1);
    take_bodies_out(&folder, "film.reel");
    let mut keys = Vec::new();
    for (at, identity) in ["ours", "theirs", "ed25519", "rsa"].iter().enumerate() {
        assert_opens(&folder, &["-i", identity], "film.reel");
        let body = format!("{}.age", at + 1);
        keys.push(tool(&folder, "age", &["-d", "-i", identity, &body]).stdout);
        let script = "import sys, pyrage; t = open(sys.argv[1]).read(); \
                      i = pyrage.ssh.Identity.from_buffer(t.encode()) if 'BEGIN' in t else \
                      pyrage.x25519.Identity.from_str(t.splitlines()[-1]); \
                      sys.stdout.buffer.write(pyrage.decrypt(open(sys.argv[2], 'rb').read(), [i]))";
        keys.push(python(&folder, script, &[identity, &body]).stdout);
    }
    assert!(keys.iter().all(|key| key.len() == 32 && *key == keys[0]), "{keys:?}");
    // The public key of one of our identities, as age-keygen computes it.
    assert_eq!(text(&tool(&folder, "age-keygen", &["-y", "ours"]).stdout), of("ours"));
}

#[test]
#[ignore = "needs age, ssh-keygen, and python3 with pyrage, cryptography and blake3"]
fn slots_that_age_and_pyrage_wrapped_open_here() {
    let folder = folder(&["ours"]);
    tool(&folder, "ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", "ed25519"]);
    assert_done(&run(&folder, &["encrypt", "film", "-R", "ours.pub"]));
    take_bodies_out(&folder, "film.reel");
    let key = tool(&folder, "age", &["-d", "-i", "ours", "-o", "file-key", "1.age"]);
    assert_eq!(key.stdout, b"");
    tool(&folder, "age", &["-R", "ours.pub", "-o", "by-age", "file-key"]);
    tool(&folder, "age", &["-R", "ed25519.pub", "-o", "by-age-for-ssh", "file-key"]);
    let wrap = "import sys, pyrage; r = pyrage.x25519.Recipient.from_str(open('ours.pub').read().strip()); \
                open('by-pyrage', 'wb').write(pyrage.encrypt(open('file-key', 'rb').read(), [r]))";
    assert_done(&python(&folder, wrap, &[]));
    // A header with that body instead of the old one, authenticated again with the independent reader's code.
    let replace = "
import sys, reelseal
from blake3 import blake3
stream, body = open('film.reel', 'rb').read(), open(sys.argv[1], 'rb').read()
copy, _ = reelseal.find_header(stream)
area = bytes([3, 0]) + len(body).to_bytes(2, 'little') + body
covered = copy.data[:48] + area + bytes(copy.length - 96 - len(area))
key = reelseal.derive_key('reelseal v1 header authentication', open('file-key', 'rb').read() + copy.data[:32])
covered += blake3(covered, key=key).digest()
header = covered + blake3(covered).digest()[:16]
open('replaced.reel', 'wb').write(header * 2 + stream[2 * copy.length:])";
    for (body, identity) in [("by-age", "ours"), ("by-pyrage", "ours"), ("by-age-for-ssh", "ed25519")] {
        assert_done(&python(&folder, replace, &[body]));
        assert_opens(&folder, &["-i", identity], "replaced.reel");
    }
}

/// A plugin in the folder `bin`, which wraps with XOR, adds a line to `runs` whenever it is run, and fails if the file
/// `fails` exists.
fn write_plugin(folder: &Folder) -> PathBuf {
    let bin = folder.path("bin");
    fs::create_dir(&bin).unwrap();
    let script = r#"#!/usr/bin/env python3
import base64, os, sys
home = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
open(home + "/runs", "a").write(sys.argv[1] + "\n")
def receive():
    words = sys.stdin.readline().rstrip("\n").split(" ")[1:]
    body = ""
    while True:
        line = sys.stdin.readline().rstrip("\n")
        body += line
        if len(line) < 64:
            return words, base64.b64decode(body + "=" * (-len(body) % 4))
def send(words, body=b""):
    text = base64.b64encode(body).decode().rstrip("=")
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    if not lines or len(lines[-1]) == 64:
        lines.append("")
    print("-> " + " ".join(words) + "\n" + "\n".join(lines), flush=True)
def xored(key):
    return bytes(byte ^ 0x55 for byte in key)
commands = []
while not commands or commands[-1][0][0] != "done":
    commands.append(receive())
wraps = sys.argv[1] == "--age-plugin=recipient-v1"
if os.path.exists(home + "/fails"):
    send(["error", "internal"], b"no device\x1b[2J is there")
    receive()
else:
    for words, body in commands:
        if words[0] == "wrap-file-key":
            send(["recipient-stanza", "0", "xor"], xored(body))
            receive()
        elif words[0] == "recipient-stanza" and words[2] == "xor":
            send(["file-key", words[1]], xored(body))
            receive()
send(["done"])
"#;
    let path = bin.join("age-plugin-reelsealtest");
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    bin
}

/// BIP 173: `prefix` with no data, and its checksum.
fn bech32(prefix: &str) -> String {
    bech32::encode::<bech32::Bech32>(bech32::Hrp::parse(prefix).unwrap(), &[]).unwrap()
}

#[test]
#[ignore = "needs python3"]
fn a_plugin_runs_for_what_the_user_gave_and_for_nothing_else() {
    let folder = folder(&["one"]);
    let recipient = bech32("age1reelsealtest");
    folder.write("plugin-identity", format!("{}\n", bech32("age-plugin-reelsealtest-").to_uppercase()).as_bytes());
    fs::set_permissions(folder.path("plugin-identity"), Permissions::from_mode(0o600)).unwrap();
    let refused = run(&folder, &["encrypt", "film", "-r", &recipient]);
    assert_refused(
        &refused,
        2,
        "--recipient: age-plugin-reelsealtest is not in PATH\nreelseal: hint: install this plugin",
    );

    let path = format!("{}:{}", write_plugin(&folder).display(), std::env::var("PATH").unwrap());
    let with_plugin = |arguments: &[&str]| folder.reelseal(arguments).env("PATH", &path).output().unwrap();
    let runs = || fs::read_to_string(folder.path("runs")).unwrap_or_default().lines().count();
    assert_done(&with_plugin(&["encrypt", "film", "-r", &recipient, "-R", "one.pub"]));
    assert_eq!(runs(), 1);
    let list = with_plugin(&["passwd", "--list", "film.reel"]);
    assert!(text(&list.stdout).contains(" bytes, xor; resistance to quantum computers unknown"), "{list:?}");
    assert_done(&with_plugin(&["verify", "film.reel", "-i", "one"]));
    assert_eq!(runs(), 1, "the stanza of a plugin runs nothing");
    assert_done(&with_plugin(&["verify", "film.reel", "-i", "plugin-identity"]));
    assert_eq!(runs(), 2);

    folder.write("fails", b"");
    let failed = with_plugin(&["verify", "film.reel", "-i", "plugin-identity"]);
    assert_refused(&failed, 1, "plugin-identity: its plugin failed: ");
    assert!(text(&failed.stderr).contains("no device") && !failed.stderr.contains(&0x1b), "{failed:?}");
    // Another identity opens it nevertheless.
    assert_done(&with_plugin(&["verify", "film.reel", "-i", "plugin-identity", "-i", "one"]));
    let failed = with_plugin(&["encrypt", "film", "-o", "none.reel", "-r", &recipient]);
    assert_refused(&failed, 1, "the plugin of a recipient failed: ");
    assert!(!folder.path("none.reel").exists());
    let missing = run(&folder, &["verify", "film.reel", "-i", "plugin-identity"]);
    assert_refused(&missing, 2, "plugin-identity: age-plugin-reelsealtest is not in PATH");
}
