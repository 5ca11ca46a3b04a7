//! The output: where it goes, and every reason not to write there, found before anything is asked or written.

use std::{
    fs::{File, OpenOptions},
    io::{self, IsTerminal},
    os::unix::{ffi::OsStrExt, fs::FileTypeExt},
    path::{Path, PathBuf},
};

use rustix::fs::{Access, access};
use thiserror::Error;

use super::{
    atomic_file::{AtomicFile, Carried, CommitError},
    folders::{folder_of, make_folders, nearest_existing, resolve_links},
    label::Label,
    protected::{Outputs, Protected},
    standard_stream::{is_maybe_closed, standard_output},
};

/// Where output is to go; nothing is opened yet.
#[derive(Debug)]
pub(crate) struct Destination {
    place: Place,
    pub label: Label,
    overwrite: bool,
    makes_folder: bool,
    outputs: Outputs,
}

#[derive(Debug)]
enum Place {
    StandardOutput,
    /// A pipe or device that exists: written directly.
    Special(PathBuf),
    /// A file that appears whole or not at all; symbolic links are resolved.
    File(PathBuf),
}

/// An output that is open.
pub(crate) enum Output {
    /// Written in order, as it comes.
    Direct(File),
    /// Written in any order, named once it is whole.
    Atomic(AtomicFile),
}

/// Why an output cannot be written, and which.
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
    /// Standard output, where all that is written would be lost.
    #[error("is closed, or is /dev/null opened read-write")]
    Closed,
    #[error("cannot write")]
    Write(#[source] io::Error),
    #[error("is a folder")]
    Folder,
    #[error("is not the name of a file")]
    NotAFileName,
    /// A file, which is not to be replaced.
    #[error("exists already")]
    Exists,
    /// At a derived name is a pipe, a device, or a link that leads nowhere.
    #[error("exists already, and is not a file")]
    NotAFile,
    #[error("is an input or the secret, too; writing would destroy it")]
    Protected,
    /// Another output of this process is there, or is to go there.
    #[error("another output goes there, too")]
    Taken,
    /// It is whole and has its name, which a power cut might still undo.
    #[error("is whole, but a power cut may lose it: cannot sync its folder")]
    FolderNotSynced(#[source] io::Error),
    /// It is written directly.
    #[error("cannot be read back")]
    NotReadable,
}

/// Where a user asked the output to go.
pub(crate) enum OutputRequest<'a> {
    StandardOutput,
    File(&'a Path),
    /// A file whose name comes from the input's, which nobody chose: it goes into nothing but a file. The folders that it
    /// needs may be made when it is opened.
    Derived {
        place: &'a Path,
        makes_folder: bool,
    },
}

impl<'a> OutputRequest<'a> {
    /// The place that `-o` names.
    pub fn named(output: &'a Path) -> Self {
        if output == Path::new("-") { Self::StandardOutput } else { Self::File(output) }
    }
}

impl Destination {
    /// Checks that output may go where it is asked to: not over one of the `protected` files, not over an existing
    /// file without `overwrite`. A file's place is assigned to it.
    ///
    /// # Errors
    ///
    /// [`OutputError`]; nothing has been written.
    pub fn resolve(request: &OutputRequest<'_>, protected: &Protected, overwrite: bool) -> Result<Self, OutputError> {
        let (label, makes_folder) = match request {
            OutputRequest::StandardOutput => (Label::StandardOutput, false),
            OutputRequest::File(path) => (Label::from(*path), false),
            OutputRequest::Derived { place, makes_folder } => (Label::from(*place), *makes_folder),
        };
        let place = match request {
            OutputRequest::StandardOutput => standard_output_place(protected),
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
            Ok(place) => Ok(Self { place, label, overwrite, makes_folder, outputs: protected.outputs().clone() }),
            Err(kind) => Err(OutputError { label, kind }),
        }
    }

    /// The file that the output is to become; `None` where it is written directly.
    pub fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::File(path) => Some(path),
            Place::StandardOutput | Place::Special(_) => None,
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

    /// Opens the output; a file is private until [`AtomicFile::carry`] says otherwise, if `private`.
    ///
    /// # Errors
    ///
    /// [`OutputErrorKind::Write`].
    pub fn open(&self, private: bool) -> Result<Output, OutputError> {
        let opened = match &self.place {
            Place::StandardOutput => standard_output().map(Output::Direct),
            Place::Special(path) => open_special(path).map(Output::Direct),
            Place::File(path) => {
                self.make_folder(path).and_then(|()| AtomicFile::create(path, private)).map(Output::Atomic)
            }
        };
        opened.map_err(|error| self.error(OutputErrorKind::Write(error)))
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        if self.makes_folder { make_folders(folder_of(path)) } else { Ok(()) }
    }

    /// Gives `file` its name; says whether it has the mode and time that it was to carry over.
    ///
    /// # Errors
    ///
    /// [`OutputError`]; the file is gone, unless the error says that it is whole.
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
        Ok(metadata) if !metadata.is_file() => return Ok(Place::Special(path.to_owned())),
        Ok(_) if !overwrite => return Err(OutputErrorKind::Exists),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(OutputErrorKind::Write(error)),
    }
    let resolved = resolve_links(path).map_err(OutputErrorKind::Write)?;
    if !ends_in_a_file_name(path) || !ends_in_a_file_name(&resolved) {
        return Err(OutputErrorKind::NotAFileName);
    }
    let folder = folder_of(&resolved);
    let folder = if makes_folder { nearest_existing(folder) } else { folder };
    access(folder, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| OutputErrorKind::Write(error.into()))?;
    if !protected.assign(&resolved).map_err(OutputErrorKind::Write)? {
        return Err(OutputErrorKind::Taken);
    }
    Ok(Place::File(resolved))
}

/// Whether the last part of `path` can name a file: it is not empty, `.` or `..`.
fn ends_in_a_file_name(path: &Path) -> bool {
    let last = path.as_os_str().as_bytes().rsplit(|&byte| byte == b'/').next();
    !matches!(last, None | Some(b"" | b"." | b".."))
}

fn open_special(path: &Path) -> io::Result<File> {
    if path.metadata()?.file_type().is_socket() {
        return Err(io::Error::other("is a socket"));
    }
    OpenOptions::new().write(true).open(path)
}
