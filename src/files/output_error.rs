//! Why an output cannot be written.

use std::io;

use thiserror::Error;

use super::label::Label;

/// Which output cannot be written, and why.
#[derive(Debug, Error)]
#[error("{kind}")]
pub(crate) struct OutputError {
    pub label: Label,
    pub kind: OutputErrorKind,
}

/// Why an output cannot be written.
#[derive(Debug, Error)]
pub(crate) enum OutputErrorKind {
    #[error("cannot open")]
    Open(#[source] io::Error),
    /// Standard output, where everything written would be lost.
    #[error("is closed, or is /dev/null opened read-write")]
    Closed,
    #[error("cannot write")]
    Write(#[source] io::Error),
    #[error("is a folder")]
    Folder,
    #[error("is not the name of a file")]
    NotAFileName,
    /// An existing file, which must not be replaced.
    #[error("exists already")]
    Exists,
    /// The derived name is that of a pipe, a device, or a dangling link.
    #[error("exists already, and is not a file")]
    NotAFile,
    #[error("is also an input or the secret; writing would destroy it")]
    Protected,
    /// Another output of this process has, or will have, this place.
    #[error("another output has the same name")]
    Taken,
    /// It is whole and has its name, but a power cut might still undo that.
    #[error("is whole, but a power cut may lose it: cannot sync its folder")]
    FolderNotSynced(#[source] io::Error),
    /// What was a pipe or device when it was checked has become something else.
    #[error("has changed since it was checked")]
    Replaced,
    /// It is written directly.
    #[error("cannot be read back")]
    NotReadable,
}
