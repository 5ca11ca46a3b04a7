//! Recordings: a journal of segments, each a stream of its own that grows under its final name.
//!
//! [`Journal`] reads a [`Source`], writes live frames, syncs them, and goes on in another segment when one is to be cut
//! or fails. However the recording ends, the growing segment gets its final frame: room for that was reserved before
//! the last bytes were read. Each segment is linked to the one before it: `lineage` makes the links, and [`chain`]
//! checks them.
//!
//! `supervisor` looks after a recording's producer; `status` reports how the recording is going, over HTTP too, and
//! `service_manager` reports it to systemd; `retention` does what is to be done with finished segments.
//!
//! [`GrowingStream`] reads what is still being written.

mod by_recording;
pub(crate) mod chain;
mod cutting;
mod error;
mod folder_watch;
mod growing_stream;
mod journal;
mod journal_plan;
mod lineage;
mod next_segment;
mod observed_source;
mod open_frame;
mod packets;
mod recorder_lock;
mod reserve;
mod retention;
mod segment;
mod segment_end;
mod segment_files;
mod segment_name;
mod service_manager;
mod source;
#[cfg(any(test, fuzzing))]
mod spoiling;
mod status;
mod store;
mod supervisor;
mod syncer;
mod time;

pub(crate) use by_recording::by_recording;
pub(crate) use cutting::Cutting;
pub(crate) use error::JournalError;
pub(crate) use folder_watch::{FolderWatch, Woken};
pub(crate) use growing_stream::GrowingStream;
pub(crate) use journal::{Ended, Event, Journal};
pub(crate) use journal_plan::JournalPlan;
pub(crate) use observed_source::ObservedSource;
pub(crate) use recorder_lock::{Presence, RecorderWatch};
pub(crate) use retention::{
    HookStop, Keeper, KeeperEvent, KeeperMessage, LEDGER_NAME, Ledger, LedgerError, Reason, Removals, Retention,
    SegmentHook,
};
pub(crate) use segment_end::{SegmentEnd, SegmentFacts};
pub(crate) use segment_files::{SegmentFiles, may_be_segments, read_segment, segment_at, streams_in};
pub(crate) use segment_name::SegmentName;
pub(crate) use service_manager::{SERVICE_VARIABLES, ServiceManager};
pub(crate) use source::{Source, SourceEnd, StandardInputSource};
#[cfg(fuzzing)]
pub use spoiling::check_spoilt_recording;
pub(crate) use status::{
    AddressError, Board, ListenError, Listener, Snapshot, StatusAddress, StatusServer, StopServer,
};
pub(crate) use store::RecordingFolder;
pub(crate) use supervisor::{
    CommandProducers, Control, ProducerEnd, Restarts, SupervisedSource, Supervision, SupervisorEvent, Why,
};
pub(crate) use time::{SystemTime, Time};
