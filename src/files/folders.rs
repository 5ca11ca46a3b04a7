//! The folder a file is in: found, made, synced.

use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use rustix::io::Errno;

const MAX_LINKS: usize = 40;

/// Where `path` leads, also if nothing is there: every symbolic link at its end is followed.
pub(super) fn resolve_links(path: &Path) -> io::Result<PathBuf> {
    let mut resolved = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&resolved) {
            Ok(target) => resolved = folder_of(&resolved).join(target),
            // Not a link, or not there.
            Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::NotFound) => return Ok(resolved),
            Err(error) => return Err(error),
        }
    }
    Err(Errno::LOOP.into())
}

/// The folder that `path` is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// `folder`, or, if it is yet to be made, the nearest folder above it that exists.
pub(super) fn nearest_existing(folder: &Path) -> &Path {
    let existing = folder.ancestors().find(|ancestor| ancestor.exists());
    existing.unwrap_or(Path::new("."))
}

/// Makes `folder` and those above it that are missing, and syncs the folders that hold them.
pub(super) fn make_folders(folder: &Path) -> io::Result<()> {
    let existing = nearest_existing(folder);
    fs::create_dir_all(folder)?;
    let made = folder.ancestors().take_while(|ancestor| *ancestor != existing);
    made.map(folder_of).try_for_each(sync_folder)
}

/// Makes the names in `folder` last. File systems that have no such thing say EINVAL; a folder that may be written but not read
/// cannot be opened for it.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    match synced.as_ref().map_err(io::Error::kind) {
        Err(ErrorKind::InvalidInput | ErrorKind::PermissionDenied) => Ok(()),
        _ => synced,
    }
}
