//! Numbers of bytes as they are shown.

/// `bytes` in binary units, rounded.
pub(in crate::cli) fn display_bytes(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}
