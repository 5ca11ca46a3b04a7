//! What `reelseal mount` is to do.

use std::{path::PathBuf, slice};

use super::{Reporting, Sharing};
use crate::cli::{arguments::MountArguments, messages::failure::Failure};

#[derive(Clone, Debug)]
pub(in crate::cli) struct MountPlan {
    pub source: PathBuf,
    /// The folder to mount on.
    pub place: PathBuf,
    pub sharing: Sharing,
    pub reporting: Reporting,
    pub ignores_interrupts: bool,
}

impl TryFrom<&MountArguments> for MountPlan {
    type Error = Failure;

    fn try_from(arguments: &MountArguments) -> Result<Self, Failure> {
        let MountArguments { source, place, secret, common } = arguments;
        Ok(Self {
            source: source.clone(),
            place: place.clone(),
            sharing: Sharing::of(slice::from_ref(source), secret)?,
            reporting: Reporting::of(common),
            ignores_interrupts: common.ignore_interrupts,
        })
    }
}
