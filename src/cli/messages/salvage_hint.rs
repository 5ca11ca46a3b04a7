//! Hints that name the `reelseal salvage` command to type for a stream that other commands refuse.

use std::{ffi::OsString, path::PathBuf};

use super::shell_word::shell_word;
use crate::files::{label::Label, naming::without_suffix};

/// `hint`, followed by how to recover what is sound in `input`, if that has a name.
pub(in crate::cli) fn or_salvage(hint: &str, input: &Label) -> String {
    match command(input, "") {
        Some(command) => format!("{hint}, or recover what is sound: {command}"),
        None => hint.to_owned(),
    }
}

/// Likewise for a stream without a sound header copy.
pub(super) fn or_salvage_with_header(hint: &str, input: &Label) -> String {
    match command(input, " --header SAVED") {
        Some(command) => format!("{hint}, or a header that inspect --save-header kept: {command}"),
        None => hint.to_owned(),
    }
}

fn command(input: &Label, arguments: &str) -> Option<String> {
    let path = input.path()?;
    let output: PathBuf = without_suffix(path).unwrap_or_else(|| {
        let mut name = OsString::from(path);
        name.push(".salvaged");
        name.into()
    });
    Some(format!("reelseal salvage {}{arguments} -o {}", shell_word(path), shell_word(&output)))
}
