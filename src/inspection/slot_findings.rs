//! What a key slot says about itself, as data.

use serde::{Serialize, Serializer};

use super::{quantum::Quantum, scrypt_parameters::ScryptParameters};
use crate::{
    container::{RecipientSlot, Record, Slot},
    keys::SlotKind,
    measure::scrypt_time,
};

/// A key slot.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum SlotFindings {
    Known(KnownSlotFindings),
    Unknown(UnknownSlotFindings),
}

#[derive(Serialize)]
pub(crate) struct KnownSlotFindings {
    #[serde(serialize_with = "in_kebab_case")]
    pub kind: SlotKind,
    /// Bytes of its record.
    pub bytes: usize,
    #[serde(flatten)]
    pub scrypt: Option<ScryptFindings>,
    /// For a recipient, the types of the stanzas that are for somebody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stanzas: Option<Vec<String>>,
    pub quantum: Quantum,
}

/// A key slot of a kind that this version cannot open.
#[derive(Serialize)]
#[serde(tag = "kind", rename = "unknown")]
pub(crate) struct UnknownSlotFindings {
    pub kind_number: u8,
}

#[derive(Serialize)]
pub(crate) struct ScryptFindings {
    #[serde(flatten)]
    pub parameters: ScryptParameters,
    pub seconds: Option<f64>,
}

impl SlotFindings {
    /// What `slot` says about itself.
    pub fn of(slot: &Slot) -> Self {
        let scrypt = ScryptParameters::of(slot).map(|parameters| {
            let time = parameters.cost().and_then(scrypt_time::estimated);
            ScryptFindings { parameters, seconds: time.map(|time| time.as_secs_f64()) }
        });
        let stanzas = if let Slot::Recipient(slot) = slot { Some(stanza_types(slot)) } else { None };
        let (kind, bytes) = (SlotKind::of(slot), Record::from(slot).encoded_length());
        Self::Known(KnownSlotFindings { kind, bytes, scrypt, stanzas, quantum: Quantum::of(slot) })
    }
}

/// The types of the stanzas in `slot` that are for somebody, each cut to a readable length; none if the slot is
/// malformed.
fn stanza_types(slot: &RecipientSlot) -> Vec<String> {
    const LONGEST: usize = 40;
    let stanzas = slot.stanzas().unwrap_or_default();
    let stanzas = stanzas.iter().filter(|stanza| !stanza.is_grease());
    stanzas.map(|stanza| stanza.kind().chars().take(LONGEST).collect()).collect()
}

/// In kebab case, like all names in the JSON output.
pub(super) fn in_kebab_case<S: Serializer>(kind: &SlotKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&kind.in_kebab_case())
}
