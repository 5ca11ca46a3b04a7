//! The output: where it goes, and every reason not to write there, found before anything is asked or written.

use std::{
    fs::{File, Metadata, OpenOptions},
    io::{self, IsTerminal},
    os::{
        fd::AsFd,
        unix::{ffi::OsStrExt, fs::FileTypeExt},
    },
    path::{Path, PathBuf},
};

use rustix::fs::{Access, access};

use super::{
    atomic_file::{Carried, CommitError, WholeFile},
    folders::{folder_of, make_folders, nearest_existing, resolve_links},
    protected::{Outputs, Precious},
};
use crate::cli::messages::{display_name::display_path, failure::Failure, message::Message, report};

/// Where output is to go; nothing is opened yet.
#[derive(Debug)]
pub(crate) struct Destination {
    place: Place,
    /// As it is shown.
    pub name: String,
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
    Whole(WholeFile),
}

/// Where a user asked the output to go.
pub(crate) enum Wanted<'a> {
    StandardOutput,
    File(&'a Path),
    /// A file whose name comes from the input's, which nobody chose: it goes into nothing but a file. The folders that it
    /// needs may be made when it is opened.
    Derived {
        place: &'a Path,
        makes_folder: bool,
    },
}

impl<'a> Wanted<'a> {
    /// The place that `-o` names.
    pub fn named(output: &'a Path) -> Self {
        if output == Path::new("-") { Self::StandardOutput } else { Self::File(output) }
    }
}

impl Destination {
    /// Checks that output may go where it is `wanted`: not over one of the files in `precious`, not over an existing
    /// file without `overwrite`. A file's place is claimed.
    pub fn resolve(wanted: &Wanted<'_>, precious: &Precious, overwrite: bool) -> Result<Self, Failure> {
        match wanted {
            Wanted::StandardOutput => Self::standard_output(precious),
            Wanted::File(path) => Self::file(path, precious, overwrite, false),
            Wanted::Derived { place, makes_folder } => {
                let is_file = place.metadata().is_ok_and(|metadata| metadata.is_file() || metadata.is_dir());
                if !is_file && place.symlink_metadata().is_ok() {
                    return Err(not_a_file(&display_path(place)));
                }
                Self::file(place, precious, overwrite, *makes_folder)
            }
        }
    }

    fn standard_output(precious: &Precious) -> Result<Self, Failure> {
        let name = "standard output".to_owned();
        let metadata = standard_output().and_then(|file| file.metadata());
        let metadata = metadata.map_err(|error| Failure::system(&name, "cannot open", &error))?;
        refuse_same_file(&name, &metadata, precious)?;
        Ok(Self {
            place: Place::StandardOutput,
            name,
            overwrite: true,
            makes_folder: false,
            outputs: Outputs::default(),
        })
    }

    fn file(path: &Path, precious: &Precious, overwrite: bool, makes_folder: bool) -> Result<Self, Failure> {
        let name = display_path(path);
        let at =
            |place| Self { place, name: name.clone(), overwrite, makes_folder, outputs: precious.outputs().clone() };
        let cannot_write = |error: io::Error| Failure::system(&name, "cannot write", &error);
        match path.metadata() {
            Ok(metadata) => {
                refuse_same_file(&name, &metadata, precious)?;
                if metadata.is_dir() {
                    return Err(Failure::usage("is a folder").about(&name).with_hint(
                        "name a file with -o FILE; encrypt and decrypt put results into a folder with --output-dir DIR",
                    ));
                }
                if !metadata.is_file() {
                    return Ok(at(Place::Special(path.to_owned())));
                }
                if !overwrite {
                    return Err(exists(&name));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(cannot_write(error)),
        }
        let resolved = resolve_links(path).map_err(cannot_write)?;
        if !ends_in_a_file_name(path) || !ends_in_a_file_name(&resolved) {
            return Err(Failure::usage("is not the name of a file").about(&name).with_hint("name a file with -o FILE"));
        }
        let folder = folder_of(&resolved);
        let folder = if makes_folder { nearest_existing(folder) } else { folder };
        access(folder, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| cannot_write(error.into()))?;
        if !precious.claim(&resolved).map_err(cannot_write)? {
            return Err(goes_there_too(&name));
        }
        Ok(at(Place::File(resolved)))
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

    /// Opens the output; a file is private until [`WholeFile::carry`] says otherwise, if `private`.
    pub fn open(&self, private: bool) -> Result<Output, Failure> {
        let opened = match &self.place {
            Place::StandardOutput => standard_output().map(Output::Direct),
            Place::Special(path) => open_special(path).map(Output::Direct),
            Place::File(path) => {
                self.make_folder(path).and_then(|()| WholeFile::create(path, private)).map(Output::Whole)
            }
        };
        opened.map_err(|error| Failure::system(&self.name, "cannot write", &error))
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        if self.makes_folder { make_folders(folder_of(path)) } else { Ok(()) }
    }

    /// Gives `file` its name.
    pub fn commit(&self, file: WholeFile) -> Result<(), Failure> {
        let carried = file.apply_carried().map_err(|error| Failure::system(&self.name, "cannot write", &error))?;
        if let Carried::NotSupported = carried {
            report::warning(&Message::about(&self.name, "its file system does not keep the input's mode or time"));
        }
        if self.path().is_some_and(|path| self.outputs.hold(path)) {
            return Err(goes_there_too(&self.name));
        }
        if let Ok(metadata) = file.file().metadata() {
            self.outputs.add(&metadata);
        }
        file.commit(self.overwrite).map_err(|error| match error {
            CommitError::Exists => exists(&self.name),
            CommitError::NotNamed(error) => Failure::system(&self.name, "cannot write", &error),
            CommitError::FolderNotSynced(error) => {
                Failure::system(&self.name, "is whole, but a power cut may lose it: cannot sync its folder", &error)
            }
        })
    }
}

/// Whether the last part of `path` can name a file: it is not empty, `.` or `..`.
fn ends_in_a_file_name(path: &Path) -> bool {
    let last = path.as_os_str().as_bytes().rsplit(|&byte| byte == b'/').next();
    !matches!(last, None | Some(b"" | b"." | b".."))
}

fn standard_output() -> io::Result<File> {
    io::stdout().as_fd().try_clone_to_owned().map(File::from)
}

fn open_special(path: &Path) -> io::Result<File> {
    if path.metadata()?.file_type().is_socket() {
        return Err(io::Error::other("is a socket"));
    }
    OpenOptions::new().write(true).open(path)
}

fn refuse_same_file(name: &str, output: &Metadata, precious: &Precious) -> Result<(), Failure> {
    if precious.is_read(output) {
        return Err(Failure::usage("is an input or the secret, too; writing would destroy it")
            .about(name)
            .with_hint("name another output with -o FILE"));
    }
    Ok(())
}

/// What stands at a derived name is a pipe, a device, or a link that leads nowhere.
fn not_a_file(name: &str) -> Failure {
    Failure::usage("exists already, and is not a file").about(name).with_hint("remove it, or insist on it with -o FILE")
}

fn goes_there_too(name: &str) -> Failure {
    Failure::usage("another input of this run goes there, too")
        .about(name)
        .with_hint("give each a run of its own, or put the results into different folders with --output-dir DIR")
}

fn exists(name: &str) -> Failure {
    Failure::usage("exists already")
        .about(name)
        .with_hint("replace it with --force, or name another output with -o FILE")
}
