//! What `reelseal decrypt` is to do.

use std::io;

use super::{ByteRange, Inputs, Many, OutputChoice, Placement, command::command_line};
use crate::{
    cli::{arguments::DecryptArguments, messages::failure::Failure},
    files::{standard_stream::is_pipe, walk::FileKind},
    process::CommandLine,
};

#[derive(Clone, Debug)]
pub(in crate::cli) struct DecryptPlan {
    pub many: Many,
    pub placement: Placement,
    /// The part of the one input that is to be decrypted; `None` for the whole of every input.
    pub part: Option<Part>,
    /// The command that takes the plaintext, instead of an output.
    pub consumer: Option<CommandLine>,
    /// Whether the inputs are segments to be joined.
    pub recording: Option<WholeRecording>,
    /// Whether the one input is read while it grows, and what then follows.
    pub follows: Option<WholeRecording>,
}

/// How segments are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) struct WholeRecording {
    /// Whether gaps between them are allowed.
    pub allows_gaps: bool,
}

/// A part of a plaintext.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Part {
    Bytes(ByteRange),
    /// What arrived from one time to another, in Unix microseconds.
    Times {
        since: i64,
        until: i64,
    },
}

impl TryFrom<&DecryptArguments> for DecryptPlan {
    type Error = Failure;

    fn try_from(arguments: &DecryptArguments) -> Result<Self, Failure> {
        let DecryptArguments { files, allow_gaps, follow, range, since, until, secret, common, command } = arguments;
        let excluded = [
            (
                files.inputs.len() > 1,
                "more than one input",
                "a command takes one stream; run reelseal once for each input",
            ),
            (files.output.is_some(), "--output", "the command receives the result; leave one of the two out"),
            (files.force, "--force", "the command receives the result, and no file is replaced; leave it out"),
        ];
        let consumer = command_line("decrypt", command, files, common, &excluded)?;
        let inputs = Inputs::of(&files.inputs, files.recursive.then_some(FileKind::Streams))?;
        let part = match (range, since, until) {
            (Some(range), ..) => Some(Part::Bytes(*range)),
            (None, None, None) => None,
            (None, Some(since), Some(until)) if since > until => {
                return Err(Failure::usage("--until is a time before --since").with_hint(
                    "a time without a date is today's; give the dates of a night: --since '2026-11-24 23:00'",
                ));
            }
            (None, since, None) if *follow => since.map(|since| Part::Times { since, until: i64::MAX }),
            (None, since, until) => {
                Some(Part::Times { since: since.unwrap_or(i64::MIN), until: until.unwrap_or(i64::MAX) })
            }
        };
        let mut placement = Placement::of_plaintext(files);
        if let Some(consumer) = &consumer {
            placement.output = OutputChoice::Command(consumer.program.clone());
        }
        match (*follow, part.is_some()) {
            (true, _) => place_part("--follow", &inputs, &mut placement)?,
            (false, true) => place_part("decrypting a part", &inputs, &mut placement)?,
            (false, false) => {}
        }
        let how = WholeRecording { allows_gaps: *allow_gaps };
        let recording = (!follow && part.is_none() && is_recording(&inputs, &placement)).then_some(how);
        if recording.is_some() && placement.removes {
            return Err(Failure::usage("--remove is for streams that each have an output of their own")
                .with_hint("verify the recording, and remove its segments yourself"));
        }
        if *allow_gaps && recording.is_none() && !follow {
            return Err(Failure::usage("--allow-gaps is for the segments of a recording, which go to one output")
                .with_hint("name the segments, or their folder, and an output with -o FILE"));
        }
        if *follow && inputs.from_standard_input {
            return Err(Failure::usage("--follow needs a file or a folder, which can be read again")
                .with_hint("leave it out: standard input is read as it arrives"));
        }
        let many = Many::of(inputs, secret, common).beside(&consumer, common);
        Ok(Self { many, placement, part, consumer, recording, follows: follow.then_some(how) })
    }
}

/// Whether the inputs go to one output, one after another: several of them, or those in a folder.
fn is_recording(inputs: &Inputs, placement: &Placement) -> bool {
    let is_several = || inputs.named.len() > 1 || inputs.named.iter().any(|path| path.is_dir());
    placement.output.is_one_place() && inputs.below_folders.is_none() && is_several()
}

/// Refuses what does not go with a part: several inputs, or the default output name, which is that of the whole.
fn place_part(part: &str, inputs: &Inputs, placement: &mut Placement) -> Result<(), Failure> {
    if inputs.named.len() > 1 {
        return Err(
            Failure::usage(format!("{part} takes only one input")).with_hint("run reelseal once for each input")
        );
    }
    if placement.output == OutputChoice::BesideInput && !inputs.from_standard_input {
        if !is_pipe(&io::stdout()) {
            let fact = format!("{part} needs an explicit output");
            return Err(Failure::usage(fact).with_hint("name it with -o FILE, or pipe the output"));
        }
        placement.output = OutputChoice::StandardOutput;
    }
    Ok(())
}
