//! Locking new streams: a fresh file key and IV for each, in a header with the slots that open it.

use thiserror::Error;

use super::{
    KdfError, Key, KeyFile, Passphrase, RandomnessUnavailable, ScryptCost, Secret, SlotKind, StageKeys, random_bytes,
    wrapping::{DerivedKey, new_key_file_slot},
};
#[cfg(feature = "age")]
use super::{Recipient, RecipientFailure};
use crate::container::{
    Features, Header, HeaderLength, Layout, MAX_PASSPHRASE_SLOTS, MAX_RECIPIENT_SLOTS, Prefix, Record, SALT_LENGTH,
    Slot,
};

/// What new streams are locked with: the list of slots to make for each. One lock serves any number of streams. Each
/// has its own file key; scrypt runs once for each passphrase, when the lock is made.
pub struct Lock {
    makers: Vec<Box<dyn SlotMaker>>,
}

/// Makes one slot for each stream.
trait SlotMaker: Send + Sync {
    fn kind(&self) -> SlotKind;

    /// A slot that holds `file_key`.
    fn slot(&self, file_key: &Key) -> Result<Slot, LockError>;
}

impl SlotMaker for DerivedKey {
    fn kind(&self) -> SlotKind {
        SlotKind::Passphrase
    }

    fn slot(&self, file_key: &Key) -> Result<Slot, LockError> {
        Ok(Slot::Passphrase(self.wrap(file_key)))
    }
}

impl SlotMaker for KeyFile {
    fn kind(&self) -> SlotKind {
        SlotKind::KeyFile
    }

    fn slot(&self, file_key: &Key) -> Result<Slot, LockError> {
        Ok(Slot::KeyFile(new_key_file_slot(file_key, self, random_bytes()?)))
    }
}

#[cfg(feature = "age")]
impl SlotMaker for Recipient {
    fn kind(&self) -> SlotKind {
        SlotKind::Recipient
    }

    fn slot(&self, file_key: &Key) -> Result<Slot, LockError> {
        Ok(Slot::Recipient(Recipient::slot(self, file_key)?))
    }
}

