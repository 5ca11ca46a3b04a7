//! Opening a header: from a passphrase or a key file, through the slots, to the file key.

use thiserror::Error;

use super::{Credential, KdfError, KdfLimits, Key, ScryptCost, SlotKind, StageKeys};
use crate::container::{Header, HeaderError, MAX_PASSPHRASE_SLOTS, ParsedHeader, PassphraseSlot, Record, Slot};

/// Why a header does not open.
#[derive(Debug, Error)]
pub enum UnlockError {
    /// The header is malformed.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// More than eight passphrase slots.
    #[error("the header has {0} passphrase slots, more than the {MAX_PASSPHRASE_SLOTS} allowed")]
    TooManySlots(usize),
    /// scrypt would cost too much.
    #[error(transparent)]
    Kdf(#[from] KdfError),
    /// No slot is of the credential's kind.
    #[error("the stream has no key slot for a {wanted}")]
    NoSuchSlot {
        /// What the credential is.
        wanted: SlotKind,
        /// The kinds that there are slots of, each once.
        present: Vec<SlotKind>,
    },
    /// There are slots of the credential's kind, and none of them unwrapped with it.
    #[error("wrong {0}")]
    WrongSecret(SlotKind),
    /// A slot unwrapped, but the header MAC does not verify.
    #[error("the header was altered")]
    Altered,
}

/// The key slots of a header, their number and the bounds of their parameters checked; each with its place among the
/// records.
pub struct KeySlots(Vec<(usize, Slot)>);

impl KeySlots {
    /// The key slots of `header`.
    ///
    /// # Errors
    ///
    /// [`UnlockError::TooManySlots`], [`UnlockError::Kdf`] for parameters out of bounds, [`UnlockError::Header`].
    pub fn of(header: &Header) -> Result<Self, UnlockError> {
        let slot_at = |(at, record): (usize, &Record)| Some(record.slot().transpose()?.map(|slot| (at, slot)));
        let slots = header.records.iter().enumerate().filter_map(slot_at);
        let slots = Self(slots.collect::<Result<_, _>>().map_err(HeaderError::from)?);
        let passphrase_slots = slots.passphrase_slots();
        if passphrase_slots.len() > MAX_PASSPHRASE_SLOTS {
            return Err(UnlockError::TooManySlots(passphrase_slots.len()));
        }
        for slot in &passphrase_slots {
            ScryptCost::of(slot)?;
        }
        Ok(slots)
    }

    /// Whether a secret of the kind `wanted` may open one of them, a passphrase at a cost within `limits`.
    ///
    /// # Errors
    ///
    /// [`UnlockError::NoSuchSlot`], [`UnlockError::Kdf`].
    pub fn check(&self, wanted: SlotKind, limits: KdfLimits) -> Result<(), UnlockError> {
        let mut present: Vec<_> = self.0.iter().map(|(_, slot)| SlotKind::of(slot)).collect();
        if !present.contains(&wanted) {
            present.sort_unstable();
            present.dedup();
            return Err(UnlockError::NoSuchSlot { wanted, present });
        }
        match wanted {
            SlotKind::Passphrase => Ok(limits.check(&self.passphrase_slots())?),
            SlotKind::KeyFile => Ok(()),
        }
    }

    /// Each slot, with its place among the records, in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (usize, &Slot)> {
        self.0.iter().map(|(at, slot)| (*at, slot))
    }

    fn passphrase_slots(&self) -> Vec<PassphraseSlot> {
        let passphrase_slot = |(_, slot): &(usize, Slot)| match slot {
            Slot::Passphrase(slot) => Some(slot.clone()),
            Slot::KeyFile(_) => None,
        };
        self.0.iter().filter_map(passphrase_slot).collect()
    }
}

/// A header that was opened.
pub struct Unlocked {
    /// The file key.
    pub file_key: Key,
    /// The keys of the stages and of the header.
    pub keys: StageKeys,
    /// The record whose slot opened, counted from 0.
    pub record: usize,
}

/// Opens the stream with the header `header`.
///
/// # Errors
///
/// [`UnlockError`]. Nothing is paid before the cost was checked.
pub fn unlock(header: &ParsedHeader, credential: &mut Credential) -> Result<Unlocked, UnlockError> {
    unlock_with(header, KeySlots::of(header.header())?, credential)
}

/// As [`unlock`], with a slot other than the one in record `besides`.
///
/// # Errors
///
/// [`UnlockError`].
pub fn unlock_with_another(
    header: &ParsedHeader,
    besides: usize,
    credential: &mut Credential,
) -> Result<Unlocked, UnlockError> {
    let mut slots = KeySlots::of(header.header())?;
    slots.0.retain(|(record, _)| *record != besides);
    unlock_with(header, slots, credential)
}

