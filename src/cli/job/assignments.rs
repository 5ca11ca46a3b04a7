//! The ends of a run: every input, and the place of each result.

use std::{
    fs::Metadata,
    num::NonZero,
    path::{Path, PathBuf},
};

use crate::cli::{
    arguments::{CommonArguments, FilesArguments, SecretArguments},
    job::{
        admission::Admission,
        inputs::{self, reads_standard_input},
    },
    messages::failure::Failure,
    secrets::secret_source::SecretSource,
    signals::{Startup, Watching},
};
use crate::files::{
    input::{Access, InputFile},
    label::Label,
    output::{Destination, OutputRequest},
    protected::Protected,
    walk::{self, NamedInput},
};

/// What all files of a run have in common.
pub(in crate::cli) struct Ends<'a> {
    files: &'a FilesArguments,
    secret: Option<Metadata>,
    protected: Protected,
    side_by_side: Admission,
    /// Whether there is more than one input.
    several: bool,
}

/// One file's ends: nothing is asked, and nothing written yet.
pub(in crate::cli) struct Job {
    pub input: InputFile,
    pub access: Access,
    pub destination: Destination,
}

/// What a run begins with.
pub(in crate::cli) struct Begun<'a> {
    pub watching: Watching,
    pub secret_source: SecretSource,
    pub inputs: Vec<Result<NamedInput, Failure>>,
    pub ends: Ends<'a>,
}

impl<'a> Ends<'a> {
    /// Finds the secret's source and the inputs; of folders, the files of this `kind`.
    pub fn begin(
        files: &'a FilesArguments,
        secret: &SecretArguments,
        common: &CommonArguments,
        kind: walk::FileKind,
        startup: Startup,
    ) -> Result<Begun<'a>, Failure> {
        let from_stdin = reads_standard_input(&files.inputs)?;
        let secret_source = SecretSource::choose(secret, from_stdin, &startup)?;
        let watching = startup.watch(common.answer_to_interrupts());
        let inputs = inputs::expand(&watching, &files.inputs, files.recursive, kind);
        if inputs.len() > 1 && files.output.is_some() {
            return Err(Failure::usage("several inputs cannot all go to one output")
                .with_hint("leave -o out, or put the results into a folder with --output-dir DIR"));
        }
        let secret = secret_source.metadata();
        let mut protected = Protected::default();
        secret.iter().for_each(|metadata| protected.add(metadata));
        // What cannot be looked at is told of in its turn.
        inputs.iter().flatten().filter_map(NamedInput::metadata).for_each(|metadata| protected.add(&metadata));
        let side_by_side = Admission::new(common.threads(false));
        let several = inputs.len() > 1;
        Ok(Begun { watching, secret_source, inputs, ends: Self { files, secret, protected, side_by_side, several } })
    }

    /// Opens an input, and finds the place of its result: what `-o` names, else, in the folder of the results or beside
    /// the input, the name that `rename` gives, else standard output.
    pub fn open(
        &self,
        named: &NamedInput,
        rename: impl FnOnce(&Path) -> Result<PathBuf, Failure>,
    ) -> Result<Job, Failure> {
        let input = InputFile::open(named.path.as_deref())?;
        if named.path.as_deref().is_some_and(|path| self.protected.outputs().contain(path)) {
            return Err(Failure::usage("is what this run made of another input")
                .about(&input.label)
                .with_hint("give it a run of its own"));
        }
        let access = input.access()?;
        input.check_apart_from(self.secret.as_ref())?;
        let beside = match (&self.files.output, input.regular_path(), &self.files.output_dir) {
            (Some(_), ..) => None,
            (None, Some(path), None) => Some(rename(path)?),
            (None, Some(_), Some(folder)) => Some(rename(&folder.join(&named.below))?),
            (None, None, Some(_)) => return Err(no_name(&input.label)),
            (None, None, None) if self.several => return Err(shares_standard_output(&input.label)),
            (None, None, None) => None,
        };
        let request = match (&self.files.output, &beside) {
            (Some(output), _) => OutputRequest::named(output),
            (None, Some(place)) => OutputRequest::Derived { place, makes_folder: self.files.output_dir.is_some() },
            (None, None) => OutputRequest::StandardOutput,
        };
        let destination = Destination::resolve(&request, &self.protected, self.files.force)?;
        if self.files.remove {
            input.check_removable()?;
            destination.check_readable()?;
        }
        Ok(Job { input, access, destination })
    }

    /// How many files may be in hand at once.
    pub fn most_at_once(&self) -> NonZero<usize> {
        self.side_by_side.most()
    }

    /// Which files go at the same time.
    pub fn side_by_side(&self) -> &Admission {
        &self.side_by_side
    }

    /// Whether inputs are removed.
    pub fn removes(&self) -> bool {
        self.files.remove
    }
}

fn shares_standard_output(input: &Label) -> Failure {
    Failure::usage("has no name for a file of its own, and several inputs cannot share standard output")
        .about(input)
        .with_hint("give it a run of its own")
}

fn no_name(input: &Label) -> Failure {
    Failure::usage("has no name for a file in the output folder").about(input).with_hint("name the output with -o FILE")
}
