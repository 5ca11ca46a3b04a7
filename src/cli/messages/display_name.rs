//! File names as they are shown: whatever a terminal would act on is escaped, reversibly.

use std::{fmt::Write, os::unix::ffi::OsStrExt, path::Path};

use crate::files::label::Label;

/// The name of `label`, as it is shown.
pub(in crate::cli) fn display_name(label: &Label) -> String {
    match label {
        Label::StandardInput => "standard input".to_owned(),
        Label::StandardOutput => "standard output".to_owned(),
        Label::Path(path) => display_path(path),
        Label::Command(program) => display_path(Path::new(program)),
    }
}

/// `path`, as it is shown.
pub(in crate::cli) fn display_path(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        for character in chunk.valid().chars() {
            if is_escaped(character) { text.extend(character.escape_default()) } else { text.push(character) }
        }
        for byte in chunk.invalid() {
            // Writing to a string does not fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// Characters that move the cursor or reverse text, and the escape character itself.
fn is_escaped(character: char) -> bool {
    let turns_text =
        matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_control() || turns_text || character == '\\'
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn control_characters_and_foreign_bytes_are_escaped() {
        let name = Path::new(OsStr::from_bytes(b"a\n\x1b[2Jb\xffc\xc3\xa9"));
        assert_eq!(display_path(name), "a\\n\\u{1b}[2Jb\\xffc\u{e9}");
        assert_eq!(display_path(Path::new("a\\n\u{202e}b")), "a\\\\n\\u{202e}b");
    }
}
