//! What `reelseal passwd` is to do.

use std::{num::NonZero, path::PathBuf};

use super::{LockRequest, SecretRequest};
use crate::{
    cli::{arguments::PasswdArguments, messages::failure::Failure},
    keys::{KdfLimits, ScryptCost},
};

#[derive(Clone, Debug)]
pub(in crate::cli) struct PasswdPlan {
    pub files: Vec<PathBuf>,
    pub mode: PasswdMode,
    /// The secret that opens the files today.
    pub current: SecretRequest,
    pub limits: KdfLimits,
    /// What a new passphrase slot costs.
    pub cost: ScryptCost,
    pub quiet: bool,
    pub verbose: bool,
}

#[derive(Clone, Debug)]
pub(in crate::cli) enum PasswdMode {
    /// List the key slots, for people or as JSON.
    List { json: bool },
    /// Change the key slots.
    Rewrite(SlotChange<LockRequest>),
}

/// The change to a header's key slots. `New` is the new secret, or at first the request for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum SlotChange<New> {
    Add(New),
    /// In place of the slot that opens.
    Replace(New),
    /// The slot with this number, or the one that opens.
    Remove(Option<NonZero<usize>>),
}

impl<New> SlotChange<New> {
    pub fn new_secret(&self) -> Option<&New> {
        match self {
            Self::Add(new) | Self::Replace(new) => Some(new),
            Self::Remove(_) => None,
        }
    }

    pub fn as_ref(&self) -> SlotChange<&New> {
        match self {
            Self::Add(new) => SlotChange::Add(new),
            Self::Replace(new) => SlotChange::Replace(new),
            Self::Remove(number) => SlotChange::Remove(*number),
        }
    }

    pub fn try_map<T, E>(self, map: impl FnOnce(New) -> Result<T, E>) -> Result<SlotChange<T>, E> {
        Ok(match self {
            Self::Add(new) => SlotChange::Add(map(new)?),
            Self::Replace(new) => SlotChange::Replace(map(new)?),
            Self::Remove(number) => SlotChange::Remove(number),
        })
    }
}

impl TryFrom<&PasswdArguments> for PasswdPlan {
    type Error = Failure;

    fn try_from(arguments: &PasswdArguments) -> Result<Self, Failure> {
        if arguments.has_idle_cost() {
            return Err(Failure::usage("there is no new passphrase that it could apply to")
                .about("--scrypt-log-n")
                .with_hint("leave it out, or also give a new passphrase"));
        }
        let new = || LockRequest::from(&arguments.new_secret);
        let mode = match arguments.remove {
            Some(number) => PasswdMode::Rewrite(SlotChange::Remove(number)),
            None if arguments.add => PasswdMode::Rewrite(SlotChange::Add(new())),
            None if arguments.list => PasswdMode::List { json: arguments.json },
            None => PasswdMode::Rewrite(SlotChange::Replace(new())),
        };
        refuse_stray_number(&arguments.files, &mode)?;
        Ok(Self {
            files: arguments.files.clone(),
            mode,
            current: (&arguments.secret).into(),
            limits: arguments.secret.kdf_limits(),
            cost: arguments.scrypt_cost(),
            quiet: arguments.quiet,
            verbose: arguments.verbose,
        })
    }
}

/// Refuses `--remove 2 FILE`, which would take 2 for a file and remove a different slot from FILE than was meant.
fn refuse_stray_number(files: &[PathBuf], mode: &PasswdMode) -> Result<(), Failure> {
    let is_number = |path: &&PathBuf| path.to_str().is_some_and(|name| name.parse::<usize>().is_ok());
    match (mode, files.iter().find(is_number)) {
        (PasswdMode::Rewrite(SlotChange::Remove(None)), Some(number)) if !number.exists() => {
            let number = number.display().to_string();
            Err(Failure::usage("cannot open: no such file or directory")
                .about(number.as_str())
                .with_hint(format!("to remove key slot {number}, write --remove={number}")))
        }
        _ => Ok(()),
    }
}
