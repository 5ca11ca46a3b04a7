//! What `reelseal decrypt` is to do.

use super::{Inputs, Many, Placement};
use crate::{
    cli::{arguments::DecryptArguments, messages::failure::Failure},
    files::walk::FileKind,
};

#[derive(Clone, Debug)]
pub(in crate::cli) struct DecryptPlan {
    pub many: Many,
    pub placement: Placement,
}

impl TryFrom<&DecryptArguments> for DecryptPlan {
    type Error = Failure;

    fn try_from(arguments: &DecryptArguments) -> Result<Self, Failure> {
        let DecryptArguments { files, secret, common } = arguments;
        let inputs = Inputs::of(&files.inputs, files.recursive.then_some(FileKind::Streams))?;
        Ok(Self { many: Many::of(inputs, secret, common), placement: Placement::of_plaintext(files) })
    }
}
