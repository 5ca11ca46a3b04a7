//! How fast this machine is: frames through the stages and the chain, and scrypt.

mod median;
pub(crate) mod rates;
pub(crate) mod scrypt_time;
pub(crate) mod scrypt_times;
