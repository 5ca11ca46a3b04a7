//! The place that an output goes to, checked before anything is written.

use std::{
    ffi::{OsStr, OsString},
    fs::Metadata,
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    folders::{Folder, folder_of, nearest_existing, resolve_links},
    output_error::OutputErrorKind,
    protected::Protected,
    standard_stream::{is_maybe_closed, standard_output},
};

/// Where an output will be; nothing is opened yet.
#[derive(Debug)]
pub(super) enum Place {
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
pub(super) enum FilesFolder {
    Held(Arc<Folder>),
    /// It is created when the output is opened.
    YetToBeMade,
}

impl Place {
    /// Standard output, unless what is written there would be lost or would destroy something.
    pub fn standard_output(protected: &Protected) -> Result<Self, OutputErrorKind> {
        let file = standard_output().map_err(OutputErrorKind::Open)?;
        let metadata = file.metadata().map_err(OutputErrorKind::Open)?;
        if is_maybe_closed(&file, &metadata).map_err(OutputErrorKind::Open)? {
            return Err(OutputErrorKind::Closed);
        }
        if protected.is_read(&metadata) { Err(OutputErrorKind::Protected) } else { Ok(Self::StandardOutput) }
    }

    /// The place `path`: not over one of the `protected` files, and not over an existing file without `overwrite`. If
    /// `makes_folder`, its folder may be missing.
    pub fn at(
        path: &Path,
        protected: &Protected,
        overwrite: bool,
        makes_folder: bool,
    ) -> Result<Self, OutputErrorKind> {
        match path.metadata() {
            Ok(metadata) if protected.is_read(&metadata) => return Err(OutputErrorKind::Protected),
            Ok(metadata) if metadata.is_dir() => return Err(OutputErrorKind::Folder),
            Ok(metadata) if !metadata.is_file() => return Ok(Self::Special(path.to_owned(), metadata)),
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
        Ok(Self::File { path: resolved, folder, name })
    }
}

/// Whether the last part of `path` can name a file: it is not empty, `.` or `..`.
fn ends_in_a_file_name(path: &Path) -> bool {
    let last = path.as_os_str().as_bytes().rsplit(|&byte| byte == b'/').next();
    !matches!(last, None | Some(b"" | b"." | b".."))
}
