//! Where results go, under which names, and what may be replaced or removed.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use crate::{
    cli::{arguments::FilesArguments, messages::failure::Failure},
    files::naming::{SUFFIX, with_suffix, without_suffix},
};

/// Where results go, under which names, and what may be replaced or removed.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Placement {
    pub output: OutputChoice,
    pub naming: Naming,
    /// Whether a terminal is refused as output, unless it was named explicitly.
    pub spares_terminals: bool,
    /// Whether an existing file is replaced.
    pub replaces: bool,
    /// Whether an input whose output file exists is skipped.
    pub skips_existing: bool,
    /// Whether an input is removed once its result has been verified.
    pub removes: bool,
}

/// Where a user asked the results to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum OutputChoice {
    /// Next to each input; for one without a name, standard output.
    BesideInput,
    /// Into this folder.
    Folder(PathBuf),
    /// To this file, pipe or device.
    File(PathBuf),
    /// Standard output.
    StandardOutput,
    /// To the command that runs this program.
    Command(OsString),
}

/// How a result is named after its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Naming {
    AddSuffix,
    RemoveSuffix,
}

impl Placement {
    /// The placement of ciphertext, which a terminal could not show.
    pub fn of_streams(arguments: &FilesArguments) -> Self {
        let placement = Self::of(arguments, Naming::AddSuffix);
        let spares_terminals = matches!(placement.output, OutputChoice::BesideInput | OutputChoice::Folder(_));
        Self { spares_terminals, ..placement }
    }

    /// The placement of plaintext.
    pub fn of_plaintext(arguments: &FilesArguments) -> Self {
        Self::of(arguments, Naming::RemoveSuffix)
    }

    fn of(arguments: &FilesArguments, naming: Naming) -> Self {
        let output = match (&arguments.output, &arguments.output_dir) {
            (Some(output), _) if output == Path::new("-") => OutputChoice::StandardOutput,
            (Some(output), _) => OutputChoice::File(output.clone()),
            (None, Some(folder)) => OutputChoice::Folder(folder.clone()),
            (None, None) => OutputChoice::BesideInput,
        };
        Self {
            output,
            naming,
            spares_terminals: false,
            replaces: arguments.force,
            skips_existing: arguments.skip_existing,
            removes: arguments.remove,
        }
    }
}

impl OutputChoice {
    /// Whether it is the same place for every input.
    pub fn is_one_place(&self) -> bool {
        matches!(self, Self::File(_) | Self::StandardOutput | Self::Command(_))
    }
}

impl Naming {
    /// The name of the result of an input at `path`.
    pub fn of_result(self, path: &Path) -> Result<PathBuf, Failure> {
        match self {
            Self::AddSuffix => Ok(with_suffix(path)),
            Self::RemoveSuffix => without_suffix(path).ok_or_else(|| {
                Failure::usage(format!("does not end in {SUFFIX}, so no output name can be derived"))
                    .about(path)
                    .with_hint("name the output with -o FILE, or -o - for standard output")
            }),
        }
    }
}
