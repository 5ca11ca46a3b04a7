//! What a command is to do: its arguments, resolved once, with every default and policy. Nothing after this sees the
//! arguments themselves.

mod command;
mod decrypt;
mod encrypt;
mod inspect;
mod keygen;
mod many;
#[cfg(all(feature = "mount", target_os = "linux"))]
mod mount;
mod passwd;
mod placement;
mod record;
mod reporting;
mod salvage;
mod secret_request;
#[cfg(feature = "serve")]
mod serve;
#[cfg(any(feature = "serve", all(feature = "mount", target_os = "linux")))]
mod sharing;
mod threads;
mod timestamps;
mod verify;

pub(in crate::cli) use decrypt::{DecryptPlan, Part, WholeRecording};
pub(in crate::cli) use encrypt::EncryptPlan;
pub(in crate::cli) use inspect::{InspectPlan, InspectSecret};
pub(in crate::cli) use keygen::KeygenPlan;
pub(in crate::cli) use many::{Inputs, Many};
#[cfg(all(feature = "mount", target_os = "linux"))]
pub(in crate::cli) use mount::MountPlan;
pub(in crate::cli) use passwd::{PasswdMode, PasswdPlan, SlotChange};
pub(in crate::cli) use placement::{OutputChoice, Placement};
pub(in crate::cli) use record::RecordPlan;
pub(in crate::cli) use reporting::{ProgressForm, Reporting};
pub(in crate::cli) use salvage::{NewSecret, SalvagePlan};
#[cfg(feature = "age")]
pub(in crate::cli) use secret_request::RecipientRequest;
pub(in crate::cli) use secret_request::{LockRequest, NEW_PASSPHRASE_VARIABLE, PASSPHRASE_VARIABLE, SecretRequest};
#[cfg(feature = "serve")]
pub(in crate::cli) use serve::{LOCAL, PlayPlan, Player, ServePlan};
#[cfg(any(feature = "serve", all(feature = "mount", target_os = "linux")))]
pub(in crate::cli) use sharing::Sharing;
pub(in crate::cli) use threads::Threads;
pub(in crate::cli) use timestamps::Timestamps;
pub(in crate::cli) use verify::VerifyPlan;

pub(in crate::cli) use super::arguments::ByteRange;
