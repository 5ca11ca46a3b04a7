//! The bytes of a passphrase: UTF-8 in normalisation form C, within limits.

use std::fmt;

use thiserror::Error;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

const MAX_LENGTH: usize = 1024;

/// A passphrase, normalised; wiped when it is dropped.
pub struct Passphrase(Zeroizing<String>);

/// The passphrase in a file or descriptor: its first line.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub struct FirstLine {
    /// The line, without its end.
    pub passphrase: Passphrase,
    /// Whether anything follows the end of the line, even just an empty line: its author may believe that it is part of
    /// the passphrase.
    pub has_more_lines: bool,
}

/// Why a passphrase is refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PassphraseError {
    /// No bytes.
    #[error("the passphrase is empty")]
    Empty,
    /// Not UTF-8.
    #[error("the passphrase is not UTF-8 text")]
    NotUtf8,
    /// More than one line in an environment variable: no file or prompt could give the same passphrase.
    #[error("the passphrase holds a line break")]
    LineBreak,
    /// A NUL among the bytes.
    #[error("the passphrase holds a NUL byte")]
    Nul,
    /// Over 1024 bytes after normalisation.
    #[error("the passphrase is longer than {MAX_LENGTH} bytes")]
    TooLong,
}

impl Passphrase {
    /// The most bytes of text that a passphrase is read from; for a file or descriptor, of its first line including the
    /// line ending.
    pub const MAX_SOURCE_LENGTH: usize = 4 * MAX_LENGTH;

    /// The passphrase `text`, as typed or from the environment.
    ///
    /// # Errors
    ///
    /// [`PassphraseError`], checked after normalisation.
    pub fn new(text: &str) -> Result<Self, PassphraseError> {
        if text.len() > Self::MAX_SOURCE_LENGTH {
            return Err(PassphraseError::TooLong);
        }
        // NFC at most triples a string's length: with that capacity, growing leaves no unwiped copy behind.
        let mut normalised = Zeroizing::new(String::with_capacity(3 * text.len()));
        normalised.extend(text.nfc());
        match normalised.as_str() {
            "" => Err(PassphraseError::Empty),
            text if text.contains('\0') => Err(PassphraseError::Nul),
            text if text.len() > MAX_LENGTH => Err(PassphraseError::TooLong),
            _ => Ok(Self(normalised)),
        }
    }

    /// The passphrase in the bytes of an environment variable, all of which count.
    ///
    /// # Errors
    ///
    /// [`PassphraseError`].
    pub fn from_variable(bytes: &[u8]) -> Result<Self, PassphraseError> {
        if bytes.contains(&b'\n') {
            return Err(PassphraseError::LineBreak);
        }
        Self::new(std::str::from_utf8(bytes).map_err(|_| PassphraseError::NotUtf8)?)
    }

    /// The passphrase in the bytes of a file or descriptor: the first line, without its LF or CRLF, as gpg and openssl
    /// read it. What follows may be anything. The first [`MAX_SOURCE_LENGTH`](Self::MAX_SOURCE_LENGTH) `bytes` and one
    /// more are enough.
    ///
    /// ```
    /// use reelseal::keys::Passphrase;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let line = Passphrase::from_source(b"correct horse battery staple\r\nfor the film of 2026\n")?;
    /// assert_eq!(line.passphrase, Passphrase::new("correct horse battery staple")?);
    /// assert!(line.has_more_lines);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`PassphraseError`], of the first line.
    pub fn from_source(bytes: &[u8]) -> Result<FirstLine, PassphraseError> {
        let (line, more) = match bytes.iter().take(Self::MAX_SOURCE_LENGTH).position(|&byte| byte == b'\n') {
            Some(end) => {
                let (line, rest) = bytes.split_at(end);
                (line.strip_suffix(b"\r").unwrap_or(line), rest.get(1..).unwrap_or_default())
            }
            None if bytes.len() > Self::MAX_SOURCE_LENGTH => return Err(PassphraseError::TooLong),
            None => (bytes, [].as_slice()),
        };
        Ok(FirstLine { passphrase: Self::from_variable(line)?, has_more_lines: !more.is_empty() })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Passphrase(..)")
    }
}

impl PartialEq for Passphrase {
    /// For checking that a passphrase was typed the same way twice; not in constant time.
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composed_and_decomposed_letters_are_one_passphrase() {
        assert_eq!(Passphrase::new("caf\u{e9}").unwrap().bytes(), Passphrase::new("cafe\u{301}").unwrap().bytes());
    }

    #[test]
    fn the_passphrase_of_a_source_is_its_first_line_and_what_follows_is_noticed() {
        for (source, expected, has_more_lines) in [
            (b"a".as_slice(), "a", false),
            (b"a\n", "a", false),
            (b"a\r\n", "a", false),
            (b"a\r", "a\r", false),
            (b"a\r\r\n", "a\r", false),
            (b" a ", " a ", false),
            (b"a\n\n", "a", true),
            (b"a\nb", "a", true),
            (b"a\r\nb\n", "a", true),
            (b"a\n\xff\0", "a", true),
            (&[b"a\n".as_slice(), &[b'b'; 9000]].concat(), "a", true),
        ] {
            let found = Passphrase::from_source(source).unwrap();
            assert_eq!((found.passphrase.bytes(), found.has_more_lines), (expected.as_bytes(), has_more_lines));
        }
    }

    #[test]
    fn a_variable_with_more_than_one_line_is_refused() {
        assert_eq!(Passphrase::from_variable(b"a b").unwrap().bytes(), b"a b");
        for text in [b"a\n".as_slice(), b"a\nb", b"\n"] {
            assert_eq!(Passphrase::from_variable(text).unwrap_err(), PassphraseError::LineBreak);
        }
    }

    #[test]
    fn a_line_is_as_long_as_its_source_says_wherever_reading_stopped() {
        let within = [vec![b'a'; Passphrase::MAX_SOURCE_LENGTH - 1], vec![b'\n']].concat();
        assert_eq!(Passphrase::from_source(&within).unwrap_err(), PassphraseError::TooLong);
        // The last of these is cut inside a letter, which is not an error in the text.
        let cut = "\u{e9}".repeat(Passphrase::MAX_SOURCE_LENGTH);
        let cut = cut.as_bytes().get(..Passphrase::MAX_SOURCE_LENGTH + 1).unwrap();
        assert_eq!(Passphrase::from_source(cut).unwrap_err(), PassphraseError::TooLong);
    }

    #[test]
    fn empty_nul_long_and_foreign_bytes_are_refused() {
        assert_eq!(Passphrase::from_source(b"\n").unwrap_err(), PassphraseError::Empty);
        assert_eq!(Passphrase::from_source(b"\nsecond\n").unwrap_err(), PassphraseError::Empty);
        assert_eq!(Passphrase::new("a\0b").unwrap_err(), PassphraseError::Nul);
        assert_eq!(Passphrase::new(&"a".repeat(1025)).unwrap_err(), PassphraseError::TooLong);
        assert!(Passphrase::new(&"a".repeat(1024)).is_ok());
        assert_eq!(Passphrase::from_source(b"\xff").unwrap_err(), PassphraseError::NotUtf8);
    }
}
