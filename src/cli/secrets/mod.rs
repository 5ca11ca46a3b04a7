//! Where the secret comes from, and how it is kept.

pub(super) mod exposed_secret;
pub(super) mod hardening;
pub(super) mod keyring;
pub(super) mod lock_source;
pub(super) mod new_lock;
mod new_passphrase;
pub(super) mod prompt;
pub(super) mod question;
#[cfg(feature = "age")]
mod recipients;
pub(super) mod secret_source;
#[cfg(feature = "age")]
mod terminal_callbacks;
