//! What the command says: each case a file with the command, its exact output and its exit code.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
};

/// What the cases use as key files and passphrase files. git keeps no mode that makes them private.
const SECRETS: [&str; 7] = [
    "tests/cmd/folder.in/damaged.key",
    "tests/cmd/folder.in/film",
    "tests/cmd/folder.in/key",
    "tests/cmd/folder.in/not.key",
    "tests/cmd/folder.in/other.key",
    "tests/cmd/folder.in/utf16.reel",
    "tests/vectors/key",
];

#[test]
fn every_case_says_just_what_its_file_holds() {
    for secret in SECRETS {
        // Of a file that belongs to somebody else, nothing is said.
        let _ = fs::set_permissions(secret, Permissions::from_mode(0o600));
    }
    trycmd::TestCases::new().case("tests/cmd/*.toml");
}
