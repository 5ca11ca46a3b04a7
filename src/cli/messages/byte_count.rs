//! Numbers of bytes as they are shown.

/// `bytes` in binary units, rounded.
pub(in crate::cli) fn display_bytes(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

/// `bytes` as an exact number of bytes.
pub(in crate::cli) fn count_of_bytes(bytes: u64) -> String {
    if bytes == 1 { "1 byte".to_owned() } else { format!("{bytes} bytes") }
}

/// Says that this many `bytes` of something are there.
pub(in crate::cli) fn are_there(bytes: u64) -> String {
    format!("{} of it {} there", count_of_bytes(bytes), if bytes == 1 { "is" } else { "are" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_is_singular() {
        assert_eq!([0, 1, 2].map(count_of_bytes), ["0 bytes", "1 byte", "2 bytes"]);
        assert_eq!([1, 2].map(are_there), ["1 byte of it is there", "2 bytes of it are there"]);
    }
}
