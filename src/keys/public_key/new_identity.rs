//! A fresh age identity, as a file like those that age-keygen writes.

use age::{secrecy::ExposeSecret, x25519};
use zeroize::Zeroizing;

use crate::keys::{RandomnessUnavailable, random_bytes};

/// A fresh X25519 identity.
pub struct NewIdentity {
    /// The text of its file; a secret.
    pub text: Zeroizing<String>,
    /// Its public key, `age1...`.
    pub recipient: String,
}

impl NewIdentity {
    /// A fresh identity; its file gives `created` as the time of its creation.
    ///
    /// # Errors
    ///
    /// [`RandomnessUnavailable`].
    pub fn generate(created: &str) -> Result<Self, RandomnessUnavailable> {
        // The crate would panic if this failed.
        random_bytes::<32>()?;
        let identity = x25519::Identity::generate();
        let (secret, recipient) = (identity.to_string(), identity.to_public().to_string());
        let parts = ["# created: ", created, "\n# public key: ", &recipient, "\n", secret.expose_secret(), "\n"];
        let mut text = Zeroizing::new(String::with_capacity(parts.iter().map(|part| part.len()).sum()));
        parts.iter().for_each(|part| text.push_str(part));
        Ok(Self { text, recipient })
    }
}
