//! What `reelseal salvage` is to do.

use std::path::PathBuf;

use super::{LockRequest, Reporting, SecretRequest, Threads};
use crate::{
    cli::{arguments::SalvageArguments, messages::failure::Failure},
    files::input::is_standard,
    keys::{KdfLimits, ScryptCost},
    pipeline::Filling,
};

#[derive(Clone, Debug)]
pub(in crate::cli) struct SalvagePlan {
    /// `None` for standard input.
    pub input: Option<PathBuf>,
    pub output: PathBuf,
    /// Whether existing files are replaced.
    pub replaces: bool,
    /// What is written where frames are missing.
    pub filling: Filling,
    pub map: Option<PathBuf>,
    /// The file with the header, instead of the stream's own.
    pub header: Option<PathBuf>,
    /// The new secret of a new stream; `None` if plaintext is written.
    pub reseal: Option<NewSecret>,
    pub secret: SecretRequest,
    pub limits: KdfLimits,
    pub reporting: Reporting,
    pub threads: Threads,
    pub ignores_interrupts: bool,
}

/// The secret of a new stream, and its scrypt cost.
#[derive(Clone, Debug)]
pub(in crate::cli) struct NewSecret {
    pub request: LockRequest,
    pub cost: ScryptCost,
}

impl TryFrom<&SalvageArguments> for SalvagePlan {
    type Error = Failure;

    fn try_from(arguments: &SalvageArguments) -> Result<Self, Failure> {
        let SalvageArguments { input, output, force, skip, map, header, reseal, secret, new_secret, common, .. } =
            arguments;
        let input = input.clone().filter(|path| !is_standard(Some(path)));
        let request = LockRequest::from(new_secret);
        if !reseal && !request.is_unnamed() {
            return Err(Failure::usage("a new secret is for a new stream, which only --reseal writes")
                .with_hint("add --reseal, or leave the new secret out"));
        }
        if map.as_ref() == Some(output) {
            return Err(Failure::usage("the output and the map cannot go to one place")
                .with_hint("name another file with --map FILE"));
        }
        if header.as_deref().is_some_and(|header| is_standard(Some(header))) {
            return Err(Failure::usage("a header is read from a file, not from standard input")
                .with_hint("name the file with --header FILE"));
        }
        let current = SecretRequest::from(secret);
        if *reseal {
            current.check_apart_from(&request)?;
        }
        Ok(Self {
            input,
            output: output.clone(),
            replaces: *force,
            filling: if *skip { Filling::Nothing } else { Filling::Zeros },
            map: map.clone(),
            header: header.clone(),
            reseal: reseal.then(|| NewSecret { request, cost: arguments.scrypt_cost }),
            secret: current,
            limits: secret.kdf_limits(),
            reporting: Reporting::of(common),
            threads: Threads::of(common),
            ignores_interrupts: common.ignore_interrupts,
        })
    }
}
