//! The output: where it goes. Every reason not to write there is found before the user is asked for anything and before
//! anything is written.

use std::{
    ffi::OsStr,
    fs::{File, Metadata, OpenOptions},
    io::{self, IsTerminal},
    os::unix::fs::FileTypeExt,
    path::Path,
    sync::Arc,
};

use super::{
    atomic_file::{AtomicFile, CommitError},
    carried_over::Carried,
    file_identity::FileIdentity,
    folders::{Folder, folder_of, resolve_links},
    label::Label,
    output_error::{OutputError, OutputErrorKind},
    place::{FilesFolder, Place},
    protected::{Outputs, Protected},
    standard_stream::standard_output,
};

/// Where output will go; nothing is opened yet.
#[derive(Debug)]
pub(crate) struct Destination {
    place: Place,
    pub label: Label,
    overwrite: bool,
    outputs: Outputs,
}

/// An output that is open.
pub(crate) enum Output {
    /// Written in order, as it comes.
    Direct(File),
    /// Written in any order, named once it is whole.
    Atomic(AtomicFile),
}

/// Where a user asked the output to go.
pub(crate) enum OutputRequest<'a> {
    StandardOutput,
    /// The command that runs this program.
    Command(&'a OsStr),
    File(&'a Path),
    /// A file whose name is derived from the input's, not chosen by the user: anything but a regular file is refused.
    /// Missing folders may be created when it is opened.
    Derived {
        place: &'a Path,
        makes_folder: bool,
    },
}

impl<'a> OutputRequest<'a> {
    /// The place named with `-o`.
    pub fn named(output: &'a Path) -> Self {
        if output == Path::new("-") { Self::StandardOutput } else { Self::File(output) }
    }
}

impl Destination {
    /// Checks that output may go where it is asked to: not over one of the `protected` files, and not over an existing
    /// file without `overwrite`. The place of a file is then taken.
    ///
    /// # Errors
    ///
    /// [`OutputError`]; nothing has been written.
    pub fn resolve(request: &OutputRequest<'_>, protected: &Protected, overwrite: bool) -> Result<Self, OutputError> {
        let label = match request {
            OutputRequest::StandardOutput => Label::StandardOutput,
            OutputRequest::Command(program) => Label::Command((*program).to_owned()),
            OutputRequest::File(path) => Label::from(*path),
            OutputRequest::Derived { place, .. } => Label::from(*place),
        };
        let place = match request {
            OutputRequest::StandardOutput => Place::standard_output(protected),
            OutputRequest::Command(_) => Ok(Place::Command),
            OutputRequest::File(path) => Place::at(path, protected, overwrite, false),
            OutputRequest::Derived { place, makes_folder } => {
                let is_file = place.metadata().is_ok_and(|metadata| metadata.is_file() || metadata.is_dir());
                if !is_file && place.symlink_metadata().is_ok() {
                    Err(OutputErrorKind::NotAFile)
                } else {
                    Place::at(place, protected, overwrite, *makes_folder)
                }
            }
        };
        match place {
            Ok(place) => Ok(Self { place, label, overwrite, outputs: protected.outputs().clone() }),
            Err(kind) => Err(OutputError { label, kind }),
        }
    }

    /// Whether a file exists where the output should go. Its place is then taken, so that no other output of this
    /// process is mistaken for it.
    ///
    /// # Errors
    ///
    /// [`OutputErrorKind::Taken`]; [`OutputErrorKind::Write`] if the system cannot tell where that is.
    pub fn exists(request: &OutputRequest<'_>, protected: &Protected) -> Result<bool, OutputError> {
        let (OutputRequest::File(path) | OutputRequest::Derived { place: path, .. }) = request else {
            return Ok(false);
        };
        if !path.metadata().is_ok_and(|metadata| metadata.is_file()) {
            return Ok(false);
        }
        let assigned = resolve_links(path).and_then(|resolved| protected.assign(&resolved));
        match assigned {
            Ok(true) => Ok(true),
            Ok(false) => Err(OutputError { label: Label::from(*path), kind: OutputErrorKind::Taken }),
            Err(error) => Err(OutputError { label: Label::from(*path), kind: OutputErrorKind::Write(error) }),
        }
    }

    /// The file that the output will become; `None` if it is written directly.
    pub fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::File { path, .. } => Some(path),
            Place::StandardOutput | Place::Command | Place::Special(..) => None,
        }
    }

    /// Whether the output is a terminal.
    pub fn is_terminal(&self) -> bool {
        matches!(self.place, Place::StandardOutput) && io::stdout().is_terminal()
    }

    /// Refuses an output that could not be read back.
    ///
    /// # Errors
    ///
    /// [`OutputErrorKind::NotReadable`].
    pub fn check_readable(&self) -> Result<(), OutputError> {
        self.path().map(drop).ok_or_else(|| self.error(OutputErrorKind::NotReadable))
    }

    /// Opens the output; if `private`, a file is private until [`AtomicFile::carry`] says otherwise.
    ///
    /// # Errors
    ///
    /// [`OutputErrorKind::Write`]; [`OutputErrorKind::Replaced`] for a pipe or device that has become something else.
    pub fn open(&self, private: bool) -> Result<Output, OutputError> {
        let opened = match &self.place {
            Place::StandardOutput => standard_output().map(Output::Direct).map_err(OutputErrorKind::Write),
            Place::Command => Err(OutputErrorKind::Open(io::ErrorKind::Unsupported.into())),
            Place::Special(path, checked) => open_special(path, checked).map(Output::Direct),
            Place::File { path, folder, name } => {
                let folder = match folder {
                    FilesFolder::Held(folder) => Ok(Arc::clone(folder)),
                    FilesFolder::YetToBeMade => Folder::open_or_make(folder_of(path)).map(Arc::new),
                };
                let file = folder.and_then(|folder| AtomicFile::create(folder, name, private));
                file.map(Output::Atomic).map_err(OutputErrorKind::Write)
            }
        };
        opened.map_err(|kind| self.error(kind))
    }

    /// Gives `file` its name; returns whether it got the mode and time that it was to take over.
    ///
    /// # Errors
    ///
    /// [`OutputError`]; the file is deleted, unless the error says that it is whole.
    pub fn commit(&self, file: AtomicFile) -> Result<Carried, OutputError> {
        let carried = file.apply_carried().map_err(|error| self.error(OutputErrorKind::Write(error)))?;
        if self.path().is_some_and(|path| self.outputs.contain(path)) {
            return Err(self.error(OutputErrorKind::Taken));
        }
        if let Ok(metadata) = file.file().metadata() {
            self.outputs.add(&metadata);
        }
        file.commit(self.overwrite).map_err(|error| {
            self.error(match error {
                CommitError::Exists => OutputErrorKind::Exists,
                CommitError::NotNamed(error) => OutputErrorKind::Write(error),
                CommitError::FolderNotSynced(error) => OutputErrorKind::FolderNotSynced(error),
            })
        })?;
        Ok(carried)
    }

    fn error(&self, kind: OutputErrorKind) -> OutputError {
        OutputError { label: self.label.clone(), kind }
    }
}

/// Opens the file that had the metadata `checked`. Only that file is written to: if another one has taken its name, it
/// is left alone.
fn open_special(path: &Path, checked: &Metadata) -> Result<File, OutputErrorKind> {
    if checked.file_type().is_socket() {
        return Err(OutputErrorKind::Write(io::Error::other("is a socket")));
    }
    let opened = OpenOptions::new().write(true).open(path);
    let opened = opened.and_then(|file| file.metadata().map(|metadata| (file, metadata)));
    let (file, metadata) = opened.map_err(OutputErrorKind::Write)?;
    // As inodes are reused, its type counts, too.
    let identity = |metadata: &Metadata| (FileIdentity::of(metadata), metadata.file_type());
    if identity(&metadata) == identity(checked) { Ok(file) } else { Err(OutputErrorKind::Replaced) }
}
