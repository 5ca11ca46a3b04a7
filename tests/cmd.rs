//! What the command prints: each case is a file with the command, its exact output and its exit code.
//!
//! What the cases share is set here: unless its file says otherwise, a case runs `reelseal` in `tests/vectors`, without
//! a passphrase in its environment, and ends with exit code 0. trycmd has no default for two things, which are
//! therefore in the files: the folder that a case gets its own copy of, and output that must be empty (a stream that a
//! file does not mention is not checked).

#![cfg(feature = "age")]
#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    env,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    process::Command,
};

/// The key files and passphrase files that the cases use. git does not keep the mode that makes them private.
const SECRETS: [&str; 7] = [
    "../cmd/folder.in/damaged.key",
    "../cmd/folder.in/film",
    "../cmd/folder.in/key",
    "../cmd/folder.in/not.key",
    "../cmd/folder.in/other.key",
    "../cmd/folder.in/utf16.reel",
    "key",
];

/// The passphrases in the environment, which no case may inherit.
const PASSPHRASES: [&str; 2] = ["REELSEAL_PASSPHRASE", "REELSEAL_NEW_PASSPHRASE"];

#[test]
fn every_case_prints_just_what_its_file_says() {
    if PASSPHRASES.iter().any(|variable| env::var_os(variable).is_some()) {
        run_without_passphrases();
        return;
    }
    let reelseal = support::reelseal();
    env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors")).unwrap();
    for secret in SECRETS {
        // The command does not warn about a file of another user.
        let _ = fs::set_permissions(secret, Permissions::from_mode(0o600));
    }
    trycmd::TestCases::new().default_bin_path(reelseal).case("../cmd/*.toml");
}

/// Runs this test again in another process: trycmd can set a variable for all cases, but can remove one only case by
/// case, and removing one from a running process is unsafe.
fn run_without_passphrases() {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(env::args_os().skip(1));
    for variable in PASSPHRASES {
        command.env_remove(variable);
    }
    assert!(command.status().unwrap().success());
}
