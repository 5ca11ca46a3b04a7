//! Where the secret comes from, and how it is kept.

pub(super) mod exposed_secret;
pub(super) mod hardening;
pub(super) mod keyring;
pub(super) mod new_lock;
mod new_passphrase;
pub(super) mod prompt;
pub(super) mod question;
pub(super) mod secret_source;
