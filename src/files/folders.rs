//! The folder a file is in: found, made, held open, synced.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, ErrorKind},
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock, PoisonError},
};

use rustix::{
    fs::{Access, AtFlags, CWD, Mode, OFlags, accessat, fsync, linkat, open, openat},
    io::Errno,
};

use crate::system::{LOOK_UP_ONLY, WITHOUT_NAME, sync_file_system};

const MAX_LINKS: usize = 40;

/// Held while folders are made, so that a folder that exists is also synced.
static MAKING: Mutex<()> = Mutex::new(());

/// A folder that is held open: operations apply to it, whatever happens to its path.
#[derive(Debug)]
pub(crate) struct Folder {
    descriptor: OwnedFd,
    /// For a folder that may be written but not read, the descriptor can only look names up.
    is_readable: bool,
}

impl Folder {
    /// Opens the folder at `path`.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        match open(path, flags, Mode::empty()) {
            Ok(descriptor) => Ok(Self { descriptor, is_readable: true }),
            Err(Errno::ACCESS) => {
                Ok(Self { descriptor: open(path, flags | LOOK_UP_ONLY, Mode::empty())?, is_readable: false })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the folder at `path`; if it is missing, creates it and the missing folders above it, and syncs the folders
    /// that contain them.
    pub fn open_or_make(path: &Path) -> io::Result<Self> {
        Self::open_and_say_what_was_made(path).map(|(folder, _)| folder)
    }

    /// Like [`Folder::open_or_make`]; also returns the folders that were made, the innermost first.
    pub fn open_and_say_what_was_made(path: &Path) -> io::Result<(Self, Vec<PathBuf>)> {
        let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        match Self::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let made = make_folders(path)?;
                Ok((Self::open(path)?, made))
            }
            opened => Ok((opened?, Vec::new())),
        }
    }

    /// Fails if no file may be created in it.
    pub fn check_writable(&self) -> io::Result<()> {
        Ok(accessat(&self.descriptor, ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::empty())?)
    }

    /// Opens `name` in it; `.` is the folder itself.
    pub fn open_file(&self, name: &OsStr, flags: OFlags, mode: Mode) -> io::Result<File> {
        Ok(openat(&self.descriptor, name, flags | OFlags::CLOEXEC, mode).map(File::from)?)
    }

    /// Opens a new file without a name, which is in the folder's file system and can be given a name in it.
    ///
    /// # Errors
    ///
    /// The system's error, also if it does not support such files, or if /proc is not mounted, without which they could
    /// not be given a name.
    pub fn make_unnamed_file(&self, access: OFlags, mode: Mode) -> io::Result<File> {
        static HAS_PROC: OnceLock<bool> = OnceLock::new();

        let flags = WITHOUT_NAME.ok_or(ErrorKind::Unsupported)?;
        let file = self.open_file(OsStr::new("."), flags | access, mode)?;
        let can_be_named = *HAS_PROC.get_or_init(|| fs::metadata(proc_path(&file)).is_ok());
        if can_be_named { Ok(file) } else { Err(ErrorKind::Unsupported.into()) }
    }

    /// Gives `file`, which has no name, the name `name`, if that is not taken.
    pub fn give_name(&self, file: &File, name: &OsStr) -> io::Result<()> {
        Ok(linkat(CWD, proc_path(file), &self.descriptor, name, AtFlags::SYMLINK_FOLLOW)?)
    }

    /// Makes the names in it durable, that of `inside` among them. If the folder cannot be synced by itself, because it
    /// may not be read or its file system does not support that, the whole file system is synced through `inside`.
    pub fn sync(&self, inside: impl AsFd) -> io::Result<()> {
        let synced = if self.is_readable { fsync(&self.descriptor) } else { Err(Errno::ACCESS) };
        match synced {
            Err(Errno::ACCESS | Errno::INVAL) => Ok(sync_file_system(inside)?),
            synced => Ok(synced?),
        }
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

fn proc_path(file: &File) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// Creates the folder at `path`, if it is missing, and the missing ones above it.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    Folder::open_or_make(path).map(drop)
}

/// Where `path` leads, even if nothing is there: every symbolic link at its end is followed.
pub(super) fn resolve_links(path: &Path) -> io::Result<PathBuf> {
    let mut resolved = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&resolved) {
            Ok(target) => resolved = folder_of(&resolved).join(target),
            // Not a link, or nothing there.
            Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::NotFound) => return Ok(resolved),
            Err(error) => return Err(error),
        }
    }
    Err(Errno::LOOP.into())
}

/// The folder that `path` is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// `folder` or, if it does not exist yet, the nearest folder above it that does.
pub(super) fn nearest_existing(folder: &Path) -> &Path {
    let existing = folder.ancestors().find(|ancestor| ancestor.exists());
    existing.unwrap_or(Path::new("."))
}

/// Creates `folder` and the missing ones above it, and syncs the folders that contain them. Returns those that were
/// created, the innermost first.
fn make_folders(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let existing = nearest_existing(folder);
    fs::create_dir_all(folder)?;
    let made = folder.ancestors().take_while(|ancestor| *ancestor != existing && !ancestor.as_os_str().is_empty());
    let made: Vec<_> = made.map(Path::to_owned).collect();
    made.iter().try_for_each(|made| Folder::open(folder_of(made))?.sync(Folder::open(made)?))?;
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_held_is_the_same_after_it_was_moved() {
        let place = tempfile::tempdir().unwrap();
        let [store, moved] = ["store", "moved"].map(|name| place.path().join(name));
        let folder = Folder::open_or_make(&store).unwrap();
        fs::rename(&store, &moved).unwrap();
        fs::create_dir(&store).unwrap();
        folder.open_file(OsStr::new("film"), OFlags::CREATE | OFlags::WRONLY, Mode::RUSR).unwrap();
        assert!(moved.join("film").exists() && !store.join("film").exists());
    }

    #[test]
    fn missing_folders_are_made_and_a_file_is_not_mistaken_for_one() {
        let place = tempfile::tempdir().unwrap();
        let deep = place.path().join("new/store");
        assert_eq!(Folder::open(&deep).unwrap_err().kind(), ErrorKind::NotFound);
        for _ in 0..2 {
            let folder = Folder::open_or_make(&deep).unwrap();
            folder.check_writable().unwrap();
            folder.sync(&folder).unwrap();
        }
        fs::write(deep.join("film"), b"frames").unwrap();
        assert_eq!(Folder::open_or_make(&deep.join("film")).unwrap_err().kind(), ErrorKind::NotADirectory);
    }
}
