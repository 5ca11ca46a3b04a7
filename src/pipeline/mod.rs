//! Moving frames: sources, the worker loop with its turns, and sinks.
//!
//! Workers take turns: each takes a few frames from the source under its lock, runs the chain, and passes them on when
//! their turn comes. There is no reader or writer thread and no channel; one worker produces the same bytes as many.
//!
//! [`Writer`](crate::stream::Writer) and [`Reader`](crate::stream::Reader) offer `std::io` on one thread. A run of
//! [`Workers`] has all cores work on one stream: it moves frames from a [`Source`] through a [`Transform`] to a
//! [`Sink`]:
//!
//! | | in order: pipes, sockets, any `Read` or `Write` | by position: regular files |
//! |---|---|---|
//! | plaintext | [`PlaintextSource`] | [`PlaintextFile`] |
//! | stream | [`CiphertextSource`] | [`CiphertextFile`] |
//! | output of either | [`OrderedSink`] | [`PositionalSink`] |
//!
//! The result of `run` decides: after an error, a sink that is written in order holds a prefix, and after `Ok`
//! everything. A file that is written by position must be discarded unless the result is `Ok`.
//!
//! ```
//! use std::{io::Write, thread};
//!
//! use reelseal::{
//!     container::{Features, Layout},
//!     keys::{KeyFile, Lock},
//!     pipeline::{OrderedSink, PlaintextSource, Sealing, Workers},
//!     stage::Chain,
//!     stream::{Clock, ReaderInput},
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let film = vec![7; 1 << 20];
//! let layout = Layout::default();
//! let stream = Lock::with_key_file(&KeyFile::random()?).new_stream(layout, Features::NONE)?;
//!
//! let mut output = Vec::new();
//! output.write_all(&stream.keys.seal_header(&stream.header)?)?;
//! let source = PlaintextSource::new(ReaderInput(film.as_slice()), layout.frame_size, Clock::None, None);
//! let chain = Chain::new(&stream.keys, &stream.header.prefix);
//! let sink = OrderedSink::new(output);
//! Workers::new(thread::available_parallelism()?, layout.frame_size).run(&source, &Sealing::new(&chain), &sink)?;
//!
//! let length = layout.stream_length(film.len() as u64);
//! assert_eq!(Some(sink.into_inner().len() as u64), length);
//! # Ok(())
//! # }
//! ```
//!
//! `examples/statistics_stage.rs` also decrypts.

mod damage;
mod ledger;
mod lowest_failure;
#[cfg(test)]
mod model;
mod range;
mod read_back;
mod salvage;
mod sink;
mod source;
mod sync;
mod transform;
mod turns;
mod worker;

pub use damage::{DamageListener, DamagedFrame, FrameDamage};
pub use ledger::{MissingFrames, Stretch, StretchListener, Totals};
pub use range::{Selection, bytes_of_times, copy_selection, frames_of_range};
pub use read_back::decrypts_to;
pub use salvage::{SalvageInput, Salvaged, salvage};
pub use sink::{
    ComparisonSink, DamagedFrames, FilledOutput, Filling, FinalFrame, MAX_HAND, OrderedSink, Outgoing, PlaintextRange,
    PositionalSink, RangeSink, ResealedOutput, SalvageOutput, Sink, SparseOutput, Survey, SurveySink,
};
pub use source::{
    CiphertextFile, CiphertextSource, ConfirmedSource, EitherSource, FileSnapshot, PlaintextFile, PlaintextSource,
    Source, StreamSource, Taken,
};
pub use transform::{Opening, Sealing, Transform};
pub use worker::Workers;
