//! Why there is no tree, why a stream was not opened, or why a byte cannot be read.

use std::{error::Error, io, path::PathBuf, sync::Arc};

use rustix::io::Errno;
use thiserror::Error;

use crate::{
    container::Layout,
    stream::{HeaderReadError, StreamError},
};

/// Why a path that was named cannot be shared.
#[derive(Debug, Error)]
pub(crate) enum TreeError {
    #[error("cannot open")]
    Open {
        path: PathBuf,
        #[source]
        error: io::Error,
    },
    /// The folder holds no stream.
    #[error("contains no encrypted files")]
    Empty(PathBuf),
    /// It is neither a regular file nor a folder.
    #[error("is neither a regular file nor a folder")]
    Special(PathBuf),
    #[error("is not a reelseal stream")]
    NotAStream(PathBuf),
}

/// Why a stream was not opened.
#[derive(Debug, Error)]
pub(crate) enum OpenFailure {
    /// The system refuses access.
    #[error("cannot open")]
    System(#[source] io::Error),
    /// The files are no longer those that were listed.
    #[error("was replaced or removed")]
    Replaced,
    #[error(transparent)]
    Header(HeaderReadError),
    /// The secret does not open it, or could not be obtained. The caller that gave the secret knows what this is.
    #[error("{0}")]
    Locked(Arc<dyn Error + Send + Sync>),
    #[error("{error}")]
    Stream {
        layout: Layout,
        #[source]
        error: StreamError,
    },
}

/// Why bytes cannot be read.
#[derive(Debug, Error)]
#[error("{error}")]
pub(crate) struct ReadFailure {
    /// The file that contains them.
    pub path: PathBuf,
    #[source]
    pub error: StreamError,
}

impl OpenFailure {
    /// Whether trying again is pointless unless the file changes.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::System(_) | Self::Replaced => false,
            Self::Header(error) => !matches!(error, HeaderReadError::Read(_) | HeaderReadError::Stopped),
            Self::Stream { error, .. } => !matches!(error, StreamError::Read(_) | StreamError::ReadFrame { .. }),
            Self::Locked(_) => true,
        }
    }

    /// The error number for it, for a program that reads a file.
    pub fn errno(&self) -> Errno {
        match self {
            Self::System(error) | Self::Header(HeaderReadError::Read(error)) => errno_of(error),
            Self::Replaced => Errno::STALE,
            Self::Locked(_) => Errno::ACCESS,
            Self::Header(_) => Errno::IO,
            Self::Stream { error, .. } => errno_of_stream(error),
        }
    }
}

impl ReadFailure {
    /// The error number for it, for a program that reads a file.
    pub fn errno(&self) -> Errno {
        errno_of_stream(&self.error)
    }

    /// The frame that cannot be read.
    #[cfg(test)]
    pub fn frame(&self) -> Option<u64> {
        frame_of(&self.error)
    }
}

/// The frame that an error is about.
pub(super) fn frame_of(error: &StreamError) -> Option<u64> {
    match error {
        StreamError::Frame { index, .. }
        | StreamError::ReadFrame { index, .. }
        | StreamError::EndBeforeFinalFrame { index }
        | StreamError::CutFrame { index }
        | StreamError::Unwritten { index }
        | StreamError::NoSuchFrame { index } => Some(*index),
        _ => None,
    }
}

fn errno_of_stream(error: &StreamError) -> Errno {
    match error {
        StreamError::Read(error) | StreamError::ReadFrame { error, .. } => errno_of(error),
        _ => Errno::IO,
    }
}

fn errno_of(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}
