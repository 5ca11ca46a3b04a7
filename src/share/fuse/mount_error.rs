//! Why nothing was mounted.

use std::{io, path::PathBuf};

use thiserror::Error;

/// Why nothing was mounted.
#[derive(Debug, Error)]
pub(crate) enum MountError {
    #[error("does not exist")]
    Missing,
    #[error("is not a folder")]
    NotAFolder,
    #[error("is not empty")]
    NotEmpty,
    /// A walk through the source would reach the mount, and wait for itself.
    #[error("is inside the folder that is to be mounted")]
    InsideSource(PathBuf),
    /// The type of the file system that is mounted there, and what it shows.
    #[error("something is mounted there already")]
    Busy { kind: String, source_name: String },
    /// The process that served it was killed.
    #[error("a mount whose process was killed is still there")]
    Dead,
    #[error("cannot be examined")]
    MountPoint(#[source] io::Error),
    #[error("does not exist")]
    DeviceMissing,
    /// Something else has its name.
    #[error("is not the FUSE device")]
    NotTheDevice,
    #[error("may not be opened")]
    DeviceClosed(#[source] io::Error),
    #[error("cannot be opened")]
    Device(#[source] io::Error),
    #[error("was not found")]
    HelperMissing,
    /// Its message, or else its exit status.
    #[error("{0}")]
    Helper(String),
    /// It says that it has mounted something.
    #[error("sent no descriptor")]
    NothingSent,
    #[error("cannot be run")]
    HelperStart(#[source] io::Error),
    /// The kernel, or its end of the file system, refuses.
    #[error("cannot mount")]
    System(#[source] io::Error),
}
