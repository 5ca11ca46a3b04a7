//! Shell scripts that tests run with other programs.

use std::process::{Command, Output};

use crate::support::{Folder, assert_done, text};

/// Runs a shell script in the folder.
pub fn shell(folder: &Folder, script: &str) -> Output {
    let mut command = Command::new("bash");
    command.args(["-c", &format!("set -e -o pipefail; {script}")]).current_dir(folder.path(""));
    command.output().unwrap()
}

#[track_caller]
pub fn shell_done(folder: &Folder, script: &str) -> String {
    let output = shell(folder, script);
    assert_done(&output);
    text(&output.stdout)
}
