//! Streams that are offered to other programs, decrypted while they are read.
//!
//! [`tree`] has the names and opens what is behind them; [`http`] offers a tree to players and browsers; [`player`] knows how
//! players are told where it is.

pub(crate) mod http;
pub(crate) mod player;
#[allow(dead_code, reason = "mount reads at places, and says what failed by the system's numbers")]
pub(crate) mod tree;
