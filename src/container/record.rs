//! The records of a header, and the key slots among them.

use thiserror::Error;

use super::{MAX_RECIPIENT_BODY, RecipientSlot, field::field};

/// Bytes of a slot's salt.
pub const SALT_LENGTH: usize = 32;
/// Bytes of a wrapped file key: 32 and the 8 of RFC 3394.
pub const WRAPPED_KEY_LENGTH: usize = 40;
/// More passphrase slots than this are refused: an attacker could plant them to make opening slow.
pub const MAX_PASSPHRASE_SLOTS: usize = 8;

const RECORD_HEADER_LENGTH: usize = 4;
const KIND_END: u8 = 0;
const KIND_PASSPHRASE: u8 = 1;
const KIND_KEY_FILE: u8 = 2;
const KIND_RECIPIENT: u8 = 3;
/// From here on records are not key slots.
const FIRST_OTHER_KIND: u8 = 0x80;
/// From here on records are critical: a reader that does not know one refuses the stream. Version 1 defines none.
const FIRST_CRITICAL_KIND: u8 = 0xc0;
const PASSPHRASE_BODY_LENGTH: usize = 12 + SALT_LENGTH + WRAPPED_KEY_LENGTH;
const KEY_FILE_BODY_LENGTH: usize = SALT_LENGTH + WRAPPED_KEY_LENGTH;

/// What is wrong with a list of records.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordError {
    /// A record's length reaches past the record area.
    #[error("a header record runs past the end of the header")]
    Overrun,
    /// A reserved byte, or one after the last record, is not zero.
    #[error("a reserved byte in the header records is not zero")]
    ReservedNotZero,
    /// A key slot's body has another length than its kind prescribes.
    #[error("a key slot of kind {kind} has {found} bytes instead of {expected}")]
    SlotLength {
        /// The slot's kind.
        kind: u8,
        /// The body's length.
        found: usize,
        /// The length that the kind prescribes.
        expected: usize,
    },
    /// A recipient's key slot has no body, or too long a one.
    #[error("a recipient's key slot has {found} bytes, and 1 to {MAX_RECIPIENT_BODY} are allowed")]
    RecipientSlotLength {
        /// The body's length.
        found: usize,
    },
    /// A critical record of a kind that version 1 does not define: without understanding it, the stream must not be
    /// read.
    #[error("the header has a critical record of unknown kind {kind:#04x}")]
    UnknownCritical {
        /// The record's kind.
        kind: u8,
    },
    /// The records do not fit into the header.
    #[error("the header has no room for its records")]
    NoRoom,
}

/// One record, of whatever kind; kept byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    kind: u8,
    body: Vec<u8>,
}

/// A key slot that opens with a passphrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassphraseSlot {
    /// log2 N.
    pub log_n: u8,
    /// r.
    pub r: u32,
    /// p.
    pub p: u32,
    /// The scrypt salt, without its label.
    pub salt: [u8; SALT_LENGTH],
    /// The file key, wrapped.
    pub wrapped: [u8; WRAPPED_KEY_LENGTH],
}

/// A key slot that opens with a key file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFileSlot {
    /// The salt of the key-encryption key.
    pub salt: [u8; SALT_LENGTH],
    /// The file key, wrapped.
    pub wrapped: [u8; WRAPPED_KEY_LENGTH],
}

/// A key slot.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Slot {
    /// Kind 1.
    Passphrase(PassphraseSlot),
    /// Kind 2.
    KeyFile(KeyFileSlot),
    /// Kind 3.
    Recipient(RecipientSlot),
}

impl Record {
    pub(super) fn new(kind: u8, body: Vec<u8>) -> Self {
        Self { kind, body }
    }

    /// The record's body.
    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    /// The record's kind.
    pub fn kind(&self) -> u8 {
        self.kind
    }

