//! What `reelseal inspect` is to do.

use std::path::PathBuf;

use super::{Inputs, SecretRequest};
use crate::{
    cli::{arguments::InspectArguments, messages::failure::Failure},
    keys::KdfLimits,
};

#[derive(Clone, Debug)]
pub(in crate::cli) struct InspectPlan {
    pub inputs: Inputs,
    /// Whether every frame is listed.
    pub frames: bool,
    pub json: bool,
    /// Where the header is saved, and whether an existing file is replaced.
    pub saved_header: Option<(PathBuf, bool)>,
    pub secret: InspectSecret,
    pub limits: KdfLimits,
}

/// Where the secret of `inspect` comes from. Unless asked to, `inspect` does not prompt for one.
#[derive(Clone, Debug)]
pub(in crate::cli) enum InspectSecret {
    /// Asked for, because of `--ask`.
    Asked,
    /// Used if a flag or the environment gives one.
    IfGiven(SecretRequest),
}

impl TryFrom<&InspectArguments> for InspectPlan {
    type Error = Failure;

    fn try_from(arguments: &InspectArguments) -> Result<Self, Failure> {
        let secret = match arguments.ask {
            true => InspectSecret::Asked,
            false => InspectSecret::IfGiven((&arguments.secret).into()),
        };
        if arguments.save_header.is_some() && arguments.inputs.len() > 1 {
            return Err(Failure::usage("the headers of several streams cannot go to one file")
                .with_hint("run reelseal once for each stream"));
        }
        Ok(Self {
            inputs: Inputs::of(&arguments.inputs, None)?,
            saved_header: arguments.save_header.clone().map(|file| (file, arguments.force)),
            frames: arguments.frames,
            json: arguments.json,
            secret,
            limits: arguments.secret.kdf_limits(),
        })
    }
}
