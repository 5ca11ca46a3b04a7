//! The input: a path or standard input, and what kind of thing that is.

use std::{
    fs::{File, Metadata},
    io::{self, IsTerminal, Seek},
    os::{
        fd::AsFd,
        unix::fs::{FileTypeExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

use super::output::Destination;
use crate::{
    cli::messages::{display_name::display_path, failure::Failure},
    container::Layout,
    pipeline::{FileSnapshot, StreamFile},
    stream::StreamError,
};

/// An input that can be opened.
pub(crate) struct InputFile {
    pub file: File,
    /// As it is shown.
    pub name: String,
    /// `None` for standard input.
    pub path: Option<PathBuf>,
    pub metadata: Metadata,
}

/// Files under /sys claim a page and hold less: up to that, a file is read to where it ends.
const UNTRUSTED_SIZE: u64 = 4096;

/// How an input is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// A regular file that we opened: each frame at its own place.
    Positional,
    /// A regular file, from where it stands: one that somebody else opened, or one whose size is not to be trusted.
    From(u64),
    /// A stream, in order, of unknown length.
    Stream,
}

impl InputFile {
    /// Opens `path`, or standard input without one or for `-`.
    pub fn open(path: Option<&Path>) -> Result<Self, Failure> {
        match path {
            Some(path) if !is_standard(Some(path)) => Self::open_path(path),
            _ => Self::open_standard_input(path.is_some()),
        }
    }

    fn open_path(path: &Path) -> Result<Self, Failure> {
        let name = display_path(path);
        let cannot_open = |error: io::Error| open_failure(&name, error);
        let metadata = path.metadata().map_err(cannot_open)?;
        if metadata.is_dir() {
            return Err(folder(&name));
        }
        let file = File::open(path).map_err(cannot_open)?;
        let metadata = file.metadata().map_err(cannot_open)?;
        Ok(Self { file, name, path: Some(path.to_owned()), metadata })
    }

    fn open_standard_input(named: bool) -> Result<Self, Failure> {
        let name = "standard input".to_owned();
        if !named && io::stdin().is_terminal() {
            return Err(Failure::usage("is a terminal, and no input is named")
                .about(&name)
                .with_hint("name a file, or - to type the input"));
        }
        let cannot_open = |error: io::Error| open_failure(&name, error);
        let file = standard_input().map_err(cannot_open)?;
        let metadata = file.metadata().map_err(cannot_open)?;
        if metadata.is_dir() {
            return Err(folder(&name));
        }
        Ok(Self { file, name, path: None, metadata })
    }

    /// How the input is read.
    pub fn access(&self) -> Result<Access, Failure> {
        if !self.metadata.is_file() || self.metadata.len() == 0 {
            // Files that the kernel makes up, as under /proc, have no size and hold something all the same.
            return Ok(Access::Stream);
        }
        if self.path.is_some() && self.metadata.len() > UNTRUSTED_SIZE {
            return Ok(Access::Positional);
        }
        let position = (&self.file).stream_position();
        let position = position.map_err(|error| Failure::system(&self.name, "cannot tell the position", &error))?;
        Ok(Access::From(position))
    }

    /// What the input was when it was opened, if it is a regular file.
    pub fn snapshot(&self) -> Result<Option<FileSnapshot<'_>>, StreamError> {
        self.metadata.is_file().then(|| FileSnapshot::of(&self.file, &self.metadata)).transpose()
    }

    /// Refuses the input as the secret's own source, which has this metadata: neither would get all of it.
    pub fn check_apart_from(&self, secret: Option<&Metadata>) -> Result<(), Failure> {
        if secret.is_some_and(|secret| is_same_source(secret, &self.metadata)) {
            return Err(Failure::usage("cannot be both the input and the secret")
                .about(&self.name)
                .with_hint("give the secret in a file of its own"));
        }
        Ok(())
    }

    /// What a regular output takes over from a regular input.
    pub fn carried(&self) -> Option<&Metadata> {
        Some(&self.metadata).filter(|metadata| metadata.is_file())
    }

    /// Refuses an input that could not be deleted once it is at `destination`.
    pub fn check_removable(&self, destination: &Destination) -> Result<(), Failure> {
        let is_link = self.path.as_deref().is_some_and(Path::is_symlink);
        if is_link || self.regular_path().is_none() {
            return Err(Failure::usage("not a regular file, which --remove could delete")
                .about(&self.name)
                .with_hint("name the file itself, or leave --remove out"));
        }
        if destination.path().is_none() {
            return Err(Failure::usage("cannot be read back, as --remove would have to")
                .about(&destination.name)
                .with_hint("write to a file, or leave --remove out"));
        }
        Ok(())
    }

    /// The stream of this layout, if its end can be looked at before its beginning; `snapshot` is the input's.
    pub fn stream_file(
        &self,
        access: Access,
        snapshot: Option<&FileSnapshot<'_>>,
        layout: Layout,
    ) -> Result<Option<StreamFile<'_>>, StreamError> {
        let start = match access {
            Access::Positional => 0,
            Access::From(position) => position,
            Access::Stream => return Ok(None),
        };
        snapshot.map(|snapshot| StreamFile::new(&self.file, snapshot.size(), start, layout)).transpose()
    }

    /// The path, if the output may stand beside it: not for a pipe, a device or a descriptor's name.
    pub fn regular_path(&self) -> Option<&Path> {
        let names_a_descriptor =
            |path: &Path| path == Path::new("/dev/stdin") || path.starts_with("/dev/fd") || path.starts_with("/proc");
        self.path.as_deref().filter(|path| self.metadata.is_file() && !names_a_descriptor(path))
    }
}

/// Standard input's descriptor, without std's buffer.
pub(crate) fn standard_input() -> io::Result<File> {
    io::stdin().as_fd().try_clone_to_owned().map(File::from)
}

/// Whether `path` means standard input.
pub(crate) fn is_standard(path: Option<&Path>) -> bool {
    path.is_none_or(|path| path == Path::new("-"))
}

/// Whether both are the same thing of whatever kind: what one reads, the other does not get.
fn is_same_source(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino()) && !one.file_type().is_char_device()
}

impl Access {
    /// The bytes of an input with this `metadata` that will be read, if that is known.
    pub fn length(self, metadata: &Metadata) -> Option<u64> {
        match self {
            Self::Positional => Some(metadata.len()),
            Self::From(position) => Some(metadata.len().saturating_sub(position)),
            Self::Stream => None,
        }
    }
}

/// An input that the system does not let us have.
pub(crate) fn open_failure(name: &str, error: io::Error) -> Failure {
    Failure::system(name, "cannot open", &error)
}

fn folder(name: &str) -> Failure {
    Failure::usage("is a folder").about(name)
        .with_hint("encrypt, decrypt and verify take the files in it with -r; or pack it: tar c FOLDER | reelseal encrypt -o FOLDER.tar.reel")
}
