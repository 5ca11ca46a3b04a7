//! Recordings: a journal of segments, each a stream of its own that grows under its final name.
//!
//! [`Journal`] reads a [`Source`], writes live frames, syncs them, and goes on in another segment where it is to be cut, or
//! where a segment fails. Whatever ends it, the growing segment gets its final frame, for which room was reserved before the
//! bytes in front of it were read. Each segment is linked to the one before it: `lineage` makes the links, and [`chain`]
//! checks them.

pub(crate) mod chain;
mod cutting;
mod error;
mod journal;
mod lineage;
mod packets;
mod reserve;
mod segment;
pub(crate) mod segment_end;
mod segment_name;
mod source;
mod store;
mod time;

pub(crate) use cutting::Cutting;
pub(crate) use error::JournalError;
pub(crate) use journal::{Ended, Event, Journal, JournalPlan};
pub(crate) use segment_name::SegmentName;
pub(crate) use source::{ProducerSource, Source, SourceEnd, StandardInputSource};
pub(crate) use store::RecordingFolder;
pub(crate) use time::{SystemTime, Time};
