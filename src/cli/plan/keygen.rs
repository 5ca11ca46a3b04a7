//! What `reelseal keygen` is to do.

use std::path::PathBuf;

use crate::cli::arguments::KeygenArguments;

#[derive(Clone, Debug)]
pub(in crate::cli) struct KeygenPlan {
    /// `-` for standard output.
    pub output: PathBuf,
    /// Whether an existing file is replaced.
    pub replaces: bool,
    /// Whether to make an age identity.
    #[cfg(feature = "age")]
    pub makes_identity: bool,
}

impl From<&KeygenArguments> for KeygenPlan {
    fn from(arguments: &KeygenArguments) -> Self {
        Self {
            output: arguments.output.clone(),
            replaces: arguments.force,
            #[cfg(feature = "age")]
            makes_identity: arguments.age,
        }
    }
}
