//! The output: where it goes. Every reason not to write there is found before the user is asked for anything and before
//! anything is written.

use std::{
    ffi::{OsStr, OsString},
    fs::{File, Metadata, OpenOptions},
    io::{self, IsTerminal},
    os::unix::{ffi::OsStrExt, fs::FileTypeExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use thiserror::Error;

use super::{
    atomic_file::{AtomicFile, CommitError},
    carried_over::Carried,
    file_identity::FileIdentity,
    folders::{Folder, folder_of, nearest_existing, resolve_links},
    label::Label,
    protected::{Outputs, Protected},
    standard_stream::{is_maybe_closed, standard_output},
};

/// Where output will go; nothing is opened yet.
#[derive(Debug)]
pub(crate) struct Destination {
    place: Place,
    pub label: Label,
    overwrite: bool,
    outputs: Outputs,
}

#[derive(Debug)]
enum Place {
    StandardOutput,
    /// The input of a command, opened where the command is started.
    Command,
    /// A pipe or device that exists: written directly.
    Special(PathBuf, Metadata),
    /// A file that appears whole or not at all; symbolic links are resolved.
    File {
        path: PathBuf,
        folder: FilesFolder,
        name: OsString,
    },
}

/// The folder that a file goes to.
#[derive(Debug)]
enum FilesFolder {
    Held(Arc<Folder>),
    /// It is created when the output is opened.
    YetToBeMade,
}

/// An output that is open.
pub(crate) enum Output {
    /// Written in order, as it comes.
    Direct(File),
    /// Written in any order, named once it is whole.
    Atomic(AtomicFile),
}

/// Which output cannot be written, and why.
#[derive(Debug, Error)]
#[error("{kind}")]
pub(crate) struct OutputError {
    pub label: Label,
    pub kind: OutputErrorKind,
}

/// Why an output cannot be written.
#[derive(Debug, Error)]
pub(crate) enum OutputErrorKind {
    #[error("cannot open")]
    Open(#[source] io::Error),
    /// Standard output, where everything written would be lost.
    #[error("is closed, or is /dev/null opened read-write")]
    Closed,
    #[error("cannot write")]
    Write(#[source] io::Error),
    #[error("is a folder")]
    Folder,
    #[error("is not the name of a file")]
    NotAFileName,
    /// An existing file, which must not be replaced.
    #[error("exists already")]
    Exists,
    /// The derived name is that of a pipe, a device, or a dangling link.
    #[error("exists already, and is not a file")]
    NotAFile,
    #[error("is also an input or the secret; writing would destroy it")]
    Protected,
    /// Another output of this process has, or will have, this place.
    #[error("another output has the same name")]
    Taken,
    /// It is whole and has its name, but a power cut might still undo that.
    #[error("is whole, but a power cut may lose it: cannot sync its folder")]
    FolderNotSynced(#[source] io::Error),
    /// What was a pipe or device when it was checked has become something else.
    #[error("has changed since it was checked")]
    Replaced,
    /// It is written directly.
    #[error("cannot be read back")]
    NotReadable,
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
            OutputRequest::StandardOutput => standard_output_place(protected),
            OutputRequest::Command(_) => Ok(Place::Command),
            OutputRequest::File(path) => file_place(path, protected, overwrite, false),
            OutputRequest::Derived { place, makes_folder } => {
                let is_file = place.metadata().is_ok_and(|metadata| metadata.is_file() || metadata.is_dir());
                if !is_file && place.symlink_metadata().is_ok() {
                    Err(OutputErrorKind::NotAFile)
                } else {
                    file_place(place, protected, overwrite, *makes_folder)
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

fn standard_output_place(protected: &Protected) -> Result<Place, OutputErrorKind> {
    let file = standard_output().map_err(OutputErrorKind::Open)?;
    let metadata = file.metadata().map_err(OutputErrorKind::Open)?;
    if is_maybe_closed(&file, &metadata).map_err(OutputErrorKind::Open)? {
        return Err(OutputErrorKind::Closed);
    }
    if protected.is_read(&metadata) { Err(OutputErrorKind::Protected) } else { Ok(Place::StandardOutput) }
}

fn file_place(
    path: &Path,
    protected: &Protected,
    overwrite: bool,
    makes_folder: bool,
) -> Result<Place, OutputErrorKind> {
    match path.metadata() {
        Ok(metadata) if protected.is_read(&metadata) => return Err(OutputErrorKind::Protected),
        Ok(metadata) if metadata.is_dir() => return Err(OutputErrorKind::Folder),
        Ok(metadata) if !metadata.is_file() => return Ok(Place::Special(path.to_owned(), metadata)),
        Ok(_) if !overwrite => return Err(OutputErrorKind::Exists),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(OutputErrorKind::Write(error)),
    }
    let resolved = resolve_links(path).map_err(OutputErrorKind::Write)?;
    if !ends_in_a_file_name(path) || !ends_in_a_file_name(&resolved) {
        return Err(OutputErrorKind::NotAFileName);
    }
    let folder = match Folder::open(folder_of(&resolved)) {
        Err(error) if makes_folder && error.kind() == io::ErrorKind::NotFound => {
            let existing = Folder::open(nearest_existing(folder_of(&resolved)));
            existing.and_then(|folder| folder.check_writable()).map(|()| FilesFolder::YetToBeMade)
        }
        opened => opened.and_then(|folder| folder.check_writable().map(|()| FilesFolder::Held(Arc::new(folder)))),
    };
    let folder = folder.map_err(OutputErrorKind::Write)?;
    if !protected.assign(&resolved).map_err(OutputErrorKind::Write)? {
        return Err(OutputErrorKind::Taken);
    }
    let name = resolved.file_name().map(OsStr::to_owned).unwrap_or_default();
    Ok(Place::File { path: resolved, folder, name })
}

/// Whether the last part of `path` can name a file: it is not empty, `.` or `..`.
fn ends_in_a_file_name(path: &Path) -> bool {
    let last = path.as_os_str().as_bytes().rsplit(|&byte| byte == b'/').next();
    !matches!(last, None | Some(b"" | b"." | b".."))
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
