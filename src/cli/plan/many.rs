//! What the commands that work on many files share.

use std::path::PathBuf;

use super::{LockRequest, Reporting, SecretRequest, Threads};
use crate::{
    cli::{
        arguments::{CommonArguments, LockArguments, SecretArguments},
        messages::failure::Failure,
    },
    files::{input::is_standard, label::Label, walk::FileKind},
    keys::KdfLimits,
};

/// Many files, and how they are processed. `Wanted` is what opens them, or what they are locked with.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Many<Wanted = SecretRequest> {
    pub inputs: Inputs,
    pub secret: Wanted,
    pub limits: KdfLimits,
    pub reporting: Reporting,
    pub threads: Threads,
    /// Whether an interrupt is ignored.
    pub ignores_interrupts: bool,
}

/// The inputs that the command line names.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Inputs {
    /// If this is empty, the only input is standard input.
    pub named: Vec<PathBuf>,
    /// The kind of files below a folder that replace it; `None` if folders are not expanded.
    pub below_folders: Option<FileKind>,
    /// Whether standard input is read.
    pub from_standard_input: bool,
}

impl Many {
    /// Streams that are opened.
    pub fn of(inputs: Inputs, secret: &SecretArguments, common: &CommonArguments) -> Self {
        Self::with(inputs, secret.into(), secret.kdf_limits(), common)
    }
}

impl Many<LockRequest> {
    /// Inputs that are locked.
    pub fn locked(inputs: Inputs, lock: &LockArguments, common: &CommonArguments) -> Self {
        Self::with(inputs, lock.into(), lock.kdf_limits(), common)
    }
}

impl<Wanted> Many<Wanted> {
    fn with(inputs: Inputs, secret: Wanted, limits: KdfLimits, common: &CommonArguments) -> Self {
        Self {
            inputs,
            secret,
            limits,
            reporting: Reporting::of(common),
            threads: Threads::of(common),
            ignores_interrupts: common.ignore_interrupts,
        }
    }
}

impl Inputs {
    /// The inputs that are `named`. Standard input, which is meant if there are no names and by `-`, must be the only
    /// one.
    pub fn of(named: &[PathBuf], below_folders: Option<FileKind>) -> Result<Self, Failure> {
        let names_standard_input = named.iter().any(|path| is_standard(Some(path)));
        if names_standard_input && named.len() > 1 {
            let refused = Failure::usage("cannot be one of several inputs").about(&Label::StandardInput);
            return Err(refused.with_hint("run reelseal for it alone"));
        }
        let from_standard_input = named.is_empty() || names_standard_input;
        Ok(Self { named: named.to_vec(), below_folders, from_standard_input })
    }
}
