//! Key slots and changes to them.

use super::*;
use crate::container::{
    Features, FrameSize, HeaderLength, IV_LENGTH, KeyFileSlot, Prefix, RecipientSlot, RecipientSlotError, SALT_LENGTH,
    Search, WRAPPED_KEY_LENGTH, search_header,
};

fn header(records: Vec<Record>) -> Header {
    let prefix = Prefix { frame_size: FrameSize::MIN, features: Features::NONE, iv: [7; IV_LENGTH] };
    Header { prefix, length: HeaderLength::default(), generation: 1, records }
}

fn key_file(mark: u8) -> Slot {
    Slot::KeyFile(KeyFileSlot { salt: [mark; SALT_LENGTH], wrapped: [mark; WRAPPED_KEY_LENGTH] })
}

fn passphrase(log_n: u8, salt: u8) -> Record {
    (&Slot::Passphrase(passphrase_slot_of(log_n, salt))).into()
}

fn passphrase_slot_of(log_n: u8, salt: u8) -> PassphraseSlot {
    PassphraseSlot { log_n, r: 8, p: 1, salt: [salt; SALT_LENGTH], wrapped: [0; WRAPPED_KEY_LENGTH] }
}

/// Records of kinds 0x90 and 4, which version 1 does not define. They can only come from a header's bytes.
fn unknown() -> [Record; 2] {
    let mut bytes = header(Vec::new()).encode(|_| [0; 32]).unwrap();
    bytes[48..57].copy_from_slice(&[0x90, 0, 1, 0, 5, 4, 0, 0, 0]);
    let start = bytes.len() - 16;
    let checksum = blake3::hash(&bytes[..start]);
    bytes[start..].copy_from_slice(&checksum.as_bytes()[..16]);
    let Ok(Search::Found(found)) = search_header(&bytes.repeat(2), true) else { panic!() };
    found.copy.parse(Features::NONE).unwrap().into_header().records.try_into().unwrap()
}

fn slots(header: &Header) -> KeySlots {
    KeySlots::of(header).unwrap()
}

fn numbered(slots: &KeySlots, number: usize) -> &KeySlot {
    slots.numbered(NonZero::new(number).unwrap()).unwrap()
}

/// A limit for operations that run no scrypt.
const NOTHING: KdfLimits = KdfLimits { memory: 0 };

#[test]
fn a_slot_is_replaced_in_place_added_at_the_end_and_removed_and_everything_else_keeps_its_order() {
    let [early, late] = unknown();
    let (one, two, new): (Record, Record, Slot) = ((&key_file(1)).into(), (&key_file(2)).into(), key_file(3));
    let before = slots(&header(vec![early.clone(), one.clone(), late.clone(), two.clone()]));
    let new_record = Record::from(&new);
    let replaced = before.with_replaced(numbered(&before, 1), std::slice::from_ref(&new), NOTHING).unwrap();
    assert_eq!(replaced, [early.clone(), new_record.clone(), late.clone(), two.clone()]);
    let added = before.with_added(&[new, key_file(2)], NOTHING).unwrap();
    assert_eq!(added, [early.clone(), one.clone(), late.clone(), two.clone(), new_record, two]);
    assert_eq!(before.without(numbered(&before, 2)).unwrap(), [early, one, late]);
}

#[test]
fn one_slot_is_replaced_by_several_in_its_place() {
    let before = slots(&header(vec![(&key_file(1)).into(), (&key_file(2)).into()]));
    let replaced = before.with_replaced(numbered(&before, 1), &[key_file(3), key_file(4)], NOTHING).unwrap();
    assert_eq!(replaced, [3, 4, 2].map(|mark| Record::from(&key_file(mark))));
    assert!(matches!(before.with_replaced(numbered(&before, 1), &[], NOTHING), Ok(records) if records.len() == 1));
}

#[test]
fn slots_are_numbered_from_one_whatever_records_are_between_them() {
    let [early, late] = unknown();
    let all = slots(&header(vec![early, (&key_file(1)).into(), late, passphrase(10, 2)]));
    let shown: Vec<_> = all.iter().map(|slot| (slot.number().get(), slot.kind())).collect();
    assert_eq!(shown, [(1, SlotKind::KeyFile), (2, SlotKind::Passphrase)]);
    assert_eq!(numbered(&all, 1).slot(), &key_file(1));
    assert_eq!(all.numbered(NonZero::new(3).unwrap()), None);
    assert_eq!(all.unknown_kinds().collect::<Vec<_>>(), [4]);
}

