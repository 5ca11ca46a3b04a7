//! What a key slot will demand of a header, and of those who open it.

use super::{KdfError, ScryptCost, SlotKind};
use crate::container::{
    KeyFileSlot, PassphraseSlot, RecipientSlot, Record, SALT_LENGTH, SHORTEST_BODY, Slot, WRAPPED_KEY_LENGTH,
};

/// What a new slot demands: room in the header, and scrypt work when it is opened. It is known before there is a secret
/// for the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotDemand {
    /// Bytes of its record.
    pub(super) length: usize,
    /// `None` for a slot that opens without scrypt.
    pub(super) scrypt: Option<ScryptCost>,
    pub(super) is_for_recipient: bool,
    /// Whether the slot may be longer.
    pub(super) is_least: bool,
}

impl SlotDemand {
    /// The demand of a passphrase slot at `cost`.
    pub fn passphrase(cost: ScryptCost) -> Self {
        let (log_n, r, p) = cost.parameters();
        let (salt, wrapped) = ([0; SALT_LENGTH], [0; WRAPPED_KEY_LENGTH]);
        let blank = Slot::Passphrase(PassphraseSlot { log_n, r, p, salt, wrapped });
        Self {
            length: Record::from(&blank).encoded_length(),
            scrypt: Some(cost),
            is_for_recipient: false,
            is_least: false,
        }
    }

    /// The demand of a key-file slot.
    pub fn key_file() -> Self {
        let blank = Slot::KeyFile(KeyFileSlot { salt: [0; SALT_LENGTH], wrapped: [0; WRAPPED_KEY_LENGTH] });
        Self { length: Record::from(&blank).encoded_length(), scrypt: None, is_for_recipient: false, is_least: false }
    }

    /// The least demand of a recipient's slot; its length is known only once it is made.
    pub fn recipient() -> Self {
        let blank = Slot::Recipient(RecipientSlot { body: vec![0; SHORTEST_BODY] });
        let length = Record::from(&blank).encoded_length();
        Self { length, scrypt: None, is_for_recipient: true, is_least: true }
    }

    /// The demand of `slot`, which is made.
    pub(super) fn of(slot: &Slot) -> Result<Self, KdfError> {
        let scrypt = if let Slot::Passphrase(slot) = slot { Some(ScryptCost::of(slot)?) } else { None };
        let is_for_recipient = SlotKind::of(slot) == SlotKind::Recipient;
        Ok(Self { length: Record::from(slot).encoded_length(), scrypt, is_for_recipient, is_least: false })
    }
}
