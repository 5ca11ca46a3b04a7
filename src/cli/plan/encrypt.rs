//! What `reelseal encrypt` is to do.

use std::time::Duration;

use super::{Inputs, LockRequest, Many, Placement, Timestamps, command::command_line};
use crate::{
    cli::{
        arguments::{EncryptArguments, TimestampsArgument},
        messages::failure::Failure,
    },
    container::{Features, Layout},
    files::walk::FileKind,
    keys::ScryptCost,
    process::CommandLine,
};

#[derive(Clone, Debug)]
pub(in crate::cli) struct EncryptPlan {
    pub many: Many<LockRequest>,
    pub placement: Placement,
    /// What a new passphrase slot costs.
    pub cost: ScryptCost,
    /// The frame size and the header's length.
    pub layout: Layout,
    pub timestamps: Timestamps,
    /// The longest that a byte waits before its frame is written; `None` if the stream is not live.
    pub max_delay: Option<Duration>,
    /// The command whose output is encrypted, instead of an input.
    pub producer: Option<CommandLine>,
}

impl EncryptPlan {
    /// The features of a stream made from an input that is, or is not, a regular file.
    pub fn features(&self, is_file: bool) -> Features {
        let live = if self.max_delay.is_some() { Features::LIVE } else { Features::NONE };
        live.union(self.timestamps.features(is_file))
    }
}

impl TryFrom<&EncryptArguments> for EncryptPlan {
    type Error = Failure;

    fn try_from(arguments: &EncryptArguments) -> Result<Self, Failure> {
        let EncryptArguments { files, lock, common, command, .. } = arguments;
        let excluded = [
            (!files.inputs.is_empty(), "an input", "the command writes what is encrypted; leave one of the two out"),
            (files.remove, "--remove", "there is no input file to remove; leave it out"),
        ];
        let producer = command_line("encrypt", command, files, common, &excluded)?;
        let inputs = Inputs::of(&files.inputs, files.recursive.then_some(FileKind::Plaintext))?;
        if arguments.live {
            check_live(arguments, &inputs)?;
        }
        Ok(Self {
            many: Many::locked(inputs, lock, common).beside(&producer, common),
            placement: Placement::of_streams(files),
            cost: arguments.scrypt_cost,
            layout: Layout { frame_size: arguments.frame_size, ..Layout::default() },
            timestamps: if arguments.live { Timestamps::Always } else { arguments.timestamps.into() },
            max_delay: arguments.live.then_some(arguments.max_delay),
            producer,
        })
    }
}

/// Refuses what does not go with a live stream: several inputs, of which all but the first would have to wait, or
/// frames without times.
fn check_live(arguments: &EncryptArguments, inputs: &Inputs) -> Result<(), Failure> {
    if inputs.named.len() > 1 {
        let refused = Failure::usage("--live takes one input, since others would wait for it to end");
        return Err(refused.with_hint("run reelseal once for each input"));
    }
    if arguments.timestamps == TimestampsArgument::Never {
        let refused = Failure::usage("a live stream always carries times of arrival");
        return Err(refused.with_hint("leave one of the two out"));
    }
    Ok(())
}