#[test]
fn a_slot_of_another_header_or_another_place_is_refused() {
    let one = slots(&header(vec![(&key_file(1)).into(), (&key_file(2)).into()]));
    let other = slots(&header(vec![(&key_file(3)).into(), (&key_file(1)).into()]));
    for foreign in [numbered(&other, 1), numbered(&other, 2)] {
        assert!(matches!(one.without(foreign), Err(SlotChangeError::ForeignSlot(_))));
        assert!(matches!(one.with_replaced(foreign, &[key_file(4)], NOTHING), Err(SlotChangeError::ForeignSlot(_))));
        let checked = one.check_replaced(foreign, &[SlotDemand::key_file()], NOTHING);
        assert!(matches!(checked, Err(SlotChangeError::ForeignSlot(_))));
    }
    // The same slot, from another read of the header.
    let again = slots(&header(vec![(&key_file(1)).into(), (&key_file(4)).into()]));
    assert!(one.without(numbered(&again, 1)).is_ok());
}

#[test]
fn the_last_slot_stays_whatever_other_records_there_are() {
    let [early, late] = unknown();
    let only = slots(&header(vec![early, (&key_file(1)).into(), late]));
    assert!(matches!(only.without(numbered(&only, 1)), Err(SlotChangeError::LastSlot)));
}

#[test]
fn a_slot_that_does_not_fit_is_refused_both_before_it_is_made_and_after() {
    // 416 bytes of records, 76 for each key-file slot and 88 for a passphrase slot.
    let length = HeaderLength::MIN;
    let full = Header { length, ..header((0..5).map(|mark| (&key_file(mark)).into()).collect()) };
    let full = slots(&full);
    let (cost, limits) = (ScryptCost::new(10, 8, 1).unwrap(), KdfLimits::default());
    let no_room = |result| matches!(result, Err(SlotChangeError::NoRoom { .. }));
    assert!(no_room(full.check_added(&[SlotDemand::key_file()], NOTHING)));
    assert!(no_room(full.with_added(&[key_file(9)], NOTHING).map(drop)));
    let last = numbered(&full, 5);
    assert!(full.check_replaced(last, &[SlotDemand::passphrase(cost)], limits).is_ok());
    assert!(no_room(full.check_replaced(last, &[SlotDemand::key_file(); 2], limits)));

    // The message says how much would be enough.
    let refused = full.check_added(&[SlotDemand::key_file(); 2], NOTHING).unwrap_err();
    let fact = "the header has no room: the new key slots need 152 bytes, and 36 are free";
    assert_eq!(refused.to_string(), fact);

    // The check agrees with what fits into a header, to the byte.
    let records = full.with_replaced(last, &[Slot::Passphrase(passphrase_slot_of(10, 1))], limits).unwrap();
    let encoded = Header { length, ..header(records) }.encode(|_| [0; 32]);
    assert!(encoded.is_ok());
    let exact = Header { length, ..header([vec![passphrase(10, 1); 3], vec![(&key_file(1)).into(); 2]].concat()) };
    assert_eq!(exact.encode(|_| [0; 32]).unwrap()[48 + 415], 1);
    assert!(slots(&exact).check_replaced(numbered(&slots(&exact), 5), &[SlotDemand::key_file()], NOTHING).is_ok());
}

#[test]
fn a_ninth_passphrase_slot_is_refused_and_the_eighth_may_be_replaced() {
    let (cost, limits) = (ScryptCost::new(10, 8, 1).unwrap(), KdfLimits::default());
    let mut records: Vec<_> = (0..8).map(|salt| passphrase(10, salt)).collect();
    records.push((&key_file(1)).into());
    let full = slots(&header(records));
    let new = [SlotDemand::passphrase(cost)];
    assert!(matches!(full.check_added(&new, limits), Err(SlotChangeError::Full)));
    let made = [Slot::Passphrase(passphrase_slot_of(10, 9))];
    assert!(matches!(full.with_added(&made, limits), Err(SlotChangeError::Full)));
    // A ninth passphrase slot that would replace the key file's.
    assert!(matches!(full.check_replaced(numbered(&full, 9), &new, limits), Err(SlotChangeError::Full)));
    assert!(full.check_replaced(numbered(&full, 8), &new, limits).is_ok());
    assert!(full.with_replaced(numbered(&full, 8), &made, limits).is_ok());
    let two = full.check_replaced(numbered(&full, 8), &[new, new].concat(), limits);
    assert!(matches!(two, Err(SlotChangeError::Full)));
}

