//! The key slots of a header, and changes to them: what is kept, and what is refused.

use std::num::NonZero;

use thiserror::Error;

use super::{ForeignSlot, KdfError, KdfLimits, ScryptCost, SlotKind, UnlockError, slot_demand::SlotDemand};
use crate::container::{Header, HeaderError, MAX_PASSPHRASE_SLOTS, MAX_RECIPIENT_SLOTS, PassphraseSlot, Record, Slot};

/// The key slots of a header. Their number and the bounds of their parameters have been checked.
///
/// A change returns the header's new records. All records that the change does not concern, including those of unknown
/// kind, are kept byte for byte and in order.
#[derive(Clone, Debug)]
pub struct KeySlots {
    records: Vec<Record>,
    slots: Vec<KeySlot>,
    /// The number of bytes available for records.
    record_area: usize,
}

/// A key slot and its position in a header. It comes from the [`KeySlots`] of that header, and the [`KeySlots`] of a
/// header that does not contain it refuse it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySlot {
    number: NonZero<usize>,
    /// The index of its record, from 0.
    record: usize,
    slot: Slot,
}

/// Why a change to a header's slots is refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SlotChangeError {
    /// The existing slots are already out of bounds or too costly.
    #[error(transparent)]
    Slots(#[from] UnlockError),
    /// The slot to be changed is not one of them.
    #[error(transparent)]
    ForeignSlot(#[from] ForeignSlot),
    /// Readers refuse a ninth passphrase slot.
    #[error("there are {MAX_PASSPHRASE_SLOTS} passphrase slots already, the most that are allowed")]
    Full,
    /// Readers refuse a 33rd recipient slot.
    #[error("a file opens with at most {MAX_RECIPIENT_SLOTS} recipients")]
    TooManyRecipients,
    /// Opening the header would take more scrypt work than allowed.
    #[error("with one more slot, {0}")]
    Work(KdfError),
    /// A new slot costs more than one scrypt run may.
    #[error(transparent)]
    Cost(KdfError),
    /// The new slots do not fit.
    #[error("the header has no room: the new key slots need {}{needed} bytes, and {free} are free", at_least(*.is_least))]
    NoRoom {
        /// Bytes that the new slots take.
        needed: usize,
        /// Whether they may take more: the length of a recipient's slot is known only once it is made.
        is_least: bool,
        /// Bytes available for them.
        free: usize,
    },
    /// Nothing would open the stream any more.
    #[error("the only key slot cannot be removed: nothing would open the stream any more")]
    LastSlot,
}

impl KeySlot {
    /// Its number among the header's slots, from 1, as shown to users.
    pub fn number(&self) -> NonZero<usize> {
        self.number
    }

    /// What opens it.
    pub fn kind(&self) -> SlotKind {
        SlotKind::of(&self.slot)
    }

    /// Its fields.
    pub fn slot(&self) -> &Slot {
        &self.slot
    }
}

impl KeySlots {
    /// The key slots of `header`.
    ///
    /// # Errors
    ///
    /// [`UnlockError::TooManySlots`], [`UnlockError::Kdf`] for parameters out of bounds,
    /// [`UnlockError::TooManyRecipientSlots`], [`UnlockError::RecipientSlot`], [`UnlockError::Header`].
    pub fn of(header: &Header) -> Result<Self, UnlockError> {
        let mut slots = Vec::new();
        for (at, record) in header.records.iter().enumerate() {
            if let Some(slot) = record.slot().map_err(HeaderError::from)? {
                let number = NonZero::<usize>::MIN.saturating_add(slots.len());
                slots.push(KeySlot { number, record: at, slot });
            }
        }
        let passphrase_slots = passphrase_slots(&slots);
        if passphrase_slots.len() > MAX_PASSPHRASE_SLOTS {
            return Err(UnlockError::TooManySlots(passphrase_slots.len()));
        }
        for slot in &passphrase_slots {
            ScryptCost::of(slot)?;
        }
        let recipient_slots = slots.iter().filter(|slot| slot.kind() == SlotKind::Recipient).count();
        if recipient_slots > MAX_RECIPIENT_SLOTS {
            return Err(UnlockError::TooManyRecipientSlots(recipient_slots));
        }
        for slot in &slots {
            if let Slot::Recipient(slot) = &slot.slot {
                slot.stanzas()?;
            }
        }
        Ok(Self { records: header.records.clone(), slots, record_area: header.length.record_area() })
    }

    /// The slots in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &KeySlot> {
        self.slots.iter()
    }

    /// The slot with this number.
    pub fn numbered(&self, number: NonZero<usize>) -> Option<&KeySlot> {
        self.slots.iter().find(|slot| slot.number == number)
    }

    /// The kind numbers of the slots that this version does not know, in order.
    pub fn unknown_kinds(&self) -> impl Iterator<Item = u8> {
        self.records.iter().filter(|record| record.is_unknown_slot()).map(Record::kind)
    }

    /// Fails unless `slot` is one of these.
    ///
    /// # Errors
    ///
    /// [`ForeignSlot`].
    pub(super) fn check_own(&self, slot: &KeySlot) -> Result<(), ForeignSlot> {
        if self.slots.contains(slot) { Ok(()) } else { Err(ForeignSlot) }
    }

    /// Fails unless a secret of the kind `wanted` may open one of these, at a cost within `limits`.
    ///
    /// # Errors
    ///
    /// [`UnlockError::NoSuchSlot`], [`UnlockError::Kdf`].
    pub fn check_opening(&self, wanted: SlotKind, limits: KdfLimits) -> Result<(), UnlockError> {
        let mut present: Vec<_> = self.slots.iter().map(KeySlot::kind).collect();
        if !present.contains(&wanted) {
            present.sort_unstable();
            present.dedup();
            return Err(UnlockError::NoSuchSlot { wanted, present });
        }
        if wanted == SlotKind::Passphrase {
            limits.check(&passphrase_slots(&self.slots))?;
        }
        Ok(())
    }

    /// Fails unless the header can take the `new` slots after its others: it has room for them, and opening it
    /// afterwards is still within `limits`.
    ///
    /// # Errors
    ///
    /// [`SlotChangeError`].
    pub fn check_added(&self, new: &[SlotDemand], limits: KdfLimits) -> Result<(), SlotChangeError> {
        self.check_change(None, new, limits)
    }

    /// Like [`KeySlots::check_added`], for `new` slots that replace `old`.
    ///
    /// # Errors
    ///
    /// [`SlotChangeError`].
    pub fn check_replaced(&self, old: &KeySlot, new: &[SlotDemand], limits: KdfLimits) -> Result<(), SlotChangeError> {
        self.check_change(Some(old), new, limits)
    }

    /// The header's records followed by the `new` slots, checked as by [`KeySlots::check_added`].
    ///
    /// # Errors
    ///
    /// [`SlotChangeError`].
    pub fn with_added(&self, new: &[Slot], limits: KdfLimits) -> Result<Vec<Record>, SlotChangeError> {
        self.change(None, new, limits)
    }

    /// The header's records with the `new` slots instead of `old`, checked as by [`KeySlots::check_replaced`].
    ///
    /// # Errors
    ///
    /// [`SlotChangeError`].
    pub fn with_replaced(
        &self,
        old: &KeySlot,
        new: &[Slot],
        limits: KdfLimits,
    ) -> Result<Vec<Record>, SlotChangeError> {
        self.change(Some(old), new, limits)
    }

    /// The header's records without `old`.
    ///
    /// # Errors
    ///
    /// [`SlotChangeError::LastSlot`] if no other slot is left, [`SlotChangeError::ForeignSlot`].
    pub fn without(&self, old: &KeySlot) -> Result<Vec<Record>, SlotChangeError> {
        // Removing a slot adds no cost, so the limits do not matter.
        self.change(Some(old), &[], KdfLimits::default())
    }

    fn change(&self, old: Option<&KeySlot>, new: &[Slot], limits: KdfLimits) -> Result<Vec<Record>, SlotChangeError> {
        let demands: Result<Vec<_>, _> = new.iter().map(SlotDemand::of).collect();
        self.check_change(old, &demands.map_err(SlotChangeError::Cost)?, limits)?;
        let new = || new.iter().map(Record::from);
        let mut records = Vec::new();
        for (at, record) in self.records.iter().enumerate() {
            match old {
                Some(old) if old.record == at => records.extend(new()),
                _ => records.push(record.clone()),
            }
        }
        if old.is_none() {
            records.extend(new());
        }
        Ok(records)
    }

    fn check_change(
        &self,
        old: Option<&KeySlot>,
        new: &[SlotDemand],
        limits: KdfLimits,
    ) -> Result<(), SlotChangeError> {
        old.map_or(Ok(()), |old| self.check_own(old))?;
        let kept = || self.slots.iter().filter(|slot| Some(*slot) != old);
        if new.is_empty() && kept().next().is_none() {
            return Err(SlotChangeError::LastSlot);
        }
        let costs: Vec<_> = new.iter().filter_map(|demand| demand.scrypt).collect();
        if !costs.is_empty() {
            check_scrypt(&passphrase_slots(kept()), &costs, limits)?;
        }
        let recipients = kept().filter(|slot| slot.kind() == SlotKind::Recipient).count();
        let added = new.iter().filter(|demand| demand.is_for_recipient).count();
        if added > 0 && recipients + added > MAX_RECIPIENT_SLOTS {
            return Err(SlotChangeError::TooManyRecipients);
        }
        let kept = self.records.iter().enumerate().filter(|(at, _)| old.is_none_or(|old| old.record != *at));
        let taken: usize = kept.map(|(_, record)| record.encoded_length()).sum();
        let (needed, free) = (new.iter().map(|demand| demand.length).sum(), self.record_area.saturating_sub(taken));
        let is_least = new.iter().any(|demand| demand.is_least);
        if needed > free { Err(SlotChangeError::NoRoom { needed, is_least, free }) } else { Ok(()) }
    }
}

fn at_least(is_least: bool) -> &'static str {
    if is_least { "at least " } else { "" }
}

/// Fails unless opening a header with the passphrase slots `kept` and new ones at the costs `new` is within `limits`.
fn check_scrypt(kept: &[PassphraseSlot], new: &[ScryptCost], limits: KdfLimits) -> Result<(), SlotChangeError> {
    if kept.len() + new.len() > MAX_PASSPHRASE_SLOTS {
        return Err(SlotChangeError::Full);
    }
    limits.check(kept).map_err(UnlockError::from)?;
    new.iter().try_for_each(|&cost| limits.check_memory(cost)).map_err(SlotChangeError::Cost)?;
    limits.check_with_new(kept, new).map_err(SlotChangeError::Work)
}

fn passphrase_slots<'a>(slots: impl IntoIterator<Item = &'a KeySlot>) -> Vec<PassphraseSlot> {
    slots.into_iter().filter_map(|slot| passphrase_slot(&slot.slot).cloned()).collect()
}

fn passphrase_slot(slot: &Slot) -> Option<&PassphraseSlot> {
    if let Slot::Passphrase(slot) = slot { Some(slot) } else { None }
}

#[cfg(test)]
mod tests;
