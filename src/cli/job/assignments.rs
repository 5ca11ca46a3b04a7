//! Which output each input is assigned. Every reason against it is found before the user is asked anything or anything
//! is written.

use std::{
    fs::{self, Metadata},
    path::PathBuf,
};

use crate::{
    cli::{
        messages::{
            failure::{Exit, Failure},
            passed_over::PassedOver,
            report,
        },
        plan::{OutputChoice, Placement},
    },
    files::{
        folders::make_folder,
        input::{Access, InputFile},
        label::Label,
        output::{Destination, OutputRequest},
        protected::Protected,
        walk::{EmptyFolder, NamedInput},
    },
};

/// Assigns outputs to the inputs of one command, no two of them the same, and none that would overwrite what the
/// command reads.
pub(in crate::cli) struct Assignments<'a> {
    placement: &'a Placement,
    secrets: Vec<Metadata>,
    protected: Protected,
    passed_over: &'a PassedOver,
    /// Whether there is more than one input.
    several: bool,
}

/// An input and the place of its result. Nothing has been asked or written yet.
pub(in crate::cli) struct Job {
    pub input: InputFile,
    pub access: Access,
    pub destination: Destination,
}

impl<'a> Assignments<'a> {
    /// Assignments for these `inputs`; `secrets` are the files that hold secrets.
    pub fn new(
        placement: &'a Placement,
        inputs: &[Result<NamedInput, Failure>],
        secrets: Vec<Metadata>,
        passed_over: &'a PassedOver,
    ) -> Result<Self, Failure> {
        let several = inputs.len() > 1;
        if several && placement.output.is_one_place() {
            return Err(Failure::usage("several inputs cannot all go to one output")
                .with_hint("leave -o out, or put the results into a folder with --output-dir DIR"));
        }
        Ok(Self { several, ..Self::to_one_output(placement, inputs, secrets, passed_over) })
    }

    /// Assignments for a run in which all `inputs` go to one output: the first of them is assigned it.
    pub fn to_one_output(
        placement: &'a Placement,
        inputs: &[Result<NamedInput, Failure>],
        secrets: Vec<Metadata>,
        passed_over: &'a PassedOver,
    ) -> Self {
        let mut protected = Protected::default();
        secrets.iter().for_each(|metadata| protected.add(metadata));
        // What the system does not let us see is reported when it is that input's turn.
        inputs.iter().flatten().filter_map(NamedInput::metadata).for_each(|metadata| protected.add(&metadata));
        Self { placement, secrets, protected, passed_over, several: false }
    }

    /// Opens an input, and assigns it the place that the plan says; `None` if it is skipped because the output exists.
    pub fn assign(&self, named: &NamedInput) -> Result<Option<Job>, Failure> {
        let input = InputFile::open(named.path.as_deref())?;
        if named.path.as_deref().is_some_and(|path| self.protected.outputs().contain(path)) {
            return Err(Failure::usage("was written by this run, from another input")
                .about(&input.label)
                .with_hint("run reelseal for it alone"));
        }
        let access = input.access()?;
        input.check_apart_from(&self.secrets)?;
        let derived = self.derived(&input, named)?;
        let makes_folder = matches!(self.placement.output, OutputChoice::Folder(_));
        let request = match (&self.placement.output, &derived) {
            (OutputChoice::File(path), _) => OutputRequest::File(path),
            (OutputChoice::Command(program), _) => OutputRequest::Command(program),
            (_, Some(place)) => OutputRequest::Derived { place, makes_folder },
            (_, None) => OutputRequest::StandardOutput,
        };
        if self.placement.skips_existing && Destination::exists(&request, &self.protected)? {
            self.passed_over.add_done(&input.label);
            return Ok(None);
        }
        let destination = Destination::resolve(&request, &self.protected, self.placement.replaces)?;
        if self.placement.removes {
            input.check_removable()?;
            if !matches!(self.placement.output, OutputChoice::Command(_)) {
                destination.check_readable()?;
            }
        }
        spare_terminal(self.placement, &destination)?;
        Ok(Some(Job { input, access, destination }))
    }

    /// Creates the empty `folders` in the output folder as well, after the files have `ended`. If none of the files got
    /// an output, nothing is created.
    pub fn mirror(&self, folders: &[EmptyFolder], ended: Result<(), Exit>) -> Result<(), Exit> {
        let OutputChoice::Folder(output) = &self.placement.output else { return ended };
        if ended.is_err() && self.protected.outputs().is_empty() {
            return ended;
        }
        // What an earlier run mirrored is not mirrored into itself.
        let inside = fs::canonicalize(output).ok();
        let is_inside = |folder: &EmptyFolder| {
            let place = fs::canonicalize(&folder.path).ok();
            place.zip(inside.as_ref()).is_some_and(|(place, inside)| place.starts_with(inside))
        };
        folders.iter().filter(|folder| !is_inside(folder)).fold(ended, |ended, folder| {
            let place = output.join(&folder.below);
            let Err(error) = make_folder(&place) else { return ended };
            let exit = report::failure(&Failure::system(place.as_path(), "cannot make the folder", &error));
            Err(ended.err().map_or(exit, |worst| worst.max(exit)))
        })
    }

    /// The place derived from the input's name, if the plan and the input call for one.
    fn derived(&self, input: &InputFile, named: &NamedInput) -> Result<Option<PathBuf>, Failure> {
        let naming = self.placement.naming;
        match (&self.placement.output, input.regular_path()) {
            (OutputChoice::File(_) | OutputChoice::StandardOutput | OutputChoice::Command(_), _) => Ok(None),
            (OutputChoice::BesideInput, Some(path)) => naming.of_result(path).map(Some),
            (OutputChoice::Folder(folder), Some(_)) => naming.of_result(&folder.join(&named.below)).map(Some),
            (OutputChoice::Folder(_), None) => Err(Failure::usage("gives no file name for the output folder")
                .about(&input.label)
                .with_hint("name the output with -o FILE")),
            (OutputChoice::BesideInput, None) if self.several => Err(shares_standard_output(&input.label)),
            (OutputChoice::BesideInput, None) => Ok(None),
        }
    }
}

/// Refuses a terminal where `placement` protects it from ciphertext.
pub(in crate::cli) fn spare_terminal(placement: &Placement, destination: &Destination) -> Result<(), Failure> {
    if placement.spares_terminals && destination.is_terminal() {
        return Err(Failure::usage("refusing to write ciphertext to a terminal")
            .about(&destination.label)
            .with_hint("name a file with -o FILE, or pipe the output, or force it with -o -"));
    }
    Ok(())
}

fn shares_standard_output(input: &Label) -> Failure {
    Failure::usage("gives no output name, and several inputs cannot share standard output")
        .about(input)
        .with_hint("run reelseal for it alone")
}
