//! One identity, or a locked file of them, which is unlocked when a slot may be for it.

use std::{
    io::{BufReader, Read},
    iter, mem,
};

use age::{
    Callbacks, DecryptError, Decryptor,
    armor::ArmoredReader,
    plugin::{self, IdentityPluginV1, ResolveError},
    scrypt,
    secrecy::SecretString,
    ssh, x25519,
};
use zeroize::Zeroizing;

use super::{IdentityFailure, IdentityFileError, Recipient, identity_file, slot_body};
use crate::{
    container::{RecipientSlot, Stanza},
    keys::{KdfLimits, Key},
};

/// Asks for a passphrase, with a question.
type Ask = Box<dyn Fn(&str) -> Option<SecretString> + Send + Sync>;

/// Takes the identities of a decrypted file.
type Parse = Box<dyn Fn(&[u8]) -> Result<Vec<Identity>, IdentityFileError> + Send + Sync>;

/// One identity of a file, or the file, as long as it is locked.
pub(super) struct Identity {
    /// What it is called.
    pub name: String,
    state: State,
}

enum State {
    Ready(Box<dyn age::Identity + Send + Sync>),
    /// An ssh key under a passphrase, and the tag in the stanzas that are for it.
    LockedKey {
        key: Box<ssh::EncryptedKey>,
        tag: String,
        ask: Ask,
    },
    /// A whole file under a passphrase.
    LockedFile {
        file: Zeroizing<Vec<u8>>,
        ask: Ask,
        parse: Parse,
    },
    Unlocked(Vec<Identity>),
    /// It cannot be used, and is not asked for again.
    Failed(IdentityFailure),
}

impl Identity {
    /// An identity that needs nothing.
    pub fn ready(name: &str, identity: impl age::Identity + Send + Sync + 'static) -> Self {
        Self { name: name.to_owned(), state: State::Ready(Box::new(identity)) }
    }

    pub fn x25519(name: &str, identity: x25519::Identity) -> Self {
        Self::ready(name, identity)
    }

    /// An identity of a plugin, which is looked for now, and run when a slot may be for it.
    pub fn plugin(name: &str, identity: plugin::Identity, callbacks: impl Callbacks) -> Self {
        let plugin = identity.plugin().to_owned();
        match IdentityPluginV1::new(&plugin, &[identity], callbacks) {
            Ok(identity) => Self::ready(name, identity),
            Err(error) => Self { name: name.to_owned(), state: State::Failed(missing(error)) },
        }
    }

    /// A private ssh key.
    ///
    /// # Errors
    ///
    /// [`IdentityFileError`].
    pub fn ssh(name: &str, key: ssh::Identity, callbacks: impl Callbacks) -> Result<Self, IdentityFileError> {
        match key {
            ssh::Identity::Unencrypted(_) => Ok(Self::ready(name, key)),
            ssh::Identity::Encrypted(ref locked) => {
                let tag = ssh_tag(key.clone()).ok_or(IdentityFileError::SshForm)?;
                let ask = Box::new(move |question: &str| callbacks.request_passphrase(question));
                let state = State::LockedKey { key: Box::new(locked.clone()), tag, ask };
                Ok(Self { name: name.to_owned(), state })
            }
            ssh::Identity::Unsupported(kind) => Err(IdentityFileError::SshKind(match kind {
                ssh::UnsupportedKey::EncryptedPem => "an ssh key in the old encrypted PEM form".to_owned(),
                ssh::UnsupportedKey::EncryptedSsh(cipher) => format!("an ssh key under the cipher {cipher}"),
                ssh::UnsupportedKey::Hardware(kind) => format!("an ssh key of a security device, {kind},"),
                ssh::UnsupportedKey::Type(kind) => format!("an ssh key of type {kind}"),
            })),
        }
    }

    /// A file of identities, which is encrypted with a passphrase.
    pub fn locked_file(name: &str, file: &[u8], callbacks: impl Callbacks) -> Self {
        let (file_name, inner) = (name.to_owned(), callbacks.clone());
        let state = State::LockedFile {
            file: Zeroizing::new(file.to_vec()),
            ask: Box::new(move |question| callbacks.request_passphrase(question)),
            parse: Box::new(move |text| identity_file::list(&file_name, text, &inner)),
        };
        Self { name: name.to_owned(), state }
    }

