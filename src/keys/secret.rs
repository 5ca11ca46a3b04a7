//! A user's secret, with which streams are locked and opened.

#[cfg(feature = "age")]
use super::Identities;
use super::{KeyFile, Passphrase, SlotKind};

/// A secret, of one of the kinds that key slots are made for; wiped when it is dropped.
#[derive(Debug)]
#[non_exhaustive]
pub enum Secret {
    /// A passphrase.
    Passphrase(Passphrase),
    /// A key file.
    KeyFile(KeyFile),
    /// Private keys.
    #[cfg(feature = "age")]
    Identities(Identities),
}

impl Secret {
    /// The kind of the slots that it opens.
    pub fn kind(&self) -> SlotKind {
        match self {
            Self::Passphrase(_) => SlotKind::Passphrase,
            Self::KeyFile(_) => SlotKind::KeyFile,
            #[cfg(feature = "age")]
            Self::Identities(_) => SlotKind::Recipient,
        }
    }

    /// Whether the two open the same slots; not in constant time. For identities it is unknown, and false.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Passphrase(one), Self::Passphrase(other)) => one == other,
            (Self::KeyFile(one), Self::KeyFile(other)) => one.key().bytes() == other.key().bytes(),
            _ => false,
        }
    }
}

impl From<Passphrase> for Secret {
    fn from(passphrase: Passphrase) -> Self {
        Self::Passphrase(passphrase)
    }
}

impl From<KeyFile> for Secret {
    fn from(key_file: KeyFile) -> Self {
        Self::KeyFile(key_file)
    }
}

#[cfg(feature = "age")]
impl From<Identities> for Secret {
    fn from(identities: Identities) -> Self {
        Self::Identities(identities)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Key;

    #[test]
    fn secrets_are_equal_if_kind_and_content_are() {
        let passphrase = |text| Secret::from(Passphrase::new(text).unwrap());
        let key_file = |byte| Secret::from(KeyFile::from_key(Key::from_bytes([byte; 32])));
        assert!(passphrase("one").is_same(&passphrase("one")) && key_file(1).is_same(&key_file(1)));
        for (one, other) in [
            (passphrase("one"), passphrase("two")),
            (key_file(1), key_file(2)),
            (passphrase("one"), key_file(1)),
            (key_file(1), passphrase("one")),
        ] {
            assert!(!one.is_same(&other), "{one:?} and {other:?}");
        }
    }
}
