//! What opens a stream, as a person reads it.

use crate::inspection::{
    findings::{KnownSlotFindings, SlotFindings},
    quantum::Quantum,
    scrypt_parameters::ScryptParameters,
};

/// A slot of this kind.
pub(in crate::cli) fn described(slot: &SlotFindings) -> String {
    let slot = match slot {
        SlotFindings::Known(slot) => slot,
        SlotFindings::Unknown(unknown) => return format!("of unknown kind {}", unknown.kind_number),
    };
    let KnownSlotFindings { kind, bytes, scrypt, stanzas, quantum } = slot;
    let details = match (scrypt, stanzas) {
        (Some(scrypt), _) => scrypt_text(&scrypt.parameters),
        (None, Some(stanzas)) => format!(", {}", stanzas.join(" and ")),
        (None, None) => String::new(),
    };
    let quantum = match quantum {
        Quantum::Falls => "; a quantum computer will open it, if the file is kept until there is one",
        Quantum::Unknown => "; whether a quantum computer will open it is not known",
        Quantum::Holds => "",
    };
    format!("{kind}, {bytes} bytes{details}{quantum}")
}

fn scrypt_text(ScryptParameters { log2_n, r, p, memory }: &ScryptParameters) -> String {
    let memory = memory.map(|bytes| format!("{} MiB of memory", mebibytes(bytes)));
    let memory = memory.as_deref().unwrap_or("out of bounds");
    format!(", scrypt with N = 2^{log2_n}, r = {r}, p = {p}: {memory}")
}

/// Rounded: scrypt takes a little more than a power of two.
fn mebibytes(bytes: u64) -> u64 {
    (bytes.saturating_add(1 << 19) >> 20).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_rounded_to_mebibytes_and_never_none() {
        assert_eq!([1, (16 << 20) + 2048, (24 << 20) - 1].map(mebibytes), [1, 16, 24]);
    }
}
