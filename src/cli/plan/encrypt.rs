//! What `reelseal encrypt` is to do.

use super::{Inputs, Many, Placement, Timestamps, command::command_line};
use crate::{
    cli::{arguments::EncryptArguments, messages::failure::Failure},
    container::Layout,
    files::walk::FileKind,
    keys::ScryptCost,
    process::CommandLine,
};

#[derive(Clone, Debug)]
pub(in crate::cli) struct EncryptPlan {
    pub many: Many,
    pub placement: Placement,
    /// What a new passphrase slot costs.
    pub cost: ScryptCost,
    /// The frame size and the header's length.
    pub layout: Layout,
    pub timestamps: Timestamps,
    /// The command whose output is encrypted, instead of an input.
    pub producer: Option<CommandLine>,
}

impl TryFrom<&EncryptArguments> for EncryptPlan {
    type Error = Failure;

    fn try_from(arguments: &EncryptArguments) -> Result<Self, Failure> {
        let EncryptArguments { files, secret, common, command, .. } = arguments;
        let excluded = [
            (!files.inputs.is_empty(), "an input", "the command writes what is encrypted; leave one of the two out"),
            (files.remove, "--remove", "there is no input file to remove; leave it out"),
        ];
        let producer = command_line("encrypt", command, files, common, &excluded)?;
        let inputs = Inputs::of(&files.inputs, files.recursive.then_some(FileKind::Plaintext))?;
        Ok(Self {
            many: if producer.is_some() {
                Many::of(inputs, secret, common).beside_a_command(common)
            } else {
                Many::of(inputs, secret, common)
            },
            placement: Placement::of_streams(files),
            cost: arguments.scrypt_cost(),
            layout: Layout { frame_size: arguments.frame_size, ..Layout::default() },
            timestamps: arguments.timestamps.into(),
            producer,
        })
    }
}
