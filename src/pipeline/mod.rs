//! Moving frames: sources, the worker loop with its turns, sinks.
//!
//! Workers take turns: each takes a few frames from the source under its lock, runs the chain, and hands them on when their
//! turn is due. There is no reader or writer thread and no channel; one worker gives the same bytes as many.

mod clock;
mod descriptor_output;
mod file_snapshot;
mod header_input;
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
pub use descriptor_output::DescriptorOutput;
pub use file_snapshot::FileSnapshot;
pub use header_input::{HeaderInputError, read_header};
pub use input::{DescriptorInput, Input, ReaderInput, Readiness, Resumed, Wait};
pub use ordered_source::{CiphertextSource, PlaintextSource};
pub use positional_source::{CiphertextFile, PlaintextFile, StreamFile};
pub use reader::{Reader, ReaderError};
pub use sink::{Discard, MAX_HAND, OrderedSink, Outgoing, PositionalSink, Sink};
pub use source::{Source, Taken};
pub use stop::Stop;
pub use survey::{DamagedFrames, Survey, Surveying};
pub use transform::{Opening, Sealing, Transform};
pub use worker::Workers;
pub use writer::Writer;

use std::io;

use thiserror::Error;

use crate::stage::FrameFault;

/// Why a run ended early.
#[derive(Debug, Error)]
pub enum PipelineError {
    /// The source failed.
    #[error("reading failed")]
    Read(#[source] io::Error),
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