fn unlock_with(header: &ParsedHeader, slots: KeySlots, credential: &mut Credential) -> Result<Unlocked, UnlockError> {
    slots.check(credential.kind(), credential.limits())?;
    let mut unwrapped = false;
    for (record, slot) in slots.iter() {
        let Some(file_key) = credential.unwrap(slot)? else { continue };
        unwrapped = true;
        let keys = StageKeys::derive(&file_key, &header.header().prefix);
        if keys.verify_header(header) {
            return Ok(Unlocked { file_key, keys, record });
        }
    }
    Err(if unwrapped { UnlockError::Altered } else { UnlockError::WrongSecret(credential.kind()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::{Features, FrameSize, HeaderLength, IV_LENGTH, Prefix, Search, search_header};
    use crate::keys::{KeyFile, Lock, Passphrase, new_key_file_slot};

    const FILE_KEY: [u8; 32] = [9; 32];

    fn found(slots: &[Slot], tamper: impl FnOnce(&mut Header)) -> ParsedHeader {
        let prefix = Prefix { frame_size: FrameSize::MIN, features: Features::NONE, iv: [7; IV_LENGTH] };
        let mut header = Header {
            prefix,
            length: HeaderLength::default(),
            generation: 1,
            records: slots.iter().map(Into::into).collect(),
        };
        let keys = StageKeys::derive(&Key::from_bytes(FILE_KEY), &prefix);
        let untampered = header.encode(|_| [0; 32]).unwrap();
        let mac = *keys.header_mac(&untampered[..untampered.len() - 48]).as_bytes();
        tamper(&mut header);
        let copy = header.encode(|_| mac).unwrap();
        match search_header(&copy.repeat(2), true) {
            Ok(Search::Found(found)) => found.copy.parse(Features::NONE).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn passphrase_slot(passphrase: &str, salt: u8) -> Slot {
        let passphrase = Passphrase::new(passphrase).unwrap();
        let cost = ScryptCost::new(10, 8, 1).unwrap();
        let lock = Lock::with_salted_passphrase(&passphrase, [salt; 32], cost).unwrap();
        lock.new_slot(&Key::from_bytes(FILE_KEY)).unwrap()
    }

    fn open(found: &ParsedHeader, passphrase: &str) -> Result<Unlocked, UnlockError> {
        unlock(found, &mut Passphrase::new(passphrase).unwrap().into())
    }

    #[test]
    fn the_second_slot_opens_when_the_first_does_not() {
        let found = found(&[passphrase_slot("one", 1), passphrase_slot("two", 2)], |_| {});
        assert_eq!(open(&found, "two").unwrap().file_key.bytes(), &FILE_KEY);
        assert!(matches!(open(&found, "three"), Err(UnlockError::WrongSecret(SlotKind::Passphrase))));
    }

    #[test]
    fn the_slot_that_opened_is_named_by_its_place_among_all_records() {
        let two = passphrase_slot("two", 2);
        let mut credential = Credential::from(Passphrase::new("two").unwrap());
        for (slots, place) in [(vec![two.clone()], 0), (vec![passphrase_slot("one", 1), two.clone(), two], 1)] {
            assert_eq!(unlock(&found(&slots, |_| {}), &mut credential).unwrap().record, place);
        }
    }

    #[test]
    fn another_slot_than_the_one_that_opened_is_found_if_there_is_one() {
        let mut two = Credential::from(Passphrase::new("two").unwrap());
        let slots = ["one", "two", "two"].map(|passphrase| passphrase_slot(passphrase, 1));
        let thrice = found(&slots, |_| {});
        assert_eq!(unlock_with_another(&thrice, 1, &mut two).unwrap().record, 2);
        let twice = found(&slots[..2], |_| {});
        assert!(matches!(
            unlock_with_another(&twice, 1, &mut two),
            Err(UnlockError::WrongSecret(SlotKind::Passphrase))
        ));
    }

    #[test]
    fn a_key_file_opens_its_slot_and_no_other() {
        let key_file = KeyFile::from_key(Key::from_bytes([4; 32]));
        let slot = Slot::KeyFile(new_key_file_slot(&Key::from_bytes(FILE_KEY), &key_file, [1; 32]));
        let found = found(&[slot], |_| {});
        assert!(unlock(&found, &mut key_file.into()).is_ok());
        let other = KeyFile::from_key(Key::from_bytes([5; 32]));
        assert!(matches!(unlock(&found, &mut other.into()), Err(UnlockError::WrongSecret(SlotKind::KeyFile))));
        assert!(matches!(
            open(&found, "one"),
            Err(UnlockError::NoSuchSlot { wanted: SlotKind::Passphrase, present }) if present == [SlotKind::KeyFile]
        ));
    }

    #[test]
    fn an_altered_header_is_told_from_a_wrong_passphrase() {
        let found = found(&[passphrase_slot("one", 1)], |header| header.generation = 2);
        assert!(matches!(open(&found, "one"), Err(UnlockError::Altered)));
    }

    #[test]
    fn nine_passphrase_slots_are_refused() {
        let found = found(&vec![passphrase_slot("one", 1); 9], |_| {});
        assert!(matches!(open(&found, "one"), Err(UnlockError::TooManySlots(9))));
    }
}