fn recipient(kinds: &[&str]) -> Slot {
    let stanzas: String = kinds.iter().map(|kind| format!("-> {kind}\n\n")).collect();
    let body = format!("age-encryption.org/v1\n{stanzas}--- {}\n{}", "A".repeat(43), "x".repeat(64));
    Slot::Recipient(RecipientSlot { body: body.into_bytes() })
}

#[test]
fn a_33rd_recipient_slot_is_refused_and_the_32nd_may_be_replaced() {
    let of = |count: usize| {
        let records = vec![Record::from(&recipient(&["a"])); count];
        Header { length: HeaderLength::MAX, ..header(records) }
    };
    assert!(matches!(KeySlots::of(&of(33)), Err(UnlockError::TooManyRecipientSlots(33))));
    let full = slots(&of(32));
    let (demand, made) = ([SlotDemand::recipient()], [recipient(&["b"])]);
    assert!(matches!(full.check_added(&demand, NOTHING), Err(SlotChangeError::TooManyRecipients)));
    assert!(matches!(full.with_added(&made, NOTHING), Err(SlotChangeError::TooManyRecipients)));
    assert!(full.check_replaced(numbered(&full, 32), &demand, NOTHING).is_ok());
    assert!(full.with_replaced(numbered(&full, 32), &made, NOTHING).is_ok());
    assert!(full.with_added(&[key_file(1)], NOTHING).is_ok());
}

#[test]
fn a_recipient_slot_of_a_wrong_form_is_refused_whatever_else_opens_the_header() {
    let with = |slot| KeySlots::of(&header(vec![(&key_file(1)).into(), Record::from(&slot)]));
    assert!(with(recipient(&["X25519 a"])).is_ok());
    for (slot, error) in [
        (recipient(&["scrypt a 30"]), RecipientSlotError::Scrypt),
        (recipient(&["a"; 17]), RecipientSlotError::TooManyStanzas),
        (Slot::Recipient(RecipientSlot { body: vec![b'a'] }), RecipientSlotError::NotAge),
    ] {
        assert!(matches!(with(slot), Err(UnlockError::RecipientSlot(found)) if found == error));
    }
}

#[test]
fn a_slot_that_makes_opening_cost_more_than_allowed_is_refused() {
    let limits = KdfLimits::default();
    let new = |log_n, r| [SlotDemand::passphrase(ScryptCost::new(log_n, r, 1).unwrap())];
    // Seven slots of 2^22 units: room for one of 2^22, and for no more.
    let costly = slots(&header((1..8).map(|salt| passphrase(19, salt)).collect()));
    let first = numbered(&costly, 1);
    assert!(costly.check_added(&new(19, 8), limits).is_ok());
    let refused = costly.check_added(&new(19, 9), limits);
    assert!(matches!(refused, Err(SlotChangeError::Work(KdfError::Work { .. }))));
    assert!(costly.check_replaced(first, &new(19, 9), limits).is_ok());
    let refused = costly.check_replaced(first, &new(20, 8), limits);
    assert!(matches!(refused, Err(SlotChangeError::Cost(KdfError::Memory { .. }))));
    // The finished slot is checked like its demand.
    let made = |log_n| [Slot::Passphrase(passphrase_slot_of(log_n, 9))];
    assert!(costly.with_added(&made(19), limits).is_ok());
    assert!(matches!(costly.with_added(&made(20), limits), Err(SlotChangeError::Cost(KdfError::Memory { .. }))));
    let refused = costly.with_added(&made(31), limits);
    assert!(matches!(refused, Err(SlotChangeError::Cost(KdfError::OutOfBounds { .. }))));

    // An existing slot that costs too much is a different error.
    let opens_with_a_flag = slots(&header(vec![passphrase(20, 1)]));
    let refused = opens_with_a_flag.check_added(&new(14, 8), limits);
    assert!(matches!(refused, Err(SlotChangeError::Slots(UnlockError::Kdf(KdfError::Memory { .. })))));
    // Then a new slot that opens without scrypt is still no error.
    assert!(opens_with_a_flag.check_added(&[SlotDemand::key_file()], limits).is_ok());
}
