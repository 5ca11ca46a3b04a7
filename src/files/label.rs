//! What an input or an output is called in messages.

use std::path::{Path, PathBuf};

/// What an input or an output is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Label {
    StandardInput,
    StandardOutput,
    /// The path by which it was named or found, not escaped for a terminal.
    Path(PathBuf),
}

impl Label {
    /// The path, of what has one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::StandardInput | Self::StandardOutput => None,
            Self::Path(path) => Some(path),
        }
    }
}

impl From<&Path> for Label {
    fn from(path: &Path) -> Self {
        Self::Path(path.to_owned())
    }
}