    /// The file key in `slot`, of which these are the `stanzas`; `None` if the slot is not for this identity. Asks for the
    /// identity's passphrase if the slot may be for it, once.
    ///
    /// # Errors
    ///
    /// [`IdentityFailure`]; of a locked identity, the same whenever it is asked for again.
    pub fn open(
        &mut self,
        slot: &RecipientSlot,
        stanzas: &[Stanza],
        limits: KdfLimits,
    ) -> Result<Option<Key>, IdentityFailure> {
        if matches!(&self.state, State::LockedKey { tag, .. } if !is_tagged(stanzas, tag)) {
            return Ok(None);
        }
        self.unlock(limits);
        match &mut self.state {
            State::Ready(identity) => slot_body::open(&**identity, slot).map_err(IdentityFailure::from),
            State::Unlocked(identities) => open_with(identities, slot, stanzas, limits),
            State::Failed(failure) => Err(failure.clone()),
            State::LockedKey { .. } | State::LockedFile { .. } => Ok(None),
        }
    }

    /// Unlocks it, if it is locked.
    fn unlock(&mut self, limits: KdfLimits) {
        let question = format!("Passphrase of {}", self.name);
        let failed = State::Failed(IdentityFailure::NoPassphrase);
        self.state = match mem::replace(&mut self.state, failed) {
            State::LockedKey { key, ask, .. } => match ask(&question) {
                Some(passphrase) => unlocked_key(&key, passphrase).unwrap_or_else(State::Failed),
                None => State::Failed(IdentityFailure::NoPassphrase),
            },
            State::LockedFile { file, ask, parse } => match ask(&question) {
                Some(passphrase) => unlocked_file(&file, passphrase, limits)
                    .and_then(|text| Ok(State::Unlocked(parse(&text)?)))
                    .unwrap_or_else(State::Failed),
                None => State::Failed(IdentityFailure::NoPassphrase),
            },
            state => state,
        };
    }
}

/// The file key in `slot`, opened with the first of the `identities` that it is for.
///
/// # Errors
///
/// The first failure of an identity, if no other opens it.
pub(super) fn open_with(
    identities: &mut [Identity],
    slot: &RecipientSlot,
    stanzas: &[Stanza],
    limits: KdfLimits,
) -> Result<Option<Key>, IdentityFailure> {
    let mut failure = None;
    for identity in identities {
        match identity.open(slot, stanzas, limits) {
            Ok(Some(key)) => return Ok(Some(key)),
            Ok(None) => {}
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    failure.map_or(Ok(None), Err)
}

fn missing(error: ResolveError) -> IdentityFailure {
    DecryptError::PluginResolve(error).into()
}

/// Whether one of the `stanzas` is for the ssh key with this tag.
fn is_tagged(stanzas: &[Stanza], tag: &str) -> bool {
    stanzas.iter().any(|stanza| stanza.kind().starts_with("ssh-") && stanza.arguments().next() == Some(tag))
}

/// The tag in stanzas for this ssh key: seen in a stanza that is made for it.
fn ssh_tag(key: ssh::Identity) -> Option<String> {
    let recipient = Recipient::of_ssh(ssh::Recipient::try_from(key).ok()?);
    let stanzas = recipient.slot(&Key::zeroed()).ok()?.stanzas().ok()?;
    stanzas.first()?.arguments().next().map(str::to_owned)
}

fn unlocked_key(key: &ssh::EncryptedKey, passphrase: SecretString) -> Result<State, IdentityFailure> {
    let key = key.decrypt(passphrase).map_err(|_| IdentityFailure::WrongPassphrase)?;
    Ok(State::Ready(Box::new(ssh::Identity::from(key))))
}

/// What the age file `file` holds, which is encrypted with `passphrase`.
fn unlocked_file(
    file: &[u8],
    passphrase: SecretString,
    limits: KdfLimits,
) -> Result<Zeroizing<Vec<u8>>, IdentityFailure> {
    let decryptor =
        Decryptor::new_buffered(BufReader::new(ArmoredReader::new(file))).map_err(|_| IdentityFileError::Form)?;
    if !decryptor.is_scrypt() {
        return Err(IdentityFileError::NotPassphrase.into());
    }
    let mut identity = scrypt::Identity::new(passphrase);
    identity.set_max_work_factor(highest_log_n(limits));
    let reader = decryptor.decrypt(iter::once(&identity as &dyn age::Identity)).map_err(|error| match error {
        DecryptError::ExcessiveWork { required, .. } => IdentityFailure::Work(required),
        _ => IdentityFailure::WrongPassphrase,
    })?;
    let mut text = Zeroizing::new(Vec::with_capacity(file.len()));
    reader.take(file.len() as u64).read_to_end(&mut text).map_err(|_| IdentityFailure::WrongPassphrase)?;
    Ok(text)
}

/// age takes scrypt with r = 8 and p = 1.
fn highest_log_n(limits: KdfLimits) -> u8 {
    (limits.memory / 1024).checked_ilog2().map_or(0, |log_n| log_n.min(30) as u8)
}
