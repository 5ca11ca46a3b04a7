//! One identity, or a locked file of them, which is unlocked once a slot may be for one of them.

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
    ssh,
};
use zeroize::Zeroizing;

use super::{IdentityFailure, IdentityFileError, Recipient, slot_body};
use crate::{
    container::{RecipientSlot, Stanza},
    keys::{KdfLimits, Key, ScryptCost},
};

/// Asks for a passphrase, with a question.
type Ask = Box<dyn Fn(&str) -> Option<SecretString> + Send + Sync>;

/// Takes the identities of a decrypted file.
pub(super) type Parse = Box<dyn Fn(&[u8]) -> Result<Vec<Identity>, IdentityFileError> + Send + Sync>;

/// One identity of a file, or the whole file while it is locked.
pub(super) struct Identity {
    /// What it is called.
    pub name: String,
    /// Whether it is an RSA key.
    pub is_rsa: bool,
    state: State,
    /// How it failed with the current header: with the other slots it would fail again, and prompt again.
    failed: Option<IdentityFailure>,
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
        file: Vec<u8>,
        ask: Ask,
        parse: Parse,
    },
    Unlocked(Vec<Identity>),
    /// It cannot be used, and the user is not asked again.
    Failed(IdentityFailure),
}

impl Identity {
    /// An identity that needs no unlocking.
    pub fn ready(name: &str, identity: impl age::Identity + Send + Sync + 'static) -> Self {
        Self::new(name, State::Ready(Box::new(identity)))
    }

    /// An identity of a plugin. The plugin is looked for now, and run once a slot may be for the identity. Known limits
    /// of the crate: each run leaves a zombie until this process ends, and if a plugin does not start, the slot counts
    /// as one for another identity.
    pub fn plugin(name: &str, identity: plugin::Identity, callbacks: impl Callbacks) -> Self {
        let plugin = identity.plugin().to_owned();
        match IdentityPluginV1::new(&plugin, &[identity], callbacks) {
            Ok(identity) => Self::ready(name, identity),
            Err(error) => Self::new(name, State::Failed(missing(error))),
        }
    }

    /// A private ssh key.
    ///
    /// # Errors
    ///
    /// [`IdentityFileError`].
    pub fn ssh(name: &str, key: ssh::Identity, callbacks: impl Callbacks) -> Result<Self, IdentityFileError> {
        let is_rsa = matches!(ssh::Recipient::try_from(key.clone()), Ok(ssh::Recipient::SshRsa(..)));
        match key {
            ssh::Identity::Unencrypted(_) => Ok(Self { is_rsa, ..Self::ready(name, key) }),
            ssh::Identity::Encrypted(ref locked) => {
                let tag = ssh_tag(key.clone()).ok_or(IdentityFileError::SshForm)?;
                let ask = Box::new(move |question: &str| callbacks.request_passphrase(question));
                let state = State::LockedKey { key: Box::new(locked.clone()), tag, ask };
                Ok(Self { is_rsa, ..Self::new(name, state) })
            }
            ssh::Identity::Unsupported(kind) => Err(IdentityFileError::SshKind(match kind {
                ssh::UnsupportedKey::EncryptedPem => "an ssh key in the old encrypted PEM form".to_owned(),
                ssh::UnsupportedKey::EncryptedSsh(cipher) => format!("an ssh key under the cipher {cipher}"),
                ssh::UnsupportedKey::Hardware(kind) => format!("an ssh key of a security device, {kind},"),
                ssh::UnsupportedKey::Type(kind) => format!("an ssh key of type {kind}"),
            })),
        }
    }

    /// A file of identities, which is encrypted with a passphrase; `parse` reads what was decrypted.
    pub fn locked_file(name: &str, file: &[u8], callbacks: impl Callbacks, parse: Parse) -> Self {
        let ask = Box::new(move |question: &str| callbacks.request_passphrase(question));
        let state = State::LockedFile { file: file.to_vec(), ask, parse };
        Self::new(name, state)
    }

    fn new(name: &str, state: State) -> Self {
        Self { name: name.to_owned(), is_rsa: false, state, failed: None }
    }

    /// Forgets what failed with another header.
    pub fn begin_header(&mut self) {
        self.failed = None;
        if let State::Unlocked(identities) = &mut self.state {
            identities.iter_mut().for_each(Self::begin_header);
        }
    }

    /// The file key in `slot`, of which these are the `stanzas`; `None` if the slot is not for this identity. Asks for
    /// the identity's passphrase, once, if the slot may be for the identity.
    ///
    /// # Errors
    ///
    /// [`IdentityFailure`]; for a locked identity, the same one each time.
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
            State::Ready(identity) => match &self.failed {
                Some(failure) => Err(failure.clone()),
                None => slot_body::open(&**identity, slot).map_err(|error| {
                    let failure = IdentityFailure::from(error);
                    self.failed = Some(failure.clone());
                    failure
                }),
            },
            State::Unlocked(identities) => open_with(identities, slot, stanzas, limits),
            State::Failed(failure) => Err(failure.clone()),
            State::LockedKey { .. } | State::LockedFile { .. } => Ok(None),
        }
    }

    /// Unlocks the identity or the file, if it is locked.
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
/// The first failure of an identity, if no other identity opens it.
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

/// The tag in stanzas for this ssh key. The crate does not expose it, so a stanza is made for the key, from a file key
/// of zeros that protects nothing, and only its tag is kept.
fn ssh_tag(key: ssh::Identity) -> Option<String> {
    let recipient = Recipient::of_ssh(ssh::Recipient::try_from(key).ok()?);
    let stanzas = recipient.slot(&Key::zeroed()).ok()?.stanzas().ok()?;
    stanzas.first()?.arguments().next().map(str::to_owned)
}

fn unlocked_key(key: &ssh::EncryptedKey, passphrase: SecretString) -> Result<State, IdentityFailure> {
    let key = key.decrypt(passphrase).map_err(|_| IdentityFailure::WrongPassphrase)?;
    Ok(State::Ready(Box::new(ssh::Identity::from(key))))
}

/// The content of the age file `file`, which is encrypted with `passphrase`.
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

/// age uses scrypt with r = 8 and p = 1.
fn highest_log_n(limits: KdfLimits) -> u8 {
    let is_allowed = |cost| limits.check_memory(cost).is_ok();
    (1..=30).rev().find(|&log_n| ScryptCost::new(log_n, 8, 1).is_ok_and(is_allowed)).unwrap_or(0)
}
