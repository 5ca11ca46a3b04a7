//! A file that appears whole or not at all.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, ErrorKind},
    sync::Arc,
};

use rustix::{
    fs::{AtFlags, Mode, OFlags, RenameFlags, fstatvfs, linkat, renameat, renameat_with, unlinkat},
    io::Errno,
};
use thiserror::Error;

use super::{
    carried_over::{Carried, CarriedOver},
    folders::Folder,
    input::InputFile,
    temporaries::{Registered, TEMPORARIES, with_temporary_name},
};
use crate::system;

/// A file being written. If it is dropped without [`AtomicFile::commit`], it is deleted.
pub(crate) struct AtomicFile {
    file: File,
    folder: Arc<Folder>,
    /// The name that it will have in its folder.
    name: OsString,
    /// `None` for a file that has no name yet.
    temporary_name: Option<TemporaryName>,
    carried: Option<CarriedOver>,
}

/// The temporary name of a file, which is removed unless the file gets its final name.
struct TemporaryName(Registered<'static>);

impl Drop for TemporaryName {
    fn drop(&mut self) {
        self.0.remove();
    }
}

impl AtomicFile {
    /// A file that will become `name` in `folder`. If `private`, only its owner can read it at first; otherwise the
    /// umask decides.
    pub(super) fn create(folder: Arc<Folder>, name: &OsStr, private: bool) -> io::Result<Self> {
        let mode = Mode::from_raw_mode(if private { 0o600 } else { 0o666 });
        match folder.make_unnamed_file(OFlags::RDWR, mode) {
            Ok(file) => Ok(Self { file, folder, name: name.to_owned(), temporary_name: None, carried: None }),
            Err(_) => Self::create_named(folder, name, mode),
        }
    }

    /// Creates the file under a temporary name, which a fatal signal removes.
    fn create_named(folder: Arc<Folder>, name: &OsStr, mode: Mode) -> io::Result<Self> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR;
        let (file, registered) = with_temporary_name(|temporary| {
            TEMPORARIES.make(&folder, temporary, || folder.open_file(temporary, flags, mode))
        })?;
        let temporary_name = Some(TemporaryName(registered));
        Ok(Self { file, folder, name: name.to_owned(), temporary_name, carried: None })
    }

    pub fn file(&self) -> &File {
        &self.file
    }

    /// Whether syncing it means waiting for a disk.
    pub fn is_on_disk(&self) -> bool {
        !system::is_in_memory(&self.file)
    }

    /// Reserves `length` bytes, so that a full disk is noticed at once. Does nothing if the file system cannot reserve.
    pub fn reserve(&self, length: u64) -> io::Result<()> {
        if length == 0 {
            return Ok(());
        }
        if system::is_in_memory(&self.file)
            && let Ok(file_system) = fstatvfs(&self.file)
        {
            // On tmpfs, reserving allocates page by page, which takes as long as writing: check for free space instead.
            // Without a limit the file system reports no blocks at all.
            let room = file_system.f_bavail.saturating_mul(file_system.f_frsize);
            return if file_system.f_blocks > 0 && room < length { Err(Errno::NOSPC.into()) } else { Ok(()) };
        }
        loop {
            match system::reserve(&self.file, 0, length) {
                Err(Errno::INTR) => {}
                Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => return Err(error.into()),
                Ok(()) | Err(_) => return Ok(()),
            }
        }
    }

    /// The file will get the mode, the access list and the modification time of `from`, and its group if we may set
    /// that.
    ///
    /// # Errors
    ///
    /// The system's error for `from`.
    pub fn carry(&mut self, from: &InputFile) -> io::Result<()> {
        self.carried = Some(CarriedOver::of(&from.file, &from.metadata)?);
        Ok(())
    }

    /// Applies what the file takes over from another.
    ///
    /// # Errors
    ///
    /// The system's error, unless the file system merely does not support it.
    pub(super) fn apply_carried(&self) -> io::Result<Carried> {
        self.carried.as_ref().map_or(Ok(Carried::Done), |carried| carried.apply(&self.file))
    }

    /// Syncs the file and gives it its name; a file of that name is replaced only if `overwrite`.
    ///
    /// # Errors
    ///
    /// [`CommitError`].
    pub(super) fn commit(self, overwrite: bool) -> Result<(), CommitError> {
        self.file.sync_all().map_err(CommitError::NotNamed)?;
        let (folder, name) = (&*self.folder, &*self.name);
        let named = match &self.temporary_name {
            Some(TemporaryName(temporary)) if overwrite => {
                renameat(folder, temporary.name(), folder, name).map_err(io::Error::from)
            }
            Some(TemporaryName(temporary)) => rename(folder, temporary.name(), name),
            None if overwrite => link_over(&self.file, folder, name),
            None => folder.give_name(&self.file, name),
        };
        named.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => CommitError::Exists,
            _ => CommitError::NotNamed(error),
        })?;
        folder.sync(&self.file).map_err(CommitError::FolderNotSynced)
    }
}

