//! File names as words for a shell, in hints that hold a command to type.

use std::{fmt::Write, os::unix::ffi::OsStrExt, path::Path};

/// `path` as one word, which no shell takes apart and no program for an option. Control characters and bytes that are not
/// UTF-8 are escaped as bash, zsh and fish read them.
pub(super) fn shell_word(path: &Path) -> String {
    let bytes = path.as_os_str().as_bytes();
    let dot = if bytes.starts_with(b"-") { "./" } else { "" };
    match path.to_str().filter(|text| !text.chars().any(|character| character.is_control() || is_format(character))) {
        Some(text) if !text.is_empty() && text.bytes().all(is_plain) => format!("{dot}{text}"),
        Some(text) => format!("'{dot}{}'", text.replace('\'', r"'\''")),
        None => {
            let mut word = format!("$'{dot}");
            for &byte in bytes {
                match is_plain(byte) {
                    true => word.push(char::from(byte)),
                    // Writing to a string does not fail.
                    false => _ = write!(word, "\\x{byte:02x}"),
                }
            }
            word.push('\'');
            word
        }
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-./+=:,@%".contains(&byte)
}

/// What turns text round without being seen.
fn is_format(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, process::Command};

    use super::*;

    #[test]
    fn a_name_is_quoted_only_where_a_shell_would_take_it_apart() {
        let word = |name: &str| shell_word(Path::new(name));
        assert_eq!(word("clips/film-1.mp4.reel"), "clips/film-1.mp4.reel");
        assert_eq!(word("my film.reel"), "'my film.reel'");
        assert_eq!(word("it's.reel"), r"'it'\''s.reel'");
        assert_eq!(word("-film.reel"), "./-film.reel");
        assert_eq!(word("a\nb"), r"$'a\x0ab'");
    }

    #[test]
    fn bash_reads_every_byte_back() {
        let all: Vec<u8> = (1..=255).collect();
        for name in [all.as_slice(), b"~", b"$HOME `x` \"y\" 'z'", b"", b"\xc3\xa4 caf\xc3\xa9", b"a!b*?[c]#d;&|<>(){}"]
        {
            let word = shell_word(Path::new(OsStr::from_bytes(name)));
            let echoed = Command::new("bash").args(["-c", &format!("printf %s {word}")]).output();
            assert_eq!(echoed.unwrap().stdout, name, "{word}");
        }
    }
}
