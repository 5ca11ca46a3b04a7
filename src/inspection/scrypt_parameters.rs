//! The scrypt parameters that a passphrase slot names.

use serde::Serialize;

use crate::{container::Slot, keys::ScryptCost};

/// The scrypt parameters that a passphrase slot names.
#[derive(Serialize)]
pub(crate) struct ScryptParameters {
    pub log2_n: u8,
    pub r: u32,
    pub p: u32,
    /// Bytes, or `None` for parameters out of bounds.
    pub memory: Option<u64>,
}

impl ScryptParameters {
    /// The parameters in `slot`; `None` if it opens without scrypt.
    pub fn of(slot: &Slot) -> Option<Self> {
        let Slot::Passphrase(slot) = slot else { return None };
        let memory = ScryptCost::of(slot).ok().map(ScryptCost::memory);
        Some(Self { log2_n: slot.log_n, r: slot.r, p: slot.p, memory })
    }

    /// The cost that the parameters amount to, if they are within bounds.
    pub fn cost(&self) -> Option<ScryptCost> {
        ScryptCost::new(self.log2_n, self.r, self.p).ok()
    }
}
