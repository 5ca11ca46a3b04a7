//! The key file: one labelled text line, 32 random bytes with a checksum.

use thiserror::Error;
use zeroize::Zeroizing;

use super::{Key, RandomnessUnavailable};

const LABEL: &[u8] = b"reelseal-key-v1:";
const CHECKSUM_CONTEXT: &str = "reelseal v1 key-file checksum";
const CHECKSUM_LENGTH: usize = 4;
const BYTES: usize = Key::LENGTH + CHECKSUM_LENGTH;

/// The key in a key file.
#[derive(Clone, Debug)]
pub struct KeyFile(Key);

/// Why a key file is refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyFileError {
    /// Not a single line as written by `reelseal keygen`.
    #[error("not a reelseal key file")]
    Form,
    /// The checksum is wrong.
    #[error("the key file is damaged: its checksum is wrong")]
    Checksum,
}

impl KeyFile {
    /// The most bytes that a key file holds.
    pub const MAX_LENGTH: usize = LABEL.len() + 2 * BYTES + 2;

    /// A fresh random key.
    ///
    /// # Errors
    ///
    /// [`RandomnessUnavailable`].
    pub fn random() -> Result<Self, RandomnessUnavailable> {
        Key::random().map(Self)
    }

    /// The key file with the key `key`.
    pub fn from_key(key: Key) -> Self {
        Self(key)
    }

    /// The key in `text`, the whole of a key file.
    ///
    /// # Errors
    ///
    /// [`KeyFileError`].
    pub fn parse(text: &[u8]) -> Result<Self, KeyFileError> {
        let line = text.strip_suffix(b"\n").map_or(text, |line| line.strip_suffix(b"\r").unwrap_or(line));
        let digits = line.strip_prefix(LABEL).ok_or(KeyFileError::Form)?;
        let mut bytes = Zeroizing::new([0; BYTES]);
        let decoded = base16ct::lower::decode(digits, bytes.as_mut_slice()).map_err(|_| KeyFileError::Form)?;
        let (key, sum) = decoded.split_first_chunk::<{ Key::LENGTH }>().ok_or(KeyFileError::Form)?;
        let key = Key::from_bytes(*key);
        if sum.len() != CHECKSUM_LENGTH {
            return Err(KeyFileError::Form);
        }
        if sum != checksum(&key) {
            return Err(KeyFileError::Checksum);
        }
        Ok(Self(key))
    }

    /// The key file's text.
    pub fn to_text(&self) -> Zeroizing<String> {
        let bytes = Zeroizing::new([self.0.bytes().as_slice(), &checksum(&self.0)].concat());
        let digits = Zeroizing::new(base16ct::lower::encode_string(&bytes));
        let mut text = Zeroizing::new(String::with_capacity(Self::MAX_LENGTH));
        text.extend(LABEL.iter().map(|&byte| char::from(byte)));
        text.push_str(&digits);
        text.push('\n');
        text
    }

    pub(super) fn key(&self) -> &Key {
        &self.0
    }
}

fn checksum(key: &Key) -> [u8; CHECKSUM_LENGTH] {
    let mut checksum = [0; CHECKSUM_LENGTH];
    checksum.copy_from_slice(&blake3::derive_key(CHECKSUM_CONTEXT, key.bytes())[..CHECKSUM_LENGTH]);
    checksum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_comes_back_from_its_text() {
        let text = KeyFile(Key::from_bytes([0xa5; 32])).to_text();
        assert!(text.starts_with("reelseal-key-v1:a5a5") && text.ends_with('\n'));
        assert_eq!(KeyFile::parse(text.as_bytes()).unwrap().key().bytes(), &[0xa5; 32]);
        assert!(KeyFile::parse(text.trim_end().as_bytes()).is_ok());
    }

    #[test]
    fn every_changed_digit_is_noticed_and_other_files_are_refused() {
        let text = KeyFile(Key::from_bytes([0xa5; 32])).to_text();
        for at in LABEL.len()..text.len() - 1 {
            let mut changed = text.as_bytes().to_vec();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(KeyFile::parse(&changed).unwrap_err(), KeyFileError::Checksum, "digit {at}");
        }
        for other in [b"".as_slice(), b"hello\n", &text.as_bytes()[..60]] {
            assert!(KeyFile::parse(other).is_err());
        }
        assert_eq!(KeyFile::parse(format!("{}\n", *text).as_bytes()).unwrap_err(), KeyFileError::Form);
    }
}
