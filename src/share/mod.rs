//! Streams that are offered to other programs, decrypted while they are read.
//!
//! [`tree`] has the names and opens what is behind them.

#[allow(dead_code, unused_imports, reason = "serve and mount come next")]
pub(crate) mod tree;
