//! Wrapping the file key into a slot and unwrapping it (AES-256 key wrap, RFC 3394).

use aes_kw::{KeyInit, KwAes256, cipher::consts::U32};
use zeroize::Zeroizing;

use super::{KdfError, Key, KeyFile, Passphrase, ScryptCost};
use crate::container::{KeyFileSlot, PassphraseSlot, SALT_LENGTH, WRAPPED_KEY_LENGTH};

const KEY_FILE_CONTEXT: &str = "reelseal v1 key-file slot";

/// The key-encryption keys that one process has derived from one passphrase, so that equal (salt, N, r, p) run scrypt
/// once.
pub struct KeyEncryptionKeys {
    passphrase: Passphrase,
    derived: Vec<([u8; SALT_LENGTH], ScryptCost, Key)>,
}

impl KeyEncryptionKeys {
    /// An empty store for `passphrase`.
    pub fn new(passphrase: Passphrase) -> Self {
        Self { passphrase, derived: Vec::new() }
    }

    /// Whether these are the keys of `passphrase`; not in constant time.
    pub fn are_of(&self, passphrase: &Passphrase) -> bool {
        self.passphrase == *passphrase
    }

    /// The key-encryption key under `salt` at `cost`.
    ///
    /// # Errors
    ///
    /// [`KdfError::OutOfMemory`].
    pub fn get(&mut self, salt: &[u8; SALT_LENGTH], cost: ScryptCost) -> Result<Key, KdfError> {
        let known = self.derived.iter().find(|(known_salt, known_cost, _)| (known_salt, *known_cost) == (salt, cost));
        if let Some((_, _, key)) = known {
            return Ok(key.clone());
        }
        let key = cost.derive(&self.passphrase, salt)?;
        self.derived.push((*salt, cost, key.clone()));
        Ok(key)
    }
}

/// A slot that opens with the passphrase that gives `key_encryption_key` under `salt` at `cost`.
pub(super) fn passphrase_slot(
    file_key: &Key,
    key_encryption_key: &Key,
    salt: [u8; SALT_LENGTH],
    cost: ScryptCost,
) -> PassphraseSlot {
    let (log_n, r, p) = cost.parameters();
    PassphraseSlot { log_n, r, p, salt, wrapped: wrap(key_encryption_key, file_key) }
}

/// A slot that opens with `key_file`.
pub fn new_key_file_slot(file_key: &Key, key_file: &KeyFile, salt: [u8; SALT_LENGTH]) -> KeyFileSlot {
    KeyFileSlot { salt, wrapped: wrap(&key_file_kek(key_file, &salt), file_key) }
}

/// The key-encryption key of `key_file` under `salt`.
pub(super) fn key_file_kek(key_file: &KeyFile, salt: &[u8; SALT_LENGTH]) -> Key {
    let mut hasher = Zeroizing::new(blake3::Hasher::new_derive_key(KEY_FILE_CONTEXT));
    hasher.update(key_file.key().bytes()).update(salt);
    Key::from_hash(hasher.finalize())
}

fn wrap(key_encryption_key: &Key, file_key: &Key) -> [u8; WRAPPED_KEY_LENGTH] {
    KwAes256::new(key_encryption_key.bytes().into()).wrap_fixed_key::<U32>(file_key.bytes().into()).into()
}

/// The key in `wrapped`, or `None` if the integrity check fails.
pub(super) fn unwrap(key_encryption_key: &Key, wrapped: &[u8; WRAPPED_KEY_LENGTH]) -> Option<Key> {
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
        let kek = Key::from_bytes(std::array::from_fn(|at| at as u8));
        let mut data = [0; 32];
        base16ct::lower::decode("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f", &mut data).unwrap();
        let wrapped = wrap(&kek, &Key::from_bytes(data));
        let expected = "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21";
        assert_eq!(base16ct::lower::encode_string(&wrapped), expected);
        assert_eq!(unwrap(&kek, &wrapped).unwrap().bytes(), &data);
    }

    #[test]
    fn another_key_does_not_unwrap() {
        let wrapped = wrap(&Key::from_bytes([1; 32]), &Key::from_bytes([2; 32]));
        assert!(unwrap(&Key::from_bytes([3; 32]), &wrapped).is_none());
    }
}
