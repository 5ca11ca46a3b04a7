//! How long work takes on this machine.

pub(super) mod median;
pub(super) mod scrypt_time;
