//! What each command does: one file per command.

pub(super) mod completions;
pub(super) mod decrypt;
pub(super) mod encrypt;
pub(super) mod inspect;
pub(super) mod keygen;
pub(super) mod man;
#[cfg(all(feature = "mount", target_os = "linux"))]
pub(super) mod mount;
pub(super) mod passwd;
#[cfg(feature = "serve")]
pub(super) mod play;
pub(super) mod record;
pub(super) mod salvage;
#[cfg(feature = "serve")]
pub(super) mod serve;
pub(super) mod speed;
pub(super) mod verify;
