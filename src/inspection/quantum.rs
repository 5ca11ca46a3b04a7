//! Whether a key slot resists a future quantum computer that attacks a file recorded today.

use serde::Serialize;

use crate::container::{Slot, Stanza};

/// How a slot fares against a quantum computer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Quantum {
    /// It holds, as far as is known: symmetric keys, and hybrids with ML-KEM.
    Holds,
    /// The slot could be opened: elliptic curves and RSA.
    Falls,
    /// The type of a stanza is unknown.
    Unknown,
}

/// Stanza types based on elliptic curves or RSA.
const CLASSIC: [&str; 5] = ["X25519", "ssh-ed25519", "ssh-rsa", "p256tag", "piv-p256"];
/// Stanza types based on hybrids with ML-KEM.
const HYBRID: [&str; 2] = ["mlkem768p256tag", "mlkem768x25519"];

impl Quantum {
    /// How `slot` fares: each of its stanzas is a way in.
    pub fn of(slot: &Slot) -> Self {
        let Slot::Recipient(slot) = slot else { return Self::Holds };
        let Ok(stanzas) = slot.stanzas() else { return Self::Unknown };
        let mut all = stanzas.iter().filter(|stanza| !stanza.is_grease()).map(Self::of_stanza).peekable();
        if all.peek().is_none() {
            return Self::Unknown;
        }
        all.fold(Self::Holds, |one, other| match (one, other) {
            (Self::Falls, _) | (_, Self::Falls) => Self::Falls,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Holds, Self::Holds) => Self::Holds,
        })
    }

    fn of_stanza(stanza: &Stanza) -> Self {
        match stanza.kind() {
            kind if CLASSIC.contains(&kind) => Self::Falls,
            kind if HYBRID.contains(&kind) => Self::Holds,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::RecipientSlot;

    #[test]
    fn a_slot_is_as_weak_as_its_weakest_stanza_and_grease_does_not_count() {
        let of = |kinds: &[&str]| {
            let stanzas: String = kinds.iter().map(|kind| format!("-> {kind}\n\n")).collect();
            let body = format!("age-encryption.org/v1\n{stanzas}--- {}\n{}", "A".repeat(43), "x".repeat(64));
            Quantum::of(&Slot::Recipient(RecipientSlot { body: body.into_bytes() }))
        };
        assert_eq!(of(&["X25519", "x-grease"]), Quantum::Falls);
        assert_eq!(of(&["mlkem768p256tag", "x-grease"]), Quantum::Holds);
        assert_eq!(of(&["mlkem768x25519", "other"]), Quantum::Unknown);
        assert_eq!(of(&["other", "ssh-rsa"]), Quantum::Falls);
        assert_eq!(of(&["x-grease"]), Quantum::Unknown);
        assert_eq!(of(&[]), Quantum::Unknown);
    }
}
