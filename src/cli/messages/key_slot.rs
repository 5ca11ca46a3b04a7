//! What opens a stream, as a person reads it.

use crate::{inspection::scrypt_parameters::ScryptParameters, keys::SlotKind};

/// A slot of this kind.
pub(in crate::cli) fn described(kind: SlotKind, scrypt: Option<&ScryptParameters>) -> String {
    let Some(ScryptParameters { log2_n, r, p, memory }) = scrypt else { return kind.to_string() };
    let memory = memory.map(|bytes| format!("{} MiB of memory", mebibytes(bytes)));
    let memory = memory.as_deref().unwrap_or("out of bounds");
    format!("{kind}, scrypt with N = 2^{log2_n}, r = {r}, p = {p}: {memory}")
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
