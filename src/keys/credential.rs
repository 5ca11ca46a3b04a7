//! A secret for opening streams, with the limits on scrypt and the keys that scrypt has already derived.

use super::{
    KdfError, KdfLimits, Key, KeyFile, Passphrase, ScryptCost, Secret, SlotKind, UnlockError,
    wrapping::{DerivedKey, unwrap_key_file_slot},
};
use crate::container::Slot;

/// What a user opens streams with. Used for several streams, it runs scrypt only once for all that share a salt and a
/// cost.
///
/// ```
/// use reelseal::keys::{Credential, KdfLimits, Passphrase, SlotKind};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let limits = KdfLimits { memory: 64 << 20 };
/// let credential = Credential::new(Passphrase::new("ostrich in a bathtub")?, limits);
/// assert_eq!(credential.kind(), SlotKind::Passphrase);
/// # Ok(())
/// # }
/// ```
pub struct Credential {
    secret: Secret,
    limits: KdfLimits,
    /// The keys that scrypt has derived so far, if the secret is a passphrase.
    derived: Vec<DerivedKey>,
}

impl Credential {
    /// A credential with `secret`, used only at costs within `limits`.
    pub fn new(secret: impl Into<Secret>, limits: KdfLimits) -> Self {
        Self { secret: secret.into(), limits, derived: Vec::new() }
    }

    /// The secret.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// The kind of the slots that it opens.
    pub fn kind(&self) -> SlotKind {
        self.secret.kind()
    }

    /// What scrypt may cost.
    pub fn limits(&self) -> KdfLimits {
        self.limits
    }

    /// Prepares for the slots of another header.
    pub(super) fn begin_header(&mut self) {
        #[cfg(feature = "age")]
        if let Secret::Identities(identities) = &mut self.secret {
            identities.begin_header();
        }
    }

    /// Why no slot of the header opened.
    pub(super) fn failure(&self) -> UnlockError {
        #[cfg(feature = "age")]
        if let Secret::Identities(identities) = &self.secret
            && let Some(failure) = identities.failure()
        {
            return UnlockError::Identity(failure.clone());
        }
        UnlockError::WrongSecret(self.kind())
    }

    /// The file key in `slot`, or `None` if the slot is of another kind or for another secret. The caller has checked
    /// the cost.
    ///
    /// # Errors
    ///
    /// [`KdfError::OutOfBounds`], [`KdfError::OutOfMemory`].
    pub(super) fn unwrap(&mut self, slot: &Slot) -> Result<Option<Key>, KdfError> {
        match (&mut self.secret, slot) {
            (Secret::Passphrase(passphrase), Slot::Passphrase(slot)) => {
                if let Some(derived) = self.derived.iter().find(|derived| derived.serves(slot)) {
                    return Ok(derived.unwrap(slot));
                }
                let derived = DerivedKey::derive(passphrase, slot.salt, ScryptCost::of(slot)?)?;
                let file_key = derived.unwrap(slot);
                self.derived.push(derived);
                Ok(file_key)
            }
            (Secret::KeyFile(key_file), Slot::KeyFile(slot)) => Ok(unwrap_key_file_slot(key_file, slot)),
            #[cfg(feature = "age")]
            (Secret::Identities(identities), Slot::Recipient(slot)) => Ok(identities.open(slot, self.limits)),
            _ => Ok(None),
        }
    }
}

impl From<Secret> for Credential {
    /// The secret, with the default limits on what scrypt may cost.
    fn from(secret: Secret) -> Self {
        Self::new(secret, KdfLimits::default())
    }
}

impl From<Passphrase> for Credential {
    /// The passphrase, with the default limits on what scrypt may cost.
    fn from(passphrase: Passphrase) -> Self {
        Self::new(passphrase, KdfLimits::default())
    }
}

impl From<KeyFile> for Credential {
    fn from(key_file: KeyFile) -> Self {
        Self::new(key_file, KdfLimits::default())
    }
}

impl From<&KeyFile> for Credential {
    fn from(key_file: &KeyFile) -> Self {
        key_file.clone().into()
    }
}

#[cfg(feature = "age")]
impl From<super::Identities> for Credential {
    fn from(identities: super::Identities) -> Self {
        Self::new(identities, KdfLimits::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scrypt_runs_once_for_all_slots_of_one_salt_and_cost() {
        let (passphrase, file_key) = (|| Passphrase::new("one").unwrap(), Key::from_bytes([9; 32]));
        let slot = |salt, log_n| {
            let cost = ScryptCost::new(log_n, 8, 1).unwrap();
            Slot::Passphrase(DerivedKey::derive(&passphrase(), [salt; 32], cost).unwrap().wrap(&file_key))
        };
        let mut credential = Credential::from(passphrase());
        for (slot, runs) in [(slot(1, 4), 1), (slot(1, 4), 1), (slot(2, 4), 2), (slot(1, 5), 3), (slot(2, 4), 3)] {
            assert_eq!(credential.unwrap(&slot).unwrap().unwrap().bytes(), file_key.bytes());
            assert_eq!(credential.derived.len(), runs);
        }
    }
}
