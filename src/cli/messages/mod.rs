//! What the command says: progress, warnings, failures and what to do about them.

mod bar_line;
mod bars;
pub(super) mod byte_count;
mod command_end;
pub(super) mod command_failure;
mod counts;
pub(super) mod damage;
mod damaged_part;
pub(super) mod display_name;
pub(super) mod event;
pub(super) mod failure;
pub(super) mod file_failure;
mod folded;
pub(super) mod key_slot;
mod lines;
pub(super) mod lock_failure;
pub(super) mod message;
#[cfg(all(feature = "mount", target_os = "linux"))]
pub(super) mod mounting;
pub(super) mod passed_over;
pub(super) mod producer;
pub(super) mod progress;
mod queue;
pub(super) mod recorder;
mod recorder_event;
pub(super) mod recording;
pub(super) mod report;
pub(super) mod salvage_hint;
mod screen;
pub(super) mod secret_failure;
pub(super) mod segments;
#[cfg(any(feature = "serve", all(feature = "mount", target_os = "linux")))]
pub(super) mod sharing;
pub(super) mod shell_word;
pub(super) mod standard_output;
pub(super) mod stream_failure;
pub(super) mod usage;
mod usage_hint;