/// Why a lock, or one of its slots, was not made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LockError {
    /// scrypt was not run.
    #[error(transparent)]
    Kdf(#[from] KdfError),
    /// There was no randomness for a salt, key or IV.
    #[error(transparent)]
    Randomness(#[from] RandomnessUnavailable),
    /// More than eight passphrases: readers would refuse the streams.
    #[error("a stream opens with at most {MAX_PASSPHRASE_SLOTS} passphrases")]
    TooManyPassphrases,
    /// More than 32 recipients: readers would refuse the streams.
    #[error("a stream opens with at most {MAX_RECIPIENT_SLOTS} recipients")]
    TooManyRecipients,
    /// The slot of a recipient was not made.
    #[cfg(feature = "age")]
    #[error(transparent)]
    Recipient(#[from] RecipientFailure),
    /// Identities open streams, and are not what streams are locked with.
    #[cfg(feature = "age")]
    #[error("a stream is locked with recipients, not with identities")]
    Identities,
}

/// A stream yet to be written. Use it for one plaintext only: two sealed under the same file key and IV give each other
/// away.
#[derive(Debug)]
pub struct NewStream {
    /// The header, with the slots of the lock, in its first generation.
    pub header: Header,
    /// The keys that go with the header's prefix.
    pub keys: StageKeys,
}

impl Lock {
    /// A lock whose streams open with `secret`: a passphrase at `cost`, as with [`Lock::with_passphrase`], or a key
    /// file.
    ///
    /// # Errors
    ///
    /// [`LockError`].
    pub fn with_secret(secret: &Secret, cost: ScryptCost) -> Result<Self, LockError> {
        match secret {
            Secret::Passphrase(passphrase) => Self::with_passphrase(passphrase, cost),
            Secret::KeyFile(key_file) => Ok(Self::with_key_file(key_file)),
            #[cfg(feature = "age")]
            Secret::Identities(_) => Err(LockError::Identities),
        }
    }

    /// A lock whose streams open with `passphrase`. Runs scrypt under a fresh salt, which takes [`ScryptCost::memory`]
    /// bytes and frees them again. All its streams share the salt, so anyone who sees several can tell that they belong
    /// together.
    ///
    /// # Errors
    ///
    /// [`KdfError::OutOfMemory`] and [`RandomnessUnavailable`], as [`LockError`].
    pub fn with_passphrase(passphrase: &Passphrase, cost: ScryptCost) -> Result<Self, LockError> {
        Ok(Self::with_salted_passphrase(passphrase, random_bytes()?, cost)?)
    }

    /// Like [`Lock::with_passphrase`], under a `salt` that the caller is responsible for: reusing one makes guessing
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
        Ok(Self::with_maker(DerivedKey::derive(passphrase, salt, cost)?))
    }

    /// A lock whose streams open with `key_file`. No two of them share a salt.
    pub fn with_key_file(key_file: &KeyFile) -> Self {
        Self::with_maker(key_file.clone())
    }

    /// A lock whose streams open with the identity that belongs to `recipient`. If the recipient is a plugin's, the
    /// plugin runs for each stream.
    #[cfg(feature = "age")]
    pub fn with_recipient(recipient: &Recipient) -> Self {
        Self::with_maker(recipient.clone())
    }

    fn with_maker(maker: impl SlotMaker + 'static) -> Self {
        Self { makers: vec![Box::new(maker)] }
    }

    /// A lock whose streams open with anything that opens streams of this one or of `other`. They have the slots of
    /// both, in this order.
    ///
    /// # Errors
    ///
    /// [`LockError::TooManyPassphrases`], [`LockError::TooManyRecipients`].
    pub fn or(mut self, other: Self) -> Result<Self, LockError> {
        self.makers.extend(other.makers);
        let count = |kind| self.makers.iter().filter(|maker| maker.kind() == kind).count();
        if count(SlotKind::Passphrase) > MAX_PASSPHRASE_SLOTS {
            return Err(LockError::TooManyPassphrases);
        }
        if count(SlotKind::Recipient) > MAX_RECIPIENT_SLOTS {
            return Err(LockError::TooManyRecipients);
        }
        Ok(self)
    }

    /// A stream of this `layout` with a fresh file key and IV. The caller must seal it as `features` says:
    /// [`Features::TIMED`] with a clock, the features of private stages with those stages. Whether the slots fit into
    /// the header is checked when the header is sealed, by [`StageKeys::seal_header`].
    ///
    /// # Errors
    ///
    /// [`LockError`].
    pub fn new_stream(&self, layout: Layout, features: Features) -> Result<NewStream, LockError> {
        self.make_stream(layout, features, |_| layout.header_length)
    }

    /// Like [`Lock::new_stream`], but with longer header copies than in `layout` if the slots would leave less than
    /// 2048 bytes free. That is room to add, to each of its streams, a recipient of any kind whose slot this library
    /// makes (`age1tagpq` and 4096-bit RSA included), four X25519 recipients, or two dozen key files.
    ///
    /// # Errors
    ///
    /// [`LockError`].
    pub fn new_roomy_stream(&self, layout: Layout, features: Features) -> Result<NewStream, LockError> {
        const SPARE: usize = 2048;
        self.make_stream(layout, features, |slots| layout.header_length.at_least_for(slots + SPARE))
    }

    /// A fresh stream, whose header length follows from the bytes that its slots take.
    fn make_stream(
        &self,
        layout: Layout,
        features: Features,
        header_length: impl FnOnce(usize) -> HeaderLength,
    ) -> Result<NewStream, LockError> {
        let file_key = Key::random()?;
        let records: Vec<_> = self.new_slots(&file_key)?.iter().map(Record::from).collect();
        let length = header_length(records.iter().map(Record::encoded_length).sum());
        let prefix = Prefix { frame_size: layout.frame_size, features, iv: random_bytes()? };
        let header = Header { prefix, length, generation: 1, records };
        Ok(NewStream { header, keys: StageKeys::derive(&file_key, &prefix) })
    }

    /// One slot for each secret of the lock, each holding `file_key`.
    ///
    /// # Errors
    ///
    /// [`LockError`].
    pub fn new_slots(&self, file_key: &Key) -> Result<Vec<Slot>, LockError> {
        self.makers.iter().map(|maker| maker.slot(file_key)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::{FrameSize, HeaderLength, RecordError, Search, search_header};
    use crate::keys::{Credential, KeySlot, KeySlots, unlock};

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
        let layout = Layout { frame_size: FrameSize::MIN, header_length: HeaderLength::MIN };
        let stream = Lock::with_key_file(&key_file).new_stream(layout, Features::TIMED).unwrap();
        assert_eq!((stream.header.layout(), stream.header.prefix.features), (layout, Features::TIMED));
        assert!(opens(&stream, key_file.into()) && !opens(&stream, other.into()));

        let (passphrase, other) = (Passphrase::new("one").unwrap(), Passphrase::new("two").unwrap());
        let lock = Lock::with_passphrase(&passphrase, ScryptCost::new(10, 8, 1).unwrap()).unwrap();
        let stream = lock.new_stream(Layout::default(), Features::NONE).unwrap();
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
            let [one, other] = [(); 2].map(|()| lock.new_stream(Layout::default(), Features::NONE).unwrap());
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
    fn a_stream_of_two_locks_in_one_opens_with_either_and_has_their_slots_in_order() {
        let (key_file, passphrase) = (KeyFile::random().unwrap(), Passphrase::new("one").unwrap());
        let lock = Lock::with_passphrase(&passphrase, ScryptCost::new(10, 8, 1).unwrap()).unwrap();
        let lock = Lock::with_key_file(&key_file).or(lock).unwrap();
        let stream = lock.new_stream(Layout::default(), Features::NONE).unwrap();
        let kinds: Vec<_> = KeySlots::of(&stream.header).unwrap().iter().map(KeySlot::kind).collect();
        assert_eq!(kinds, [SlotKind::KeyFile, SlotKind::Passphrase]);
        assert!(opens(&stream, key_file.into()) && opens(&stream, passphrase.into()));
        assert!(!opens(&stream, KeyFile::random().unwrap().into()));
    }

    #[test]
    fn a_lock_takes_eight_passphrases_and_no_ninth_and_its_streams_open_with_the_last() {
        let passphrase = |number: u8| Passphrase::new(&number.to_string()).unwrap();
        let lock = |number| {
            let cost = ScryptCost::new(4, 8, 1).unwrap();
            Lock::with_salted_passphrase(&passphrase(number), [number; 32], cost).unwrap()
        };
        let eight = (2..=8).fold(lock(1), |locks, number| locks.or(lock(number)).unwrap());
        assert!(opens(&eight.new_stream(Layout::default(), Features::NONE).unwrap(), passphrase(8).into()));
        let with_key_file = eight.or(Lock::with_key_file(&KeyFile::random().unwrap())).unwrap();
        assert!(matches!(with_key_file.or(lock(9)), Err(LockError::TooManyPassphrases)));
    }

    #[test]
    fn a_lock_with_a_secret_makes_a_slot_of_its_kind_at_the_cost_asked_for() {
        let cost = ScryptCost::new(4, 8, 1).unwrap();
        for secret in [Secret::from(Passphrase::new("one").unwrap()), KeyFile::random().unwrap().into()] {
            let stream =
                Lock::with_secret(&secret, cost).unwrap().new_stream(Layout::default(), Features::NONE).unwrap();
            assert_eq!(SlotKind::of(&slot(&stream)), secret.kind());
            assert!(!matches!(slot(&stream), Slot::Passphrase(slot) if ScryptCost::of(&slot) != Ok(cost)));
            assert!(opens(&stream, secret.into()));
        }
    }

    #[test]
    fn a_header_is_as_long_as_asked_for_and_one_too_short_for_the_slots_is_not_sealed() {
        let many = |count: usize| {
            let lock = || Lock::with_key_file(&KeyFile::random().unwrap());
            (1..count).fold(lock(), |locks, _| locks.or(lock()).unwrap())
        };
        // 76 bytes for each.
        for (header_length, fitting) in
            [(HeaderLength::MIN, 5), (HeaderLength::default(), 52), (HeaderLength::MAX, 861)]
        {
            let layout = Layout { header_length, ..Layout::default() };
            let seal = |count| {
                let stream = many(count).new_stream(layout, Features::NONE).unwrap();
                stream.keys.seal_header(&stream.header)
            };
            assert_eq!(seal(fitting).unwrap().len(), 2 * header_length.bytes());
            assert_eq!(seal(fitting + 1), Err(RecordError::NoRoom));
        }
    }

    #[test]
    fn memory_that_no_machine_has_is_reported() {
        let cost = ScryptCost::new(30, 32, 16).unwrap();
        let refused = Lock::with_passphrase(&Passphrase::new("one").unwrap(), cost).err().unwrap();
        assert!(matches!(refused, LockError::Kdf(KdfError::OutOfMemory { .. })));
    }
}
