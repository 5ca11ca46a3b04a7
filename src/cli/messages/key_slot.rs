//! What opens a stream, described for people.

use super::display_name::display_name;
use crate::{
    files::label::Label,
    inspection::{
        quantum::Quantum,
        scrypt_parameters::ScryptParameters,
        slot_findings::{KnownSlotFindings, SlotFindings},
    },
    keys::KeySlot,
};

/// The message that `slot` opened `input`.
pub(in crate::cli) fn opened_with(input: &Label, slot: &KeySlot) -> String {
    format!("{}: opened with key slot {} ({})", display_name(input), slot.number(), slot.kind())
}

/// The description of a slot.
pub(in crate::cli) fn described(slot: &SlotFindings) -> String {
    let slot = match slot {
        SlotFindings::Known(slot) => slot,
        SlotFindings::Unknown(unknown) => return format!("of unknown kind {}", unknown.kind_number),
    };
    let KnownSlotFindings { kind, bytes, scrypt, stanzas, quantum } = slot;
    let details = match (scrypt, stanzas) {
        (Some(scrypt), _) => scrypt_text(&scrypt.parameters),
        (None, Some(stanzas)) if !stanzas.is_empty() => format!(", {}", stanzas.join(" and ")),
        (None, _) => String::new(),
    };
    let quantum = match quantum {
        Quantum::Falls => "; a future quantum computer could open it",
        Quantum::Unknown => "; resistance to quantum computers unknown",
        Quantum::Holds => "",
    };
    format!("{kind}, {bytes} bytes{details}{quantum}")
}

fn scrypt_text(ScryptParameters { log2_n, r, p, memory }: &ScryptParameters) -> String {
    let memory = memory.map(|bytes| format!("{} MiB of memory", mebibytes(bytes)));
    let memory = memory.as_deref().unwrap_or("out of bounds");
    format!(", scrypt with N = 2^{log2_n}, r = {r}, p = {p}: {memory}")
}

/// The rounded number of mebibytes: scrypt takes a little more than a power of two.
fn mebibytes(bytes: u64) -> u64 {
    (bytes.saturating_add(1 << 19) >> 20).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::{RecipientSlot, Slot};

    #[test]
    fn a_slot_with_only_grease_names_no_stanza() {
        let body = format!("age-encryption.org/v1\n-> x-grease\n\n--- {}\n{}", "A".repeat(43), "x".repeat(64));
        let slot = Slot::Recipient(RecipientSlot { body: body.into_bytes() });
        let text = described(&SlotFindings::of(&slot));
        assert_eq!(text, "recipient, 151 bytes; resistance to quantum computers unknown");
    }

    #[test]
    fn memory_is_rounded_to_mebibytes_and_never_to_zero() {
        assert_eq!([1, (16 << 20) + 2048, (24 << 20) - 1].map(mebibytes), [1, 16, 24]);
    }
}
