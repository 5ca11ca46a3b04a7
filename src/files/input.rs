//! The input: a path or standard input, and what kind of file it is.

use std::{
    fs::{File, Metadata},
    io::{self, IsTerminal, Seek},
    os::unix::fs::FileTypeExt,
    path::Path,
};

use thiserror::Error;

use super::{
    file_identity::FileIdentity,
    label::Label,
    recognition::is_stream,
    standard_stream::{is_maybe_closed, standard_input},
};
use crate::{pipeline::FileSnapshot, stream::StreamError};

/// An input that is open.
pub(crate) struct InputFile {
    pub file: File,
    pub label: Label,
    pub metadata: Metadata,
}

/// Which input cannot be used, and why.
#[derive(Debug, Error)]
#[error("{kind}")]
pub(crate) struct InputError {
    pub label: Label,
    pub kind: InputErrorKind,
}

/// Why an input cannot be used.
#[derive(Debug, Error)]
pub(crate) enum InputErrorKind {
    #[error("cannot open")]
    Open(#[source] io::Error),
    #[error("is a folder")]
    Folder,
    /// Standard input, which was not named explicitly.
    #[error("is a terminal, and no input is named")]
    Terminal,
    /// Standard input, which is closed.
    #[error("is closed, or is /dev/null opened read-write")]
    Closed,
    #[error("cannot tell the position")]
    Position(#[source] io::Error),
    /// It is also the source of the secret: neither would get all of the bytes.
    #[error("cannot be both the input and the secret")]
    Secret,
    /// It could not be removed after its output was written.
    #[error("not a regular file")]
    NotRegular,
}

impl InputErrorKind {
    fn of(self, label: &Label) -> InputError {
        InputError { label: label.clone(), kind: self }
    }
}

/// Files under /sys claim a page and hold less: a file of up to this size is read until it ends.
const UNTRUSTED_SIZE: u64 = 4096;

/// How an input is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// A regular file that we opened: each frame is read at its own position.
    AtPlaces,
    /// A regular file, read from its current position: it was opened by another process, or its size cannot be trusted.
    InOrderFrom(u64),
    /// A stream, in order, of unknown length.
    InOrder,
}

impl InputFile {
    /// Opens `path`; without one, or for `-`, standard input.
    ///
    /// # Errors
    ///
    /// [`InputError`]: the system refuses it, or it is a folder, a terminal that was not named explicitly, or a closed
    /// standard input.
    pub fn open(path: Option<&Path>) -> Result<Self, InputError> {
        let label = path.filter(|path| !is_standard(Some(path))).map_or(Label::StandardInput, Label::from);
        let opened = match &label {
            Label::Path(path) => open_path(path),
            _ => open_standard_input(path.is_some()),
        };
        match opened {
            Ok((file, metadata)) => Ok(Self { file, label, metadata }),
            Err(kind) => Err(InputError { label, kind }),
        }
    }

    /// The path; `None` for standard input.
    pub fn path(&self) -> Option<&Path> {
        self.label.path()
    }

    /// How the input is read.
    ///
    /// # Errors
    ///
    /// [`InputErrorKind::Position`].
    pub fn access(&self) -> Result<Access, InputError> {
        if !self.metadata.is_file() || self.metadata.len() == 0 {
            // Files that the kernel generates, as in /proc, have no size but do have content.
            return Ok(Access::InOrder);
        }
        if self.path().is_some() && self.metadata.len() > UNTRUSTED_SIZE {
            return Ok(Access::AtPlaces);
        }
        let position = (&self.file).stream_position();
        position.map(Access::InOrderFrom).map_err(|error| InputErrorKind::Position(error).of(&self.label))
    }

    /// The state of the input when it was opened, if it is a regular file.
    pub fn snapshot(&self) -> Result<Option<FileSnapshot<'_>>, StreamError> {
        self.metadata.is_file().then(|| FileSnapshot::of(&self.file, &self.metadata)).transpose()
    }

    /// Refuses the input if it is also the source of one of the `secrets`, by their metadata.
    ///
    /// # Errors
    ///
    /// [`InputErrorKind::Secret`].
    pub fn check_apart_from(&self, secrets: &[Metadata]) -> Result<(), InputError> {
        match secrets.iter().any(|secret| is_same_source(secret, &self.metadata)) {
            true => Err(InputErrorKind::Secret.of(&self.label)),
            false => Ok(()),
        }
    }

    /// The input, if it is a regular file; a regular output takes over its mode and time.
    pub fn carried(&self) -> Option<&Self> {
        Some(self).filter(|input| input.metadata.is_file())
    }

    /// Refuses an input that could not be removed: it must be a regular file, named directly and not by a symbolic
    /// link.
    ///
    /// # Errors
    ///
    /// [`InputErrorKind::NotRegular`].
    pub fn check_removable(&self) -> Result<(), InputError> {
        let is_link = self.path().is_some_and(Path::is_symlink);
        if is_link || self.regular_path().is_none() {
            return Err(InputErrorKind::NotRegular.of(&self.label));
        }
        Ok(())
    }

    /// Whether it is a stream already; only known for a regular file with a name, which can be examined without
    /// consuming it.
    pub fn is_stream(&self) -> bool {
        self.regular_path().is_some_and(|path| is_stream(&self.file, path).unwrap_or(false))
    }

    /// The path, if the output may go next to it: not for a pipe, a device or a descriptor's name.
    pub fn regular_path(&self) -> Option<&Path> {
        let names_a_descriptor =
            |path: &Path| path == Path::new("/dev/stdin") || path.starts_with("/dev/fd") || path.starts_with("/proc");
        self.path().filter(|path| self.metadata.is_file() && !names_a_descriptor(path))
    }
}

fn open_path(path: &Path) -> Result<(File, Metadata), InputErrorKind> {
    // This recognises even a folder that may not be read.
    if path.metadata().map_err(InputErrorKind::Open)?.is_dir() {
        return Err(InputErrorKind::Folder);
    }
    with_metadata(File::open(path))
}

fn open_standard_input(is_named: bool) -> Result<(File, Metadata), InputErrorKind> {
    if !is_named && io::stdin().is_terminal() {
        return Err(InputErrorKind::Terminal);
    }
    let (file, metadata) = with_metadata(standard_input())?;
    match is_maybe_closed(&file, &metadata).map_err(InputErrorKind::Open)? {
        true => Err(InputErrorKind::Closed),
        false => Ok((file, metadata)),
    }
}

fn with_metadata(opened: io::Result<File>) -> Result<(File, Metadata), InputErrorKind> {
    let opened = opened.and_then(|file| file.metadata().map(|metadata| (file, metadata)));
    match opened.map_err(InputErrorKind::Open)? {
        (_, metadata) if metadata.is_dir() => Err(InputErrorKind::Folder),
        opened => Ok(opened),
    }
}

/// Whether `path` means standard input.
pub(crate) fn is_standard(path: Option<&Path>) -> bool {
    path.is_none_or(|path| path == Path::new("-"))
}

/// Whether both are the same file, of whatever kind: bytes that one of them reads are lost to the other.
fn is_same_source(one: &Metadata, other: &Metadata) -> bool {
    FileIdentity::of(one) == FileIdentity::of(other) && !one.file_type().is_char_device()
}

impl Access {
    /// The bytes of an input with this `metadata` that will be read, if that is known.
    pub fn length(self, metadata: &Metadata) -> Option<u64> {
        match self {
            Self::AtPlaces => Some(metadata.len()),
            Self::InOrderFrom(position) => Some(metadata.len().saturating_sub(position)),
            Self::InOrder => None,
        }
    }
}
