//! Moving frames: sources, the worker loop with its turns, sinks.
//!
//! Workers take turns: each takes a few frames from the source under its lock, runs the chain, and hands them on when their
//! turn is due. There is no reader or writer thread and no channel; one worker gives the same bytes as many.
//!
//! [`Writer`] and [`Reader`] are for whoever wants `std::io` on one thread. All cores work on one stream in a run of
//! [`Workers`], which moves frames from a [`Source`] through a [`Transform`] to a [`Sink`]:
//!
//! | | in order: pipes, sockets, any `Read` or `Write` | at places: regular files |
//! |---|---|---|
//! | plaintext | [`PlaintextSource`] | [`PlaintextFile`] |
//! | stream | [`CiphertextSource`] | [`CiphertextFile`] |
//! | either, going out | [`OrderedSink`] | [`PositionalSink`] |
//!
//! What `run` gives is the outcome: a sink that is written in order holds a true prefix after an error, and after `Ok`
//! all of it. A file that was written at places is worth nothing before `Ok`.
//!
//! ```
//! use std::{io::Write, thread};
//!
//! use reelseal::{
//!     container::{Features, FrameSize},
//!     keys::{KeyFile, Lock},
//!     pipeline::{Clock, OrderedSink, PlaintextSource, ReaderInput, Sealing, Workers},
//!     stage::Chain,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let film = vec![7; 1 << 20];
//! let frame_size = FrameSize::default();
//! let stream = Lock::with_key_file(&KeyFile::random()?).new_stream(frame_size, Features::NONE)?;
//!
//! let mut output = Vec::new();
//! output.write_all(&stream.keys.seal_header(&stream.header)?)?;
//! let source = PlaintextSource::new(ReaderInput(film.as_slice()), frame_size, Clock::None, None);
//! let chain = Chain::new(&stream.keys, &stream.header.prefix, Vec::new());
//! let sink = OrderedSink::new(output);
//! Workers::new(thread::available_parallelism()?, frame_size).run(&source, &Sealing(&chain), &sink)?;
//!
//! let length = stream.header.layout().stream_length(film.len() as u64);
//! assert_eq!(Some(sink.into_inner().len() as u64), length);
//! # Ok(())
//! # }
//! ```
//!
//! `examples/statistics_stage.rs` goes the way back too.

mod clock;
mod comparison;
mod descriptor_output;
mod file_snapshot;
mod header_input;
mod header_rewrite;
mod input;
mod ordered_source;
mod positional_source;
mod reader;
mod sink;
mod source;
mod stop;
mod survey;
mod transform;
mod turns;
mod worker;
mod writer;

pub use clock::Clock;
pub use comparison::ComparisonSink;
pub use descriptor_output::DescriptorOutput;
pub use file_snapshot::FileSnapshot;
pub use header_input::{HeaderInputError, read_header};
pub use header_rewrite::{HeaderRewrite, HeaderRewriteError};
pub use input::{DescriptorInput, Input, ReaderInput, Readiness, Resumed, Wait};
pub use ordered_source::{CiphertextSource, PlaintextSource};
pub use positional_source::{CiphertextFile, PlaintextFile, StreamFile};
pub use reader::{Reader, ReaderError};
pub use sink::{Discard, MAX_HAND, OrderedSink, Outgoing, PositionalSink, Sink};
pub use source::{Source, Taken, Unreadable};
pub use stop::Stop;
pub use survey::{DamagedFrames, FrameDamage, Survey, Surveying};
pub use transform::{Opening, Sealing, Transform};
pub use worker::Workers;
pub use writer::{StreamOptions, Writer};

use std::io;

use thiserror::Error;

use crate::stage::FrameFault;

/// Why a run ended early.
#[derive(Debug, Error)]
pub enum PipelineError {
    /// The source failed.
    #[error("reading failed")]
    Read(#[source] io::Error),
    /// The source failed in a frame of the stream.
    #[error("frame {index} cannot be read")]
    ReadFrame {
        /// The frame's index.
        index: u64,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// The sink failed.
    #[error("writing failed")]
    Write(#[source] io::Error),
    /// A frame was refused.
    #[error("frame {index}: {fault}")]
    Frame {
        /// The frame's index.
        index: u64,
        /// What is wrong with it.
        fault: FrameFault,
    },
    /// The stream ends between two frames, before the final one.
    #[error("the stream ends before its final frame, at frame {index}")]
    EndBeforeFinalFrame {
        /// The index of the frame that is missing.
        index: u64,
    },
    /// The stream ends inside a frame, too early for a MAC.
    #[error("the stream is cut short, extended or damaged in frame {index}")]
    CutFrame {
        /// The frame's index.
        index: u64,
    },
    /// More frames than one counter allows, 2^48 AES blocks.
    #[error("the stream is longer than the format allows")]
    TooLong,
    /// A stop was requested.
    #[error("stopped")]
    Stopped,
    /// A reader or writer is used after it failed.
    #[error("an earlier read or write failed")]
    FailedBefore,
    /// The input is not what it was when reading began.
    #[error("the input changed while it was read")]
    InputChanged,
}

impl PipelineError {
    /// An error of reading, now with the frame that was to be read.
    fn in_frame(self, index: u64) -> Self {
        match self {
            Self::Read(error) => Self::ReadFrame { index, error },
            other => other,
        }
    }
}
