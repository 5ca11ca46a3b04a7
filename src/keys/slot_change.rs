//! Changing a header's key slots: what stays, what is refused. Records of unknown kind are kept, in their order.

use thiserror::Error;

use super::{KdfError, KdfLimits, KeySlots, ScryptCost, UnlockError};
use crate::container::{Header, MAX_PASSPHRASE_SLOTS, PassphraseSlot, Record, SALT_LENGTH, Slot, WRAPPED_KEY_LENGTH};

/// Where a new slot goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotPlace {
    /// Behind all other records.
    Behind,
    /// In the place of this record, counted from 0.
    Of(usize),
}

/// Why a header's slots are left as they are.
#[derive(Debug, Error)]
pub enum SlotChangeError {
    /// The slots there are do not hold up.
    #[error(transparent)]
    Slots(#[from] UnlockError),
    /// Readers refuse a ninth passphrase slot.
    #[error("there are {MAX_PASSPHRASE_SLOTS} passphrase slots already, the most that are allowed")]
    Full,
    /// Opening the header would take more scrypt work than allowed.
    #[error("with one more slot, {0}")]
    Work(KdfError),
    /// A new slot that takes more than one scrypt run may.
    #[error(transparent)]
    Cost(KdfError),
    /// Nothing would open the stream any more.
    #[error("the only key slot cannot be removed: nothing would open the stream any more")]
    LastSlot,
}

/// Whether a passphrase slot of `cost` may go to `place`: all who open the header afterwards find it within `limits`.
///
/// # Errors
///
/// [`SlotChangeError`].
pub fn check_new_passphrase_slot(
    header: &Header,
    place: SlotPlace,
    cost: ScryptCost,
    limits: KdfLimits,
) -> Result<(), SlotChangeError> {
    let slots = KeySlots::of(header)?;
    let mut passphrase_slots: Vec<_> = slots
        .iter()
        .filter_map(|(record, slot)| match slot {
            Slot::Passphrase(slot) if place != SlotPlace::Of(record) => Some(slot.clone()),
            _ => None,
        })
        .collect();
    if passphrase_slots.len() >= MAX_PASSPHRASE_SLOTS {
        return Err(SlotChangeError::Full);
    }
    limits.check(&passphrase_slots).map_err(UnlockError::from)?;
    limits.check_memory(cost).map_err(SlotChangeError::Cost)?;
    let (log_n, r, p) = cost.parameters();
    // What the header asks for depends on the salt only in that it is a new one.
    let salt = [0; SALT_LENGTH];
    passphrase_slots.push(PassphraseSlot { log_n, r, p, salt, wrapped: [0; WRAPPED_KEY_LENGTH] });
    limits.check(&passphrase_slots).map_err(SlotChangeError::Work)
}

/// The records of `header` with `slot` among them.
pub fn with_slot(header: &Header, place: SlotPlace, slot: &Slot) -> Vec<Record> {
    let mut records = header.records.clone();
    match place {
        SlotPlace::Of(record) if record < records.len() => {
            records.splice(record..=record, [slot.into()]).for_each(drop)
        }
        SlotPlace::Of(_) | SlotPlace::Behind => records.push(slot.into()),
    }
    records
}

/// The records of `header` without the slot at `record`.
///
/// # Errors
///
/// [`SlotChangeError::LastSlot`] if no other key slot is left; [`SlotChangeError::Slots`].
pub fn without_slot(header: &Header, record: usize) -> Result<Vec<Record>, SlotChangeError> {
    if KeySlots::of(header)?.iter().all(|(other, _)| other == record) {
        return Err(SlotChangeError::LastSlot);
    }
    let kept = header.records.iter().enumerate().filter(|(at, _)| *at != record);
    Ok(kept.map(|(_, record)| record.clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::{Features, FrameSize, HeaderLength, IV_LENGTH, KeyFileSlot, Prefix, Search, search_header};

    fn header(records: Vec<Record>) -> Header {
        let prefix = Prefix { frame_size: FrameSize::MIN, features: Features::NONE, iv: [7; IV_LENGTH] };
        Header { prefix, length: HeaderLength::default(), generation: 1, records }
    }

    fn key_file(mark: u8) -> Slot {
        Slot::KeyFile(KeyFileSlot { salt: [mark; SALT_LENGTH], wrapped: [mark; WRAPPED_KEY_LENGTH] })
    }

    fn passphrase(log_n: u8, salt: u8) -> Record {
        let slot = PassphraseSlot { log_n, r: 8, p: 1, salt: [salt; SALT_LENGTH], wrapped: [0; WRAPPED_KEY_LENGTH] };
        (&Slot::Passphrase(slot)).into()
    }

    /// Records of kinds 0x90 and 3, which version 1 does not define, as only a header's bytes can bring them.
    fn unknown() -> [Record; 2] {
        let mut bytes = header(Vec::new()).encode(|_| [0; 32]).unwrap();
        bytes[48..57].copy_from_slice(&[0x90, 0, 1, 0, 5, 3, 0, 0, 0]);
        let start = bytes.len() - 16;
        let checksum = blake3::hash(&bytes[..start]);
        bytes[start..].copy_from_slice(&checksum.as_bytes()[..16]);
        let Ok(Search::Found(found)) = search_header(&bytes.repeat(2), true) else { panic!() };
        found.copy.parse(Features::NONE).unwrap().into_header().records.try_into().unwrap()
    }

    #[test]
    fn a_slot_is_replaced_in_its_place_added_behind_and_removed_and_all_else_stays_in_order() {
        let [early, late] = unknown();
        let (one, two, new): (Record, Record, Slot) = ((&key_file(1)).into(), (&key_file(2)).into(), key_file(3));
        let before = header(vec![early.clone(), one.clone(), late.clone(), two.clone()]);
        let new_record = Record::from(&new);
        let changed = with_slot(&before, SlotPlace::Of(1), &new);
        assert_eq!(changed, [early.clone(), new_record.clone(), late.clone(), two.clone()]);
        let added = with_slot(&before, SlotPlace::Behind, &new);
        assert_eq!(added, [early.clone(), one.clone(), late.clone(), two, new_record]);
        assert_eq!(without_slot(&before, 3).unwrap(), [early, one, late]);
    }

    #[test]
    fn the_last_slot_stays_whatever_other_records_there_are() {
        let [early, late] = unknown();
        let only = header(vec![early, (&key_file(1)).into(), late]);
        assert!(matches!(without_slot(&only, 1), Err(SlotChangeError::LastSlot)));
    }

    #[test]
    fn a_ninth_passphrase_slot_is_refused_and_the_eighth_may_be_replaced() {
        let (cost, limits) = (ScryptCost::new(10, 8, 1).unwrap(), KdfLimits::default());
        let mut records: Vec<_> = (0..8).map(|salt| passphrase(10, salt)).collect();
        records.push((&key_file(1)).into());
        let full = header(records);
        let check = |place| check_new_passphrase_slot(&full, place, cost, limits);
        assert!(matches!(check(SlotPlace::Behind), Err(SlotChangeError::Full)));
        // In place of the key file's.
        assert!(matches!(check(SlotPlace::Of(8)), Err(SlotChangeError::Full)));
        assert!(check(SlotPlace::Of(7)).is_ok());
    }

    #[test]
    fn a_slot_that_makes_opening_cost_more_than_allowed_is_refused() {
        let limits = KdfLimits::default();
        // Seven slots of 2^22 units: room for one of 2^22, and for no more.
        let costly = header((1..8).map(|salt| passphrase(19, salt)).collect());
        let check =
            |place, log_n, r| check_new_passphrase_slot(&costly, place, ScryptCost::new(log_n, r, 1).unwrap(), limits);
        assert!(check(SlotPlace::Behind, 19, 8).is_ok());
        assert!(matches!(check(SlotPlace::Behind, 19, 9), Err(SlotChangeError::Work(KdfError::Work { .. }))));
        assert!(check(SlotPlace::Of(0), 19, 9).is_ok());
        assert!(matches!(check(SlotPlace::Of(0), 20, 8), Err(SlotChangeError::Cost(KdfError::Memory { .. }))));
        // One that is there already is another matter.
        let opens_with_a_flag = header(vec![passphrase(20, 1)]);
        let refused = check_new_passphrase_slot(
            &opens_with_a_flag,
            SlotPlace::Behind,
            ScryptCost::new(14, 8, 1).unwrap(),
            limits,
        );
        assert!(matches!(refused, Err(SlotChangeError::Slots(UnlockError::Kdf(KdfError::Memory { .. })))));
    }
}
