//! Which streams are offered to other programs, and what opens them.

use std::path::PathBuf;

use super::SecretRequest;
use crate::{
    cli::{arguments::SecretArguments, messages::failure::Failure},
    files::input::is_standard,
    keys::KdfLimits,
};

/// Streams that are offered to other programs.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Sharing {
    pub paths: Vec<PathBuf>,
    pub secret: SecretRequest,
    pub limits: KdfLimits,
}

impl Sharing {
    pub(super) fn of(paths: &[PathBuf], secret: &SecretArguments) -> Result<Self, Failure> {
        if let Some(path) = paths.iter().find(|path| is_standard(Some(path))) {
            return Err(Failure::usage("cannot seek in standard input")
                .about(path.as_path())
                .with_hint("name a file; to play a pipe from start to end: reelseal decrypt -- PLAYER -"));
        }
        Ok(Self { paths: paths.to_vec(), secret: secret.into(), limits: secret.kdf_limits() })
    }
}
