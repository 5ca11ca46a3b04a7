//! Reading fields of fixed lengths one after the other.

/// The first `N` of `bytes`, and the rest.
#[expect(clippy::expect_used, reason = "callers hold as many bytes as all their fields together have")]
pub(super) fn field<const N: usize>(bytes: &[u8]) -> ([u8; N], &[u8]) {
    let (field, rest) = bytes.split_first_chunk().expect("there are as many bytes as the fields have");
    (*field, rest)
}
