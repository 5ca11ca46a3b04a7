//! What scrypt costs for a new passphrase, given as log2 N.

use clap::builder::TypedValueParser;

use crate::keys::ScryptCost;

/// Takes 14 to 30, with r = 8 and p = 1.
pub(super) fn scrypt_cost() -> impl TypedValueParser<Value = ScryptCost> {
    clap::value_parser!(u8).range(14..=30).try_map(|log_n| ScryptCost::new(log_n, 8, 1))
}
