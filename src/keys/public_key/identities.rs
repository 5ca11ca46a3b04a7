//! The private keys that a user opens streams with.

use std::fmt;

use age::Callbacks;

use super::{IdentityError, IdentityFileError, identity::Identity, identity_file};
use crate::{
    container::RecipientSlot,
    keys::{KdfLimits, Key},
};

/// Any number of identities, from any number of files. Each is tried with each recipient slot at most once.
#[derive(Default)]
pub struct Identities {
    identities: Vec<Identity>,
    /// Why one of them could not be used with the current header.
    failure: Option<IdentityError>,
}

impl Identities {
    /// The most bytes of a file of identities.
    pub const MAX_FILE_LENGTH: usize = 1 << 20;

    /// Adds the identities in `text`, the whole of a file that is called `name` in messages: a list of age and plugin
    /// identities, one per line; such a list, encrypted with a passphrase; or a private ssh key. `callbacks` are used
    /// to ask for passphrases and to serve plugins, only once a slot may be for the identity. A plugin runs only then.
    ///
    /// # Errors
    ///
    /// [`IdentityFileError`].
    pub fn add_file(&mut self, name: &str, text: &[u8], callbacks: &impl Callbacks) -> Result<(), IdentityFileError> {
        self.identities.extend(identity_file::parse(name, text, callbacks)?);
        Ok(())
    }

    /// Whether there is an RSA key among them, which decryption may leak through timing (RUSTSEC-2023-0071).
    pub fn has_rsa(&self) -> bool {
        self.identities.iter().any(|identity| identity.is_rsa)
    }

    /// Forgets what failed with another header.
    pub(in crate::keys) fn begin_header(&mut self) {
        self.failure = None;
        self.identities.iter_mut().for_each(Identity::begin_header);
    }

    /// The file key in `slot`; `None` if none of the identities opens it. [`Identities::failure`] then says what
    /// failed.
    pub(in crate::keys) fn open(&mut self, slot: &RecipientSlot, limits: KdfLimits) -> Option<Key> {
        let stanzas = slot.stanzas().ok()?;
        for identity in &mut self.identities {
            match identity.open(slot, &stanzas, limits) {
                Ok(Some(key)) => return Some(key),
                Ok(None) => {}
                Err(failure) => {
                    self.failure.get_or_insert_with(|| IdentityError { name: identity.name.clone(), failure });
                }
            }
        }
        None
    }

    /// Why an identity could not be used since [`Identities::begin_header`]; the first failure.
    pub(in crate::keys) fn failure(&self) -> Option<&IdentityError> {
        self.failure.as_ref()
    }

    /// Just `identity`, for tests that count what is done with it.
    #[cfg(test)]
    pub(in crate::keys) fn of(identity: impl age::Identity + Send + Sync + 'static) -> Self {
        Self { identities: vec![Identity::ready("test", identity)], failure: None }
    }
}

impl fmt::Debug for Identities {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Identities(..)")
    }
}
