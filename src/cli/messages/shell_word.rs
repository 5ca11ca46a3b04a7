//! File names as words for a shell, in hints that hold a command to type.

use std::{fmt::Write, os::unix::ffi::OsStrExt, path::Path};

/// `path` as one word, which no shell splits and no program takes for an option. Control characters and bytes that are
/// not UTF-8 are escaped as bash and zsh read them; fish refuses such a word.
pub(in crate::cli) fn shell_word(path: &Path) -> String {
    let bytes = path.as_os_str().as_bytes();
    let dot = if bytes.starts_with(b"-") { "./" } else { "" };
    match path.to_str().filter(|text| !text.chars().any(|character| character.is_control() || is_format(character))) {
        // zsh takes a word that begins with = as the name of a program.
        Some(text) if !text.is_empty() && !text.starts_with('=') && text.bytes().all(is_plain) => {
            format!("{dot}{text}")
        }
        Some(text) => format!("'{dot}{}'", text.chars().map(in_quotes).collect::<String>()),
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

/// `character` within single quotes. fish has escapes there, other shells do not, so a backslash is put outside, as a
/// quote is.
fn in_quotes(character: char) -> String {
    match character {
        '\'' | '\\' => format!(r"'\{character}'"),
        _ => character.to_string(),
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-./+=:,@%".contains(&byte)
}

/// Invisible characters that reverse text.
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
        assert_eq!((word("=ls"), word("a=b")), ("'=ls'".to_owned(), "a=b".to_owned()));
        assert_eq!(word(r"a\b"), r"'a'\\'b'");
    }

    const NAMES: [&[u8]; 10] = [
        b"~",
        b"=ls",
        b"$HOME `x` \"y\" 'z'",
        b"",
        b"\xc3\xa4 caf\xc3\xa9",
        b"a!b*?[c]#d;&|<>(){}",
        br"a\b\\c\'d\",
        b"%1",
        b"^a@b,c:d+e",
        b"a^(b) $(c)",
    ];

    fn assert_reads_back(shell: &str, names: &[&[u8]]) {
        for name in names {
            let word = shell_word(Path::new(OsStr::from_bytes(name)));
            let echoed = Command::new(shell).args(["-c", &format!("printf %s {word}")]).output();
            assert_eq!(echoed.unwrap().stdout, *name, "{shell}: {word}");
        }
    }

    #[test]
    fn bash_reads_every_byte_back() {
        let all: Vec<u8> = (1..=255).collect();
        assert_reads_back("bash", &[&NAMES[..], &[&all]].concat());
        assert_reads_back("sh", &NAMES);
    }

    #[test]
    #[ignore = "needs zsh and fish"]
    fn zsh_and_fish_read_names_back_and_fish_refuses_what_it_cannot_read() {
        let all: Vec<u8> = (1..=255).collect();
        assert_reads_back("zsh", &[&NAMES[..], &[&all]].concat());
        assert_reads_back("fish", &NAMES);
        let word = shell_word(Path::new("a\nb;id"));
        let refused = Command::new("fish").args(["-c", &format!("printf %s {word}")]).output().unwrap();
        assert!(refused.stdout.is_empty() && !refused.stderr.is_empty());
    }
}
