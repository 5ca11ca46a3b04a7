//! What a person is told: progress, warnings, failures and what to do about them.

pub(super) mod answer;
mod bars;
pub(super) mod damage;
pub(crate) mod failure;
pub(super) mod key_slot;
pub(crate) mod message;
pub(super) mod progress;
pub(crate) mod report;
mod screen;
pub(crate) mod shown;
pub(super) mod stream_failure;
mod usage_hint;