    /// The key slot that this record is, or `None` for a kind that version 1 does not define.
    ///
    /// # Errors
    ///
    /// [`RecordError`] if the body is not of the form that the kind prescribes.
    pub fn slot(&self) -> Result<Option<Slot>, RecordError> {
        match self.kind {
            KIND_PASSPHRASE => {
                let body: &[u8; PASSPHRASE_BODY_LENGTH] = self.body_of_length()?;
                let ([log_n, zeros @ ..], rest) = field::<4>(body);
                if zeros != [0; 3] {
                    return Err(RecordError::ReservedNotZero);
                }
                let (r, rest) = field(rest);
                let (p, rest) = field(rest);
                let (salt, rest) = field(rest);
                let (wrapped, _) = field(rest);
                let (r, p) = (u32::from_le_bytes(r), u32::from_le_bytes(p));
                Ok(Some(Slot::Passphrase(PassphraseSlot { log_n, r, p, salt, wrapped })))
            }
            KIND_KEY_FILE => {
                let body: &[u8; KEY_FILE_BODY_LENGTH] = self.body_of_length()?;
                let (salt, rest) = field(body);
                let (wrapped, _) = field(rest);
                Ok(Some(Slot::KeyFile(KeyFileSlot { salt, wrapped })))
            }
            KIND_RECIPIENT if self.body.is_empty() || self.body.len() > MAX_RECIPIENT_BODY => {
                Err(RecordError::RecipientSlotLength { found: self.body.len() })
            }
            KIND_RECIPIENT => Ok(Some(Slot::Recipient(RecipientSlot { body: self.body.clone() }))),
            _ => Ok(None),
        }
    }

    /// Whether this is a key slot of a kind that version 1 does not define: a later version may open the stream with
    /// it.
    pub fn is_unknown_slot(&self) -> bool {
        self.kind < FIRST_OTHER_KIND && matches!(self.slot(), Ok(None))
    }

    /// Bytes that the record takes in a header.
    pub fn encoded_length(&self) -> usize {
        RECORD_HEADER_LENGTH + self.body.len()
    }

    fn body_of_length<const N: usize>(&self) -> Result<&[u8; N], RecordError> {
        let (kind, found) = (self.kind, self.body.len());
        self.body.as_slice().try_into().map_err(|_| RecordError::SlotLength { kind, found, expected: N })
    }
}

impl From<&Slot> for Record {
    fn from(slot: &Slot) -> Self {
        match slot {
            Slot::Passphrase(slot) => {
                let mut body = vec![slot.log_n, 0, 0, 0];
                body.extend(slot.r.to_le_bytes());
                body.extend(slot.p.to_le_bytes());
                body.extend(slot.salt);
                body.extend(slot.wrapped);
                Self { kind: KIND_PASSPHRASE, body }
            }
            Slot::KeyFile(slot) => {
                Self { kind: KIND_KEY_FILE, body: [slot.salt.as_slice(), slot.wrapped.as_slice()].concat() }
            }
            Slot::Recipient(slot) => Self { kind: KIND_RECIPIENT, body: slot.body.clone() },
        }
    }
}

/// The records in the record area `area`.
pub(super) fn parse(mut area: &[u8]) -> Result<Vec<Record>, RecordError> {
    let mut records = Vec::new();
    while let Some((&[kind, zero, low, high], rest)) = area.split_first_chunk::<RECORD_HEADER_LENGTH>() {
        if kind == KIND_END {
            break;
        }
        if zero != 0 {
            return Err(RecordError::ReservedNotZero);
        }
        let length = usize::from(u16::from_le_bytes([low, high]));
        let (body, rest) = rest.split_at_checked(length).ok_or(RecordError::Overrun)?;
        let record = Record { kind, body: body.to_vec() };
        record.slot()?;
        records.push(record);
        area = rest;
    }
    if area.iter().any(|&byte| byte != 0) {
        return Err(RecordError::ReservedNotZero);
    }
    match records.iter().find(|record| record.kind >= FIRST_CRITICAL_KIND) {
        Some(&Record { kind, .. }) => Err(RecordError::UnknownCritical { kind }),
        None => Ok(records),
    }
}

