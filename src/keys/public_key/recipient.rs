//! A public key that streams are locked with.

use std::{fmt, sync::Arc};

use age::{
    Callbacks, EncryptError,
    plugin::{self, RecipientPluginV1, ResolveError},
    ssh::{self, ParseRecipientKeyError},
    tag, tagpq, x25519,
};

use super::{
    RecipientError, RecipientFailure,
    identity_error::{one_line, plugin_messages},
    slot_body,
};
use crate::{
    container::{MAX_RECIPIENT_BODY, RecipientSlot},
    keys::Key,
};

/// How private keys begin, as age and ssh write them.
pub(super) const SECRET_STARTS: [&str; 3] = ["AGE-SECRET-KEY-", "AGE-PLUGIN-", "-----BEGIN "];

/// A public key: whoever has the private one opens the streams that are locked with it.
///
/// ```
/// use std::io::{Read, Write};
///
/// use reelseal::{
///     keys::{Identities, Lock, NewIdentity, Recipient},
///     stream::{Reader, StreamOptions, Writer},
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let identity = NewIdentity::generate("2026-11-24T10:00:00Z")?;
///
/// let recipient = Recipient::parse(&identity.recipient, age::NoCallbacks)?;
/// let mut writer = Writer::create(Vec::new(), &Lock::with_recipient(&recipient), StreamOptions::default())?;
/// writer.write_all(b"a film")?;
/// let stream = writer.finish()?;
///
/// let mut identities = Identities::default();
/// identities.add_file("archive.key", identity.text.as_bytes(), &age::NoCallbacks)?;
/// let mut film = String::new();
/// Reader::open(stream.as_slice(), identities)?.read_to_string(&mut film)?;
/// assert_eq!(film, "a film");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Recipient {
    inner: Arc<dyn age::Recipient + Send + Sync>,
    is_rsa: bool,
}

impl Recipient {
    /// The recipient in `text`: `age1...`, `age1tag...`, `age1tagpq...`, that of a plugin, or the line of an
    /// ssh-ed25519 or ssh-rsa public key. `callbacks` are for a plugin, which is looked for but not run here.
    ///
    /// # Errors
    ///
    /// [`RecipientError`].
    pub fn parse(text: &str, callbacks: impl Callbacks) -> Result<Self, RecipientError> {
        let text = text.trim();
        if SECRET_STARTS.iter().any(|start| starts_with_ignoring_case(text, start)) {
            return Err(RecipientError::SecretKey);
        }
        if let Ok(recipient) = text.parse::<x25519::Recipient>() {
            return Ok(Self::of(recipient));
        }
        if let Ok(recipient) = text.parse::<tag::Recipient>() {
            return Ok(Self::of(recipient));
        }
        if let Ok(recipient) = text.parse::<tagpq::Recipient>() {
            return Ok(Self::of(recipient));
        }
        match text.parse::<ssh::Recipient>() {
            Ok(recipient @ ssh::Recipient::SshRsa(..)) => return Ok(Self { is_rsa: true, ..Self::of(recipient) }),
            Ok(recipient) => return Ok(Self::of(recipient)),
            Err(ParseRecipientKeyError::RsaModulusTooSmall) => return Err(RecipientError::RsaTooSmall),
            Err(ParseRecipientKeyError::RsaModulusTooLarge) => return Err(RecipientError::RsaTooLarge),
            Err(ParseRecipientKeyError::Unsupported(kind)) => return Err(RecipientError::SshType(kind)),
            Err(_) => {}
        }
        let recipient: plugin::Recipient = text.parse().map_err(|_| RecipientError::Form)?;
        let name = recipient.plugin().to_owned();
        match RecipientPluginV1::new(&name, &[recipient], &[], callbacks) {
            Ok(plugin) => Ok(Self::of(plugin)),
            Err(ResolveError::MissingPlugin { binary_name }) => {
                Err(RecipientError::MissingPlugin { program: binary_name })
            }
            Err(_) => Err(RecipientError::Form),
        }
    }

    pub(super) fn of_ssh(recipient: ssh::Recipient) -> Self {
        Self::of(recipient)
    }

    fn of(recipient: impl age::Recipient + Send + Sync + 'static) -> Self {
        Self { inner: Arc::new(recipient), is_rsa: false }
    }

    /// Whether it is an RSA key: decryption may leak its private key through timing (RUSTSEC-2023-0071).
    pub fn is_rsa(&self) -> bool {
        self.is_rsa
    }

    /// A slot that holds `file_key` for it. Runs the plugin, if the recipient belongs to one.
    ///
    /// # Errors
    ///
    /// [`RecipientFailure`].
    pub(in crate::keys) fn slot(&self, file_key: &Key) -> Result<RecipientSlot, RecipientFailure> {
        let slot = slot_body::seal(&*self.inner, file_key).map_err(|error| failure(&error))?;
        if slot.body.len() > MAX_RECIPIENT_BODY {
            return Err(RecipientFailure::TooLong(slot.body.len()));
        }
        slot.stanzas()?;
        Ok(slot)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Recipient(..)")
    }
}

fn failure(error: &EncryptError) -> RecipientFailure {
    match error {
        EncryptError::Plugin(errors) => RecipientFailure::Plugin(plugin_messages(errors)),
        EncryptError::MixedRecipientAndPassphrase => RecipientFailure::Plugin("it made an scrypt stanza".to_owned()),
        error => RecipientFailure::Other(one_line(&error.to_string())),
    }
}

fn starts_with_ignoring_case(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(start))
}

#[cfg(test)]
mod tests {
    use age::{NoCallbacks, secrecy::ExposeSecret};

    use super::*;

    fn refused(text: &str) -> RecipientError {
        Recipient::parse(text, NoCallbacks).unwrap_err()
    }

    #[test]
    fn a_secret_key_is_recognised_and_not_repeated() {
        let identity = x25519::Identity::generate();
        let secret = identity.to_string();
        for text in [secret.expose_secret(), &secret.expose_secret().to_lowercase(), "AGE-PLUGIN-X-1", "-----BEGIN X"] {
            assert_eq!(refused(text), RecipientError::SecretKey);
        }
        assert!(Recipient::parse(&identity.to_public().to_string(), NoCallbacks).is_ok());
    }

    #[test]
    fn a_text_that_is_no_recipient_is_refused_and_a_plugin_is_named_only_once_its_name_was_checked() {
        let mistyped = x25519::Identity::generate().to_public().to_string().replace("age1", "age2");
        for text in ["", "clips", "age1", "age1../x", &mistyped, "ssh-ed25519", "ssh-ed25519 AAAA"] {
            assert_eq!(refused(text), RecipientError::Form, "{text}");
        }
        let missing = RecipientError::MissingPlugin { program: "age-plugin-reelsealnone".to_owned() };
        // age1reelsealnone with no data, and the same with a slash in the name.
        assert_eq!(refused(&bech32("age1reelsealnone")), missing);
        assert_eq!(refused(&bech32("age1../../bin/true")), RecipientError::Form);
    }

    /// BIP 173: `prefix` with no data, and its checksum.
    fn bech32(prefix: &str) -> String {
        bech32::encode::<bech32::Bech32>(bech32::Hrp::parse(prefix).unwrap(), &[]).unwrap()
    }
}
