//! What a person is told: progress, warnings, failures and what to do about them.

pub(super) mod answer;
mod bars;
pub(super) mod damage;
pub(super) mod failure;
pub(super) mod key_slot;
pub(super) mod progress;
pub(super) mod report;
mod screen;
pub(super) mod shown;
pub(super) mod stream_failure;
mod usage_hint;
