//! What is done with each input: it is opened and assigned an output, moved there with others or alone, and removed
//! once the result is verified.

pub(super) mod admission;
pub(super) mod assignments;
pub(super) mod batch;
pub(super) mod consumer;
pub(super) mod delivery;
pub(super) mod each_file;
pub(super) mod inputs;
pub(super) mod opened_input;
mod semaphore;
#[cfg(any(feature = "serve", all(feature = "mount", target_os = "linux")))]
pub(super) mod shared_tree;
pub(super) mod verified_removal;
