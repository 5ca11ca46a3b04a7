//! What an input or an output is called in messages.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

/// What an input or an output is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Label {
    StandardInput,
    StandardOutput,
    /// The path by which it was named or found, not escaped for a terminal.
    Path(PathBuf),
    /// A command, by the name of its program.
    Command(OsString),
}

impl Label {
    /// The path, if there is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::StandardInput | Self::StandardOutput | Self::Command(_) => None,
            Self::Path(path) => Some(path),
        }
    }
}

impl From<&Path> for Label {
    fn from(path: &Path) -> Self {
        Self::Path(path.to_owned())
    }
}
