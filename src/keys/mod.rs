//! Keys: from a passphrase, a key file or an identity to the file key, and from that to the keys of the stages.
//!
//! A [`Lock`] is what new streams are locked with, a [`Credential`] what they are opened with; a [`Passphrase`], a
//! [`KeyFile`] or identities turn into one. scrypt is slow on purpose: a lock runs it once for all its streams, and a
//! credential once for all that share a salt and a cost.
//!
//! ```
//! use std::io::{Read, Write};
//!
//! use reelseal::{
//!     keys::{Credential, Lock, Passphrase, ScryptCost},
//!     stream::{Reader, StreamOptions, Writer},
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let passphrase = Passphrase::new("ostrich in a bathtub")?;
//!
//! // Cheap, for the sake of the example. A guess should cost more: ScryptCost::default().
//! let lock = Lock::with_passphrase(&passphrase, ScryptCost::new(10, 8, 1)?)?;
//! let mut streams = Vec::new();
//! for clip in ["the first clip", "the second"] {
//!     let mut writer = Writer::create(Vec::new(), &lock, StreamOptions::default())?;
//!     writer.write_all(clip.as_bytes())?;
//!     streams.push(writer.finish()?);
//! }
//!
//! let mut credential = Credential::from(passphrase);
//! let mut clips = String::new();
//! for stream in &streams {
//!     Reader::open_with(stream.as_slice(), &mut credential, Vec::new())?.read_to_string(&mut clips)?;
//! }
//! assert_eq!(clips, "the first clipthe second");
//! # Ok(())
//! # }
//! ```

mod credential;
#[cfg(feature = "cli")]
pub(crate) mod generated_passphrase;
mod key;
mod key_file;
mod key_slots;
mod link_key;
mod lock;
mod passphrase;
#[cfg(feature = "cli")]
pub(crate) mod passphrase_strength;
#[cfg(feature = "age")]
mod public_key;
mod scrypt_cost;
mod secret;
mod slot_demand;
mod slot_kind;
mod stage_keys;
mod unlock;
mod unlock_error;
mod wrapping;

pub use credential::Credential;
pub use key::{Key, RandomnessUnavailable, random_bytes};
pub use key_file::{KeyFile, KeyFileError};
pub use key_slots::{KeySlot, KeySlots, SlotChangeError};
pub use link_key::LinkKey;
pub use lock::{Lock, LockError, NewStream};
pub use passphrase::{FirstLine, Passphrase, PassphraseError};
#[cfg(feature = "age")]
pub use public_key::{
    Identities, IdentityError, IdentityFailure, IdentityFileError, ListedRecipientError, NewIdentity, Recipient,
    RecipientError, RecipientFailure, recipients_in,
};
pub use scrypt_cost::{DEFAULT_KDF_MEMORY, KdfError, KdfLimits, ScryptCost};
pub use secret::Secret;
pub use slot_demand::SlotDemand;
pub use slot_kind::SlotKind;
pub use stage_keys::StageKeys;
pub use unlock::{Unlocked, unlock, unlock_with_another};
pub use unlock_error::{ForeignSlot, UnlockError};
pub use wrapping::new_key_file_slot;
