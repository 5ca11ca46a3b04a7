//! Numbers that start at 1.

use std::num::NonZero;

pub(super) fn count(text: &str) -> Result<NonZero<usize>, String> {
    text.parse().map_err(|_| "not a whole number, 1 or more".to_owned())
}
