//! Recordings: a journal of segments, each a stream of its own that grows under its final name.
//!
//! [`Journal`] reads a [`Source`], writes live frames, syncs them, and goes on in another segment where it is to be cut, or
//! where a segment fails. Whatever ends it, the growing segment gets its final frame, for which room was reserved before the
//! bytes in front of it were read. Each segment is linked to the one before it: `lineage` makes the links, and [`chain`]
//! checks them.
//!
//! [`GrowingStream`] reads what is still being written.

pub(crate) mod chain;
mod cutting;
mod error;
mod folder_watch;
mod growing_stream;
mod journal;
mod journal_plan;
mod lineage;
mod open_frame;
mod packets;
mod reserve;
mod segment;
mod segment_end;
mod segment_files;
mod segment_name;
mod source;
mod store;
mod time;

pub(crate) use cutting::Cutting;
pub(crate) use error::JournalError;
pub(crate) use folder_watch::{FolderWatch, Woken};
pub(crate) use growing_stream::GrowingStream;
pub(crate) use journal::{Ended, Event, Journal};
pub(crate) use journal_plan::JournalPlan;
pub(crate) use segment_end::{SegmentEnd, SegmentFacts};
pub(crate) use segment_files::{SegmentFiles, segment_at, streams_in};
pub(crate) use segment_name::SegmentName;
pub(crate) use source::{ProducerSource, Source, SourceEnd, StandardInputSource};
pub(crate) use store::RecordingFolder;
pub(crate) use time::{SystemTime, Time};
