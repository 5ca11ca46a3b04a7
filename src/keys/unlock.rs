//! Opening a header: from a secret, through the slots, to the file key.

use super::{Credential, Key, KeySlot, KeySlots, StageKeys, UnlockError};
use crate::container::ParsedHeader;

/// A header that was opened.
pub struct Unlocked {
    /// The file key.
    pub file_key: Key,
    /// The keys of the stages and of the header.
    pub keys: StageKeys,
    /// The slot that opened.
    pub slot: KeySlot,
}

/// Opens the stream with the header `header`.
///
/// # Errors
///
/// [`UnlockError`]. scrypt does not run before its cost has been checked.
pub fn unlock(header: &ParsedHeader, credential: &mut Credential) -> Result<Unlocked, UnlockError> {
    unlock_with(header, &KeySlots::of(header.header())?, |_| true, credential)
}

/// Like [`unlock`], but with any slot other than `slot`.
///
/// # Errors
///
/// [`UnlockError`]; [`UnlockError::ForeignSlot`] if `slot` is not in this header.
pub fn unlock_with_another(
    header: &ParsedHeader,
    slot: &KeySlot,
    credential: &mut Credential,
) -> Result<Unlocked, UnlockError> {
    let slots = KeySlots::of(header.header())?;
    slots.check_own(slot)?;
    unlock_with(header, &slots, |other| other != slot, credential)
}

fn unlock_with(
    header: &ParsedHeader,
    slots: &KeySlots,
    is_tried: impl Fn(&KeySlot) -> bool,
    credential: &mut Credential,
) -> Result<Unlocked, UnlockError> {
    slots.check_opening(credential.kind(), credential.limits())?;
    credential.begin_header();
    let mut unwrapped = false;
    for slot in slots.iter().filter(|slot| is_tried(slot)) {
        let Some(file_key) = credential.unwrap(slot.slot())? else { continue };
        unwrapped = true;
        let keys = StageKeys::derive(&file_key, &header.header().prefix);
        if keys.verify_header(header) {
            return Ok(Unlocked { file_key, keys, slot: slot.clone() });
        }
    }
    Err(if unwrapped { UnlockError::Altered } else { credential.failure() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::{Features, FrameSize, Header, HeaderLength, IV_LENGTH, Prefix, Search, Slot, search_header};
    use crate::keys::{ForeignSlot, KeyFile, Lock, Passphrase, ScryptCost, SlotKind, new_key_file_slot};

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
        lock.new_slots(&Key::from_bytes(FILE_KEY)).unwrap().remove(0)
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
    fn the_slot_that_opened_is_named() {
        let two = passphrase_slot("two", 2);
        let mut credential = Credential::from(Passphrase::new("two").unwrap());
        for (slots, number) in [(vec![two.clone()], 1), (vec![passphrase_slot("one", 1), two.clone(), two.clone()], 2)]
        {
            let header = found(&slots, |_| {});
            let opened = unlock(&header, &mut credential).unwrap().slot;
            assert_eq!((opened.number().get(), opened.kind(), opened.slot()), (number, SlotKind::Passphrase, &two));
            assert_eq!(KeySlots::of(header.header()).unwrap().numbered(opened.number()), Some(&opened));
        }
    }

    #[test]
    fn a_slot_other_than_the_one_that_opened_is_found_if_there_is_one() {
        let mut two = Credential::from(Passphrase::new("two").unwrap());
        let slots = ["one", "two", "two"].map(|passphrase| passphrase_slot(passphrase, 1));
        let both = found(&slots, |_| {});
        let first = unlock(&both, &mut two).unwrap().slot;
        assert_eq!(unlock_with_another(&both, &first, &mut two).unwrap().slot.number().get(), 3);
        let one = found(&slots[..2], |_| {});
        assert!(matches!(
            unlock_with_another(&one, &first, &mut two),
            Err(UnlockError::WrongSecret(SlotKind::Passphrase))
        ));
        let foreign = unlock_with_another(&found(&slots[..1], |_| {}), &first, &mut two);
        assert!(matches!(foreign, Err(UnlockError::ForeignSlot(ForeignSlot))));
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
    fn an_altered_header_is_distinguished_from_a_wrong_passphrase() {
        let found = found(&[passphrase_slot("one", 1)], |header| header.generation = 2);
        assert!(matches!(open(&found, "one"), Err(UnlockError::Altered)));
    }

    #[test]
    fn nine_passphrase_slots_are_refused() {
        let found = found(&vec![passphrase_slot("one", 1); 9], |_| {});
        assert!(matches!(open(&found, "one"), Err(UnlockError::TooManySlots(9))));
    }
}
