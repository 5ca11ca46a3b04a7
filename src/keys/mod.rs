//! Keys: from a passphrase or a key file to the file key, and from that to the keys of the stages.

mod key;
mod key_file;
mod key_slot;
mod passphrase;
mod scrypt_cost;
mod stage_keys;
mod unlock;

pub use key::{Key, RandomnessUnavailable, random_bytes};
pub use key_file::{KeyFile, KeyFileError};
pub use key_slot::{DerivedKeys, KeyEncryptionKeys, new_key_file_slot, new_passphrase_slot};
pub use passphrase::{Passphrase, PassphraseError};
pub use scrypt_cost::{DEFAULT_KDF_MEMORY, KdfError, KdfLimits, ScryptCost};
pub use stage_keys::StageKeys;
pub use unlock::{Credential, KeySlots, SlotKind, UnlockError, unlock};
