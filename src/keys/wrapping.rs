//! Wrapping the file key into a slot and unwrapping it (AES-256 key wrap, RFC 3394).

use aes_kw::{KeyInit, KwAes256, cipher::consts::U32};
use zeroize::Zeroizing;

use super::{KdfError, Key, KeyFile, Passphrase, ScryptCost};
use crate::container::{KeyFileSlot, PassphraseSlot, SALT_LENGTH, WRAPPED_KEY_LENGTH};

const KEY_FILE_CONTEXT: &str = "reelseal v1 key-file slot";

/// The key-encryption key that scrypt gave for a passphrase, under one salt at one cost.
pub(super) struct DerivedKey {
    key: Key,
    salt: [u8; SALT_LENGTH],
    cost: ScryptCost,
}

impl DerivedKey {
    /// Runs scrypt.
    ///
    /// # Errors
    ///
    /// [`KdfError::OutOfMemory`].
    pub(super) fn derive(passphrase: &Passphrase, salt: [u8; SALT_LENGTH], cost: ScryptCost) -> Result<Self, KdfError> {
        Ok(Self { key: cost.derive(passphrase, &salt)?, salt, cost })
    }

    /// Whether scrypt derives this key for `slot` too, with the same passphrase.
    pub(super) fn serves(&self, slot: &PassphraseSlot) -> bool {
        self.salt == slot.salt && self.cost.parameters() == (slot.log_n, slot.r, slot.p)
    }

    /// A slot that holds `file_key` for the passphrase.
    pub(super) fn wrap(&self, file_key: &Key) -> PassphraseSlot {
        let (log_n, r, p) = self.cost.parameters();
        PassphraseSlot { log_n, r, p, salt: self.salt, wrapped: wrap(&self.key, file_key) }
    }

    /// The file key in `slot`, or `None` if the slot is of another passphrase.
    pub(super) fn unwrap(&self, slot: &PassphraseSlot) -> Option<Key> {
        unwrap(&self.key, &slot.wrapped)
    }
}

/// A slot that holds `file_key` for `key_file`. Each slot needs its own `salt`.
pub fn new_key_file_slot(file_key: &Key, key_file: &KeyFile, salt: [u8; SALT_LENGTH]) -> KeyFileSlot {
    KeyFileSlot { salt, wrapped: wrap(&key_encryption_key(key_file, &salt), file_key) }
}

/// The file key in `slot`, or `None` if the slot is of another key file.
pub(super) fn unwrap_key_file_slot(key_file: &KeyFile, slot: &KeyFileSlot) -> Option<Key> {
    unwrap(&key_encryption_key(key_file, &slot.salt), &slot.wrapped)
}

fn key_encryption_key(key_file: &KeyFile, salt: &[u8; SALT_LENGTH]) -> Key {
    let mut hasher = Zeroizing::new(blake3::Hasher::new_derive_key(KEY_FILE_CONTEXT));
    hasher.update(key_file.key().bytes()).update(salt);
    Key::from_hash(hasher.finalize())
}

fn wrap(key_encryption_key: &Key, file_key: &Key) -> [u8; WRAPPED_KEY_LENGTH] {
    KwAes256::new(key_encryption_key.bytes().into()).wrap_fixed_key::<U32>(file_key.bytes().into()).into()
}

/// The key in `wrapped`, or `None` if the integrity check fails.
fn unwrap(key_encryption_key: &Key, wrapped: &[u8; WRAPPED_KEY_LENGTH]) -> Option<Key> {
    let mut key = Key::zeroed();
    KwAes256::new(key_encryption_key.bytes().into()).unwrap_key(wrapped, key.bytes_mut()).ok()?;
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3394 section 4.6: 256 bits of key data under a 256-bit key.
    #[test]
    fn the_wrap_gives_the_bytes_of_rfc_3394() {
        let key_encryption_key = Key::from_bytes(std::array::from_fn(|at| at as u8));
        let mut data = [0; 32];
        base16ct::lower::decode("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f", &mut data).unwrap();
        let wrapped = wrap(&key_encryption_key, &Key::from_bytes(data));
        let expected = "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21";
        assert_eq!(base16ct::lower::encode_string(&wrapped), expected);
        assert_eq!(unwrap(&key_encryption_key, &wrapped).unwrap().bytes(), &data);
    }

    #[test]
    fn another_key_does_not_unwrap() {
        let wrapped = wrap(&Key::from_bytes([1; 32]), &Key::from_bytes([2; 32]));
        assert!(unwrap(&Key::from_bytes([3; 32]), &wrapped).is_none());
    }
}
