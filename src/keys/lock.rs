//! Locking new streams: a fresh file key and IV for each, in a header with one slot.

use thiserror::Error;

use super::{
    KdfError, Key, KeyFile, Passphrase, RandomnessUnavailable, ScryptCost, StageKeys, random_bytes,
    wrapping::{DerivedKey, new_key_file_slot},
};
use crate::container::{Features, FrameSize, Header, HeaderLength, Prefix, SALT_LENGTH, Slot};

/// What new streams open with. One serves any number of streams: each has a file key of its own, and a passphrase's one
/// scrypt run is paid when the lock is made.
pub struct Lock(Way);

enum Way {
    Passphrase(DerivedKey),
    KeyFile(KeyFile),
}

/// Why there is no lock.
#[derive(Debug, Error)]
pub enum LockError {
    /// scrypt was not run.
    #[error(transparent)]
    Kdf(#[from] KdfError),
    /// There was no salt.
    #[error(transparent)]
    Randomness(#[from] RandomnessUnavailable),
}

/// A stream that is yet to be written. It is for one plaintext: two sealed under the same file key and IV give each other
/// away.
#[derive(Debug)]
pub struct NewStream {
    /// The header, with one slot, in its first generation.
    pub header: Header,
    /// The keys that go with the header's prefix.
    pub keys: StageKeys,
}

impl Lock {
    /// A lock that opens with `passphrase`. Runs scrypt under a fresh salt, which takes [`ScryptCost::memory`] bytes and
    /// gives them back. All its streams share the salt, by which somebody who has several can tell that they belong
    /// together.
    ///
    /// # Errors
    ///
    /// [`KdfError::OutOfMemory`] and [`RandomnessUnavailable`], as [`LockError`].
    pub fn with_passphrase(passphrase: &Passphrase, cost: ScryptCost) -> Result<Self, LockError> {
        Ok(Self::with_salted_passphrase(passphrase, random_bytes()?, cost)?)
    }

    /// As [`Lock::with_passphrase`], under a `salt` that the caller answers for: one that was used before makes guessing
    /// cheaper.
    ///
    /// # Errors
    ///
    /// [`KdfError::OutOfMemory`].
    pub fn with_salted_passphrase(
        passphrase: &Passphrase,
        salt: [u8; SALT_LENGTH],
        cost: ScryptCost,
    ) -> Result<Self, KdfError> {
        Ok(Self(Way::Passphrase(DerivedKey::derive(passphrase, salt, cost)?)))
    }

    /// A lock that opens with `key_file`. No two of its streams share a salt.
    pub fn with_key_file(key_file: &KeyFile) -> Self {
        Self(Way::KeyFile(key_file.clone()))
    }

    /// A stream with a fresh file key and IV, to be sealed in frames of `frame_size`. Whoever seals it does what
    /// `features` says: [`Features::TIMED`] with a clock, and the features of private stages with those stages.
    ///
    /// # Errors
    ///
    /// [`RandomnessUnavailable`].
    pub fn new_stream(&self, frame_size: FrameSize, features: Features) -> Result<NewStream, RandomnessUnavailable> {
        let file_key = Key::random()?;
        let slot = self.new_slot(&file_key)?;
        let prefix = Prefix { frame_size, features, iv: random_bytes()? };
        let header = Header { prefix, length: HeaderLength::default(), generation: 1, records: vec![(&slot).into()] };
        Ok(NewStream { header, keys: StageKeys::derive(&file_key, &prefix) })
    }

    /// A slot from which the lock's secret gives `file_key`.
    ///
    /// # Errors
    ///
    /// [`RandomnessUnavailable`].
    pub fn new_slot(&self, file_key: &Key) -> Result<Slot, RandomnessUnavailable> {
        Ok(match &self.0 {
            Way::Passphrase(derived) => Slot::Passphrase(derived.wrap(file_key)),
            Way::KeyFile(key_file) => Slot::KeyFile(new_key_file_slot(file_key, key_file, random_bytes()?)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::{Search, search_header};
    use crate::keys::{Credential, unlock};

    fn opens(stream: &NewStream, mut credential: Credential) -> bool {
        let copies = stream.keys.seal_header(&stream.header).unwrap();
        let Ok(Search::Found(found)) = search_header(&copies, true) else { panic!() };
        unlock(&found.copy.parse(stream.header.prefix.features).unwrap(), &mut credential)
            .is_ok_and(|unlocked| unlocked.keys.frame_encryption.bytes() == stream.keys.frame_encryption.bytes())
    }

    fn slot(stream: &NewStream) -> Slot {
        stream.header.records[0].slot().unwrap().unwrap()
    }

    #[test]
    fn a_stream_opens_with_the_secret_it_was_locked_with_and_no_other() {
        let (key_file, other) = (KeyFile::random().unwrap(), KeyFile::random().unwrap());
        let stream = Lock::with_key_file(&key_file).new_stream(FrameSize::MIN, Features::TIMED).unwrap();
        assert_eq!((stream.header.prefix.frame_size, stream.header.prefix.features), (FrameSize::MIN, Features::TIMED));
        assert!(opens(&stream, key_file.into()) && !opens(&stream, other.into()));

        let (passphrase, other) = (Passphrase::new("one").unwrap(), Passphrase::new("two").unwrap());
        let lock = Lock::with_passphrase(&passphrase, ScryptCost::new(10, 8, 1).unwrap()).unwrap();
        let stream = lock.new_stream(FrameSize::default(), Features::NONE).unwrap();
        assert!(opens(&stream, passphrase.into()) && !opens(&stream, other.into()));
    }

    #[test]
    fn no_two_streams_of_a_lock_share_a_key_or_an_iv_and_a_passphrase_s_share_the_salt() {
        let passphrase = Passphrase::new("one").unwrap();
        let locks = [
            Lock::with_passphrase(&passphrase, ScryptCost::new(10, 8, 1).unwrap()).unwrap(),
            Lock::with_key_file(&KeyFile::random().unwrap()),
        ];
        for lock in locks {
            let [one, other] = [(); 2].map(|()| lock.new_stream(FrameSize::MIN, Features::NONE).unwrap());
            assert_ne!(one.header.prefix.iv, other.header.prefix.iv);
            assert_ne!(one.keys.frame_encryption.bytes(), other.keys.frame_encryption.bytes());
            match (slot(&one), slot(&other)) {
                (Slot::Passphrase(one), Slot::Passphrase(other)) => {
                    assert_eq!(one.salt, other.salt);
                    assert_ne!(one.wrapped, other.wrapped);
                }
                (Slot::KeyFile(one), Slot::KeyFile(other)) => assert_ne!(one.salt, other.salt),
                _ => panic!("one lock made slots of two kinds"),
            }
        }
    }

    #[test]
    fn memory_that_no_machine_has_is_reported() {
        let cost = ScryptCost::new(30, 32, 16).unwrap();
        let refused = Lock::with_passphrase(&Passphrase::new("one").unwrap(), cost).err().unwrap();
        assert!(matches!(refused, LockError::Kdf(KdfError::OutOfMemory { .. })));
    }
}