/// Why a file was not committed.
#[derive(Debug, Error)]
pub(super) enum CommitError {
    /// A file of that name has appeared in the meantime; ours is deleted.
    #[error("exists already")]
    Exists,
    /// It did not get its name, and is deleted.
    #[error("cannot write")]
    NotNamed(#[source] io::Error),
    /// It has its name, but a power cut might still undo that.
    #[error("cannot sync the folder")]
    FolderNotSynced(#[source] io::Error),
}

/// Gives `file`, which has no name, the name `name`, and replaces any file that has it. This goes by way of a temporary
/// name, since linking never replaces.
fn link_over(file: &File, folder: &Folder, name: &OsStr) -> io::Result<()> {
    TEMPORARIES.hold_off(|| {
        with_temporary_name(|temporary| {
            folder.give_name(file, temporary)?;
            Ok(renameat(folder, temporary, folder, name).inspect_err(|_| {
                // The error that led here is the one to report.
                let _ = unlinkat(folder, temporary, AtFlags::empty());
            })?)
        })
    })
}

/// Gives the file `from` the name `to`, if that is not taken.
fn rename(folder: &Folder, from: &OsStr, to: &OsStr) -> io::Result<()> {
    match renameat_with(folder, from, folder, to, RenameFlags::NOREPLACE) {
        // Some file systems cannot rename without replacing. The temporary name is removed afterwards.
        Err(Errno::INVAL | Errno::NOSYS) => Ok(linkat(folder, from, folder, to, AtFlags::empty())?),
        renamed => Ok(renamed?),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        io::Write,
        path::{Path, PathBuf},
    };

    use super::*;

    /// A file that will become `film`, without or with a temporary name.
    fn create(folder: &Path, named: bool) -> AtomicFile {
        let (folder, name) = (Arc::new(Folder::open(folder).unwrap()), OsStr::new("film"));
        if named {
            AtomicFile::create_named(folder, name, Mode::from_raw_mode(0o600)).unwrap()
        } else {
            AtomicFile::create(folder, name, true).unwrap()
        }
    }

    fn names(folder: &Path) -> Vec<PathBuf> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn a_file_that_is_dropped_is_gone_with_or_without_a_temporary_name() {
        let folder = tempfile::tempdir().unwrap();
        for named in [false, true] {
            let file = create(folder.path(), named);
            file.file().write_all(b"frames").unwrap();
            assert_eq!(names(folder.path()).len(), usize::from(named));
        }
        assert_eq!(names(folder.path()), Vec::<PathBuf>::new());
    }

    #[test]
    fn a_file_that_appeared_in_the_meantime_is_kept_unless_it_is_to_be_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let destination = folder.path().join("film");
        for named in [false, true] {
            let file = create(folder.path(), named);
            file.file().write_all(b"frames").unwrap();
            fs::write(&destination, b"precious").unwrap();
            assert!(matches!(file.commit(false), Err(CommitError::Exists)));
            assert_eq!(fs::read(&destination).unwrap(), b"precious");
            let file = create(folder.path(), named);
            file.file().write_all(b"frames").unwrap();
            file.commit(true).unwrap();
            assert_eq!(fs::read(&destination).unwrap(), b"frames");
            assert_eq!(names(folder.path()), std::slice::from_ref(&destination));
        }
    }

    #[test]
    fn a_name_given_by_a_link_where_renaming_could_replace_leaves_no_temporary_name() {
        let folder = tempfile::tempdir().unwrap();
        for overwrite in [true, false] {
            let mut file = create(folder.path(), false);
            file.name = "folder".into();
            fs::create_dir_all(folder.path().join("folder")).unwrap();
            assert!(file.commit(overwrite).is_err());
            assert_eq!(names(folder.path()), [folder.path().join("folder")]);
        }
    }
}