/// Writes `records` to the start of the zeroed `area`.
pub(super) fn write(records: &[Record], mut area: &mut [u8]) -> Result<(), RecordError> {
    for record in records {
        let length = u16::try_from(record.body.len()).map_err(|_| RecordError::NoRoom)?;
        let [low, high] = length.to_le_bytes();
        let (place, rest) = area.split_at_mut_checked(record.encoded_length()).ok_or(RecordError::NoRoom)?;
        let (header, body) = place.split_at_mut(RECORD_HEADER_LENGTH);
        header.copy_from_slice(&[record.kind, 0, low, high]);
        body.copy_from_slice(&record.body);
        area = rest;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_byte_for_byte_in_order_unknown_kinds_included() {
        let mut area = [0u8; 128];
        area[..9].copy_from_slice(&[0x90, 0, 5, 0, 1, 2, 3, 4, 5]);
        area[9..14].copy_from_slice(&[7, 0, 1, 0, 9]);
        let records = parse(&area).unwrap();
        assert_eq!(records.iter().map(Record::kind).collect::<Vec<_>>(), [0x90, 7]);
        let mut written = [0u8; 128];
        write(&records, &mut written).unwrap();
        assert_eq!(written, area);
    }

    #[test]
    fn an_unknown_slot_is_of_a_kind_below_0x80_that_is_not_defined() {
        let of_kind = |kind| Record { kind, body: Vec::new() };
        let kinds = [KIND_PASSPHRASE, KIND_KEY_FILE, KIND_RECIPIENT, 4, 0x7f, 0x80, 0xff];
        let unknown = kinds.map(|kind| of_kind(kind).is_unknown_slot());
        assert_eq!(unknown, [false, false, false, true, true, false, false]);
    }

    #[test]
    fn a_list_with_a_record_of_kind_0xc0_or_above_is_refused_and_the_first_such_kind_named() {
        let list = |kinds: [u8; 2]| parse(&kinds.map(|kind| [kind, 0, 1, 0, 9]).concat());
        for kinds in [[0xc0, 0x90], [0x90, 0xc0], [0xc0, 0xff]] {
            assert_eq!(list(kinds), Err(RecordError::UnknownCritical { kind: 0xc0 }), "{kinds:x?}");
        }
        assert_eq!(list([0xff, 0xc0]), Err(RecordError::UnknownCritical { kind: 0xff }));
    }

    #[test]
    fn the_kinds_set_aside_for_later_are_kept_without_being_known() {
        let area = [4, 0x80, 0x81, 0xbf].map(|kind| [kind, 0, 2, 0, 1, 2]).concat();
        let records = parse(&area).unwrap();
        assert_eq!(records.iter().map(Record::kind).collect::<Vec<_>>(), [4, 0x80, 0x81, 0xbf]);
        assert!(records.iter().all(|record| record.slot() == Ok(None)));
        assert_eq!(records.iter().map(Record::is_unknown_slot).collect::<Vec<_>>(), [true, false, false, false]);
        let mut written = vec![0; area.len()];
        write(&records, &mut written).unwrap();
        assert_eq!(written, area);
    }

    #[test]
    fn a_malformed_list_is_reported_before_a_critical_record_in_it() {
        assert_eq!(parse(&[0xc0, 0, 0, 0, 9, 1, 0, 0]), Err(RecordError::ReservedNotZero));
        assert_eq!(parse(&[0xc0, 0, 0, 0, 9, 0, 1, 0]), Err(RecordError::Overrun));
    }

    #[test]
    fn a_record_past_the_area_is_an_overrun() {
        assert_eq!(parse(&[9, 0, 5, 0, 1, 2, 3, 4]), Err(RecordError::Overrun));
    }

    #[test]
    fn bytes_after_the_last_record_must_be_zero() {
        assert_eq!(parse(&[0, 0, 0, 0, 0, 1]), Err(RecordError::ReservedNotZero));
        assert_eq!(parse(&[9, 0, 0, 0, 0, 1]), Err(RecordError::ReservedNotZero));
        assert_eq!(parse(&[9, 1, 0, 0]), Err(RecordError::ReservedNotZero));
    }

    #[test]
    fn a_recipient_slot_has_a_body_within_bounds() {
        let of_length = |length: usize| Record { kind: KIND_RECIPIENT, body: vec![b'a'; length] }.slot();
        assert_eq!(of_length(0), Err(RecordError::RecipientSlotLength { found: 0 }));
        assert_eq!(of_length(16_385), Err(RecordError::RecipientSlotLength { found: 16_385 }));
        for length in [1, 16_384] {
            let slot = of_length(length).unwrap().unwrap();
            assert_eq!(Record::from(&slot).slot(), Ok(Some(slot)));
        }
    }

    #[test]
    fn a_slot_of_a_wrong_length_is_refused() {
        assert_eq!(parse(&[2, 0, 1, 0, 0]), Err(RecordError::SlotLength { kind: 2, found: 1, expected: 72 }));
    }
}
