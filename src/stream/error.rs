//! Why reading or writing a stream failed.

use std::{error::Error, io, sync::Arc};

use thiserror::Error;

use crate::stage::FrameFault;

/// Why reading or writing a stream failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The source failed.
    #[error("reading failed")]
    Read(#[source] io::Error),
    /// The source failed in a frame of the stream.
    #[error("frame {index} cannot be read")]
    ReadFrame {
        /// The frame's index.
        index: u64,
        /// The system's error.
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
    /// The last frame is all zeros, like disk space that was reserved but never written.
    #[error("the stream is unfinished: frame {index} is all zeros")]
    Unwritten {
        /// The frame's index.
        index: u64,
    },
    /// More frames than one counter allows, 2^48 AES blocks.
    #[error("the stream is longer than the format allows")]
    TooLong,
    /// A frame after the last one was asked for.
    #[error("the stream has no frame {index}")]
    NoSuchFrame {
        /// The frame's index.
        index: u64,
    },
    /// A stop was requested.
    #[error("stopped")]
    Stopped,
    /// A reader or writer was used after it had failed.
    #[error("an earlier read or write failed")]
    FailedBefore,
    /// The input has changed since reading began.
    #[error("the input changed while it was being read")]
    InputChanged,
    /// The origin of the input says that it is incomplete.
    #[error("the input was not confirmed as whole")]
    NotConfirmed(#[source] Arc<dyn Error + Send + Sync>),
}

impl StreamError {
    /// Adds the index of the frame that was being read to a read error.
    pub(crate) fn in_frame(self, index: u64) -> Self {
        match self {
            Self::Read(error) => Self::ReadFrame { index, error },
            other => other,
        }
    }

    /// As what reads a stream through [`std::io`] returns it: the system's own error, or one of kind
    /// [`io::ErrorKind::InvalidData`] around this one.
    pub(super) fn into_read_error(self) -> io::Error {
        match self {
            Self::Read(error) | Self::ReadFrame { error, .. } => error,
            error => io::Error::new(io::ErrorKind::InvalidData, error),
        }
    }

    /// The same error, for another thread that waited for the same frame.
    pub(super) fn duplicate(&self) -> Self {
        let copy = |error: &io::Error| match error.raw_os_error() {
            Some(number) => io::Error::from_raw_os_error(number),
            None => io::Error::new(error.kind(), error.to_string()),
        };
        match self {
            Self::Read(error) => Self::Read(copy(error)),
            Self::ReadFrame { index, error } => Self::ReadFrame { index: *index, error: copy(error) },
            Self::Write(error) => Self::Write(copy(error)),
            Self::Frame { index, fault } => Self::Frame { index: *index, fault: *fault },
            Self::EndBeforeFinalFrame { index } => Self::EndBeforeFinalFrame { index: *index },
            Self::CutFrame { index } => Self::CutFrame { index: *index },
            Self::Unwritten { index } => Self::Unwritten { index: *index },
            Self::NoSuchFrame { index } => Self::NoSuchFrame { index: *index },
            Self::TooLong => Self::TooLong,
            Self::Stopped => Self::Stopped,
            Self::FailedBefore => Self::FailedBefore,
            Self::InputChanged => Self::InputChanged,
            Self::NotConfirmed(reason) => Self::NotConfirmed(Arc::clone(reason)),
        }
    }
}
