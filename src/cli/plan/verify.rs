//! What `reelseal verify` is to do.

use super::{Inputs, Many};
use crate::{
    cli::{arguments::VerifyArguments, messages::failure::Failure},
    files::walk::FileKind,
};

#[derive(Clone, Debug)]
pub(in crate::cli) struct VerifyPlan {
    pub many: Many,
    /// Whether segments may be missing that the recorder says it has removed.
    pub allows_removed: bool,
}

impl TryFrom<&VerifyArguments> for VerifyPlan {
    type Error = Failure;

    fn try_from(arguments: &VerifyArguments) -> Result<Self, Failure> {
        let VerifyArguments { inputs, recursive, allow_removed, secret, common } = arguments;
        let inputs = Inputs::of(inputs, recursive.then_some(FileKind::StreamsByContentOrName))?;
        Ok(Self { many: Many::of(inputs, secret, common), allows_removed: *allow_removed })
    }
}
