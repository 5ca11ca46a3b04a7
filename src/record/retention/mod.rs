//! What is done with finished segments: a program is run for each, and they are removed when they are old or when room
//! is needed.
//!
//! The [`Ledger`] in the folder records, across restarts, which recordings are this recorder's, which of their segments
//! the program has been run for, and which were removed; [`Removals`] reads the last of these. [`Holdings`](holdings)
//! decides, without a clock or a disk of its own; the [`Keeper`] acts, in a thread, since removing a large file can
//! take a long time.

mod folder_survey;
mod holdings;
mod keeper;
mod keeper_event;
mod ledger;
mod ledger_entries;
mod number_ranges;
mod removals;
mod segment_hook;

pub(crate) use holdings::{Reason, Retention};
pub(crate) use keeper::Keeper;
pub(crate) use keeper_event::{KeeperEvent, KeeperMessage};
pub(crate) use ledger::{LEDGER_NAME, Ledger, LedgerError};
pub(crate) use removals::Removals;
pub(crate) use segment_hook::{HookStop, SegmentHook};
