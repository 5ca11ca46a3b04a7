//! The one secret of a run that opens many streams: asked for once, and not before a stream needs it.

use std::{
    mem,
    sync::{Mutex, PoisonError},
};

use crate::cli::{
    files::input::InputFile,
    messages::{
        failure::{Exit, Failure},
        stream_failure,
    },
    secrets::secret_source::{Purpose, Secret, SecretSource},
};
use crate::{
    container::{FoundHeader, Header},
    keys::{
        Credential, DerivedKeys, KdfLimits, KeyEncryptionKeys, KeyFile, KeySlots, Passphrase, StageKeys, UnlockError,
        unlock,
    },
};

/// The secret, and what scrypt has given for it: equal (salt, N, r, p) run it once.
pub(in crate::cli) struct Keyring {
    source: SecretSource,
    limits: KdfLimits,
    purpose: Purpose,
    held: Mutex<Option<Result<Held, ReadFailed>>>,
}

enum Held {
    Passphrase(Passphrase, DerivedKeys),
    KeyFile(KeyFile),
}

/// Reading the secret failed, which was told.
struct ReadFailed(Exit);

impl Keyring {
    /// The secret from `source`, which is not read yet; scrypt stays within `limits`.
    pub fn new(source: SecretSource, limits: KdfLimits, purpose: Purpose) -> Self {
        Self { source, limits, purpose, held: Mutex::default() }
    }

    /// Refuses `input` as the secret's own source.
    pub fn check_apart_from(&self, input: &InputFile) -> Result<(), Failure> {
        self.source.check_apart_from(input)
    }

    /// Whether nobody named this secret: it stands in the environment.
    pub fn is_ambient(&self) -> bool {
        matches!(self.source, SecretSource::Environment(_))
    }

    /// Refuses what the header alone shows, then asks for the secret if that was not done, then opens.
    pub fn open(&self, name: &str, found: &FoundHeader, header: &Header) -> Result<StageKeys, Failure> {
        let refused = |error: UnlockError| stream_failure::unlock(name, &error);
        self.check(header).map_err(refused)?;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let mut told_first = None;
        let held = held.get_or_insert_with(|| match self.source.read(self.purpose) {
            Ok(secret) => Ok(secret.into()),
            Err(failure) => Err(ReadFailed(told_first.insert(failure).exit())),
        });
        match held {
            Ok(held) => held.unlock(found, header, self.limits).map_err(refused),
            Err(ReadFailed(exit)) => Err(told_first
                .unwrap_or_else(|| Failure::new(*exit, format!("{name}: not opened: the secret could not be read")))),
        }
    }

    fn check(&self, header: &Header) -> Result<(), UnlockError> {
        let slots = KeySlots::of(header)?;
        if self.source.is_key_file() { slots.check_key_file() } else { slots.check_passphrase(self.limits) }
    }
}

impl From<Secret> for Held {
    fn from(secret: Secret) -> Self {
        match secret {
            Secret::Passphrase(passphrase) => Self::Passphrase(passphrase, DerivedKeys::default()),
            Secret::KeyFile(key_file) => Self::KeyFile(key_file),
        }
    }
}

impl Held {
    fn unlock(&mut self, found: &FoundHeader, header: &Header, limits: KdfLimits) -> Result<StageKeys, UnlockError> {
        let unlocked = match self {
            Self::KeyFile(key_file) => unlock(&found.copy, header, &mut Credential::KeyFile(key_file)),
            Self::Passphrase(passphrase, derived) => {
                let keys = KeyEncryptionKeys::resume(passphrase, mem::take(derived));
                let mut credential = Credential::Passphrase(keys, limits);
                let unlocked = unlock(&found.copy, header, &mut credential);
                if let Credential::Passphrase(keys, _) = credential {
                    *derived = keys.into_derived();
                }
                unlocked
            }
        };
        unlocked.map(|(_, keys)| keys)
    }
}
