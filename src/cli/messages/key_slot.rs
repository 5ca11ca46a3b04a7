//! What opens a stream, as a person reads it.

pub(in crate::cli) const KEY_FILE: &str = "key file";

/// A passphrase slot with these parameters, of which a run takes `memory` bytes; `None` if they are out of bounds.
pub(in crate::cli) fn passphrase(log_n: u8, r: u32, p: u32, memory: Option<u64>) -> String {
    let memory = memory.map(|bytes| format!("{} MiB of memory", mebibytes(bytes)));
    let memory = memory.as_deref().unwrap_or("out of bounds");
    format!("passphrase, scrypt with N = 2^{log_n}, r = {r}, p = {p}: {memory}")
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
