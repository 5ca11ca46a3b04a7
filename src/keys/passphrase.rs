//! The bytes of a passphrase: UTF-8 in normalisation form C, within limits.

use std::fmt;

use thiserror::Error;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

const MAX_LENGTH: usize = 1024;

/// A passphrase, normalised; wiped when it is dropped.
pub struct Passphrase(Zeroizing<String>);

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
    /// A NUL among the bytes.
    #[error("the passphrase holds a NUL byte")]
    Nul,
    /// Over 1024 bytes after normalisation.
    #[error("the passphrase is longer than {MAX_LENGTH} bytes")]
    TooLong,
}

impl Passphrase {
    /// The most bytes that a file or descriptor with a passphrase may hold, its line ending included.
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
        // NFC triples a string's bytes at the most: with room for that, no unwiped copy is left by growing.
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
        Self::new(std::str::from_utf8(bytes).map_err(|_| PassphraseError::NotUtf8)?)
    }

    /// The passphrase in the bytes of a file or descriptor; one trailing LF or CRLF is dropped.
    ///
    /// # Errors
    ///
    /// [`PassphraseError`].
    pub fn from_source(bytes: &[u8]) -> Result<Self, PassphraseError> {
        let text = std::str::from_utf8(bytes).map_err(|_| PassphraseError::NotUtf8)?;
        let line = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
        Self::new(line)
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
    /// For telling whether a passphrase was typed alike twice; not in constant time.
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
    fn one_line_ending_is_dropped_from_a_source_and_no_more() {
        for (source, expected) in [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a\r", "a\r"), (" a ", " a ")] {
            assert_eq!(Passphrase::from_source(source.as_bytes()).unwrap().bytes(), expected.as_bytes());
        }
    }

    #[test]
    fn empty_nul_long_and_foreign_bytes_are_refused() {
        assert_eq!(Passphrase::from_source(b"\n").unwrap_err(), PassphraseError::Empty);
        assert_eq!(Passphrase::new("a\0b").unwrap_err(), PassphraseError::Nul);
        assert_eq!(Passphrase::new(&"a".repeat(1025)).unwrap_err(), PassphraseError::TooLong);
        assert!(Passphrase::new(&"a".repeat(1024)).is_ok());
        assert_eq!(Passphrase::from_source(b"\xff").unwrap_err(), PassphraseError::NotUtf8);
    }
}
