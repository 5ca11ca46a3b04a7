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

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::{
        container::{Features, FrameSize, HeaderLength, IV_LENGTH, Prefix, Search, Slot, search_header},
        keys::{Key, ScryptCost, new_passphrase_slot},
    };

    const SALT: [u8; 32] = [3; 32];

    fn cost() -> ScryptCost {
        ScryptCost::new(10, 8, 1).unwrap()
    }

    /// A header that opens with `passphrase`, as it is found in a stream.
    fn found(passphrase: &str, iv: u8) -> (FoundHeader, Header) {
        let (file_key, passphrase) = (Key::from_bytes([9; 32]), Passphrase::new(passphrase).unwrap());
        let slot = new_passphrase_slot(&file_key, &mut KeyEncryptionKeys::new(&passphrase), SALT, cost()).unwrap();
        let prefix = Prefix { frame_size: FrameSize::MIN, features: Features::NONE, iv: [iv; IV_LENGTH] };
        let records = vec![(&Slot::Passphrase(slot)).into()];
        let header = Header { prefix, length: HeaderLength::MIN, generation: 1, records };
        let copies = StageKeys::derive(&file_key, &prefix).seal_header(&header).unwrap();
        match search_header(&copies, true) {
            Ok(Search::Found(found)) => (found, header),
            other => panic!("{other:?}"),
        }
    }

    fn keyring(passphrase: &str) -> Keyring {
        let source = SecretSource::Environment(Zeroizing::new(passphrase.as_bytes().to_vec()));
        Keyring::new(source, KdfLimits::default(), Purpose::Decrypt)
    }

    #[test]
    fn what_scrypt_gave_for_one_stream_serves_the_next() {
        let keyring = keyring("sesame");
        let ((first, first_header), (second, second_header)) = (found("sesame", 1), found("sesame", 2));
        keyring.open("first", &first, &first_header).unwrap();
        keyring.open("second", &second, &second_header).unwrap();
        let held = keyring.held.into_inner().unwrap();
        let Some(Ok(Held::Passphrase(passphrase, derived))) = held else { panic!("no passphrase is held") };
        let expected = KeyEncryptionKeys::new(&passphrase).get(&SALT, cost()).unwrap();
        // Had the store forgotten it, another passphrase would give another key.
        let other = Passphrase::new("another").unwrap();
        let kept = KeyEncryptionKeys::resume(&other, derived).get(&SALT, cost()).unwrap();
        assert_eq!(kept.bytes(), expected.bytes());
    }

    #[test]
    fn a_secret_that_cannot_be_read_is_told_in_full_once() {
        let (found, header) = found("sesame", 1);
        let keyring = keyring("");
        let told = |name| keyring.open(name, &found, &header).unwrap_err();
        assert_eq!(told("first").to_string(), "REELSEAL_PASSPHRASE: the passphrase is empty");
        assert_eq!(told("second").to_string(), "second: not opened: the secret could not be read");
        assert_eq!(told("second").exit(), Exit::Usage);
    }
}
