//! A file that appears whole or not at all.

use std::{
    fs::{self, File, FileTimes, Metadata, Permissions},
    io::{self, ErrorKind},
    os::{
        fd::AsRawFd,
        unix::fs::{MetadataExt, PermissionsExt, fchown},
    },
    path::{Path, PathBuf},
    time::SystemTime,
};

use rustix::{
    fs::{AtFlags, CWD, FallocateFlags, Mode, OFlags, fallocate, fstatfs, linkat, open},
    io::Errno,
};
use tempfile::TempPath;
use thiserror::Error;

use super::{
    folders::{folder_of, sync_folder},
    temporaries::{Registered, TEMPORARIES, temporary_name},
};

/// From the kernel's magic.h.
const TMPFS_MAGIC: i64 = 0x0102_1994;
const PERMISSION_BITS: u32 = 0o777;

/// A file under way. Dropped without [`AtomicFile::commit`], it is gone.
pub(crate) struct AtomicFile {
    file: File,
    destination: PathBuf,
    /// The temporary name; `None` for a file that has no name at all yet.
    name: Option<Named>,
    carried: Option<CarriedOver>,
}

/// What a file takes over from another.
struct CarriedOver {
    mode: u32,
    group: u32,
    modified: SystemTime,
}

struct Named {
    path: TempPath,
    _registered: Registered<'static>,
}

impl AtomicFile {
    /// A file that is to become `destination`. A `private` one is for its owner alone at first; otherwise the umask
    /// decides.
    pub fn create(destination: &Path, private: bool) -> io::Result<Self> {
        let destination = destination.to_owned();
        let mode = Mode::from_raw_mode(if private { 0o600 } else { 0o666 });
        let unnamed = open(folder_of(&destination), OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, mode);
        // Without /proc an unnamed file could never be given a name.
        if let Some(file) = unnamed.ok().map(File::from).filter(|file| fs::metadata(proc_path(file)).is_ok()) {
            return Ok(Self { file, destination, name: None, carried: None });
        }
        Self::create_named(destination, mode)
    }

    /// With a temporary name, which a signal removes.
    fn create_named(destination: PathBuf, mode: Mode) -> io::Result<Self> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
        let made = temporary_name().make_in(folder_of(&destination), |path| {
            TEMPORARIES.make(path, || Ok(open(path, flags, mode).map(File::from)?))
        })?;
        let ((file, registered), path) = made.into_parts();
        Ok(Self { file, destination, name: Some(Named { path, _registered: registered }), carried: None })
    }

    pub fn file(&self) -> &File {
        &self.file
    }

    /// Reserves `length` bytes, so that a full disk shows at once. A file system that cannot is taken as it is.
    pub fn reserve(&self, length: u64) -> io::Result<()> {
        if length == 0 {
            return Ok(());
        }
        if let Ok(system) = fstatfs(&self.file)
            && system.f_type == TMPFS_MAGIC
        {
            // There, reserving takes each page in turn, as long as writing them: look for room instead. Without a limit
            // there are no blocks at all.
            let room = system.f_bavail.saturating_mul(system.f_bsize.unsigned_abs());
            return if system.f_blocks > 0 && room < length { Err(Errno::NOSPC.into()) } else { Ok(()) };
        }
        loop {
            match fallocate(&self.file, FallocateFlags::KEEP_SIZE, 0, length) {
                Err(Errno::INTR) => {}
                Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => return Err(error.into()),
                Ok(()) | Err(_) => return Ok(()),
            }
        }
    }

    /// The file is to have the mode and modification time of `from`, and its group where we may give it.
    pub fn carry(&mut self, from: &Metadata) -> io::Result<()> {
        let (mode, group) = (from.mode() & PERMISSION_BITS, from.gid());
        self.carried = Some(CarriedOver { mode, group, modified: from.modified()? });
        Ok(())
    }

    /// Gives the file the mode and modification time it is to have.
    ///
    /// # Errors
    ///
    /// What the system says, if that is not merely that the file system has no such thing.
    pub fn apply_carried(&self) -> io::Result<Carried> {
        let Some(CarriedOver { mode, group, modified }) = &self.carried else { return Ok(Carried::Done) };
        let group_kept = fchown(&self.file, None, Some(*group)).is_ok();
        let applied = self.file.set_permissions(Permissions::from_mode(if group_kept {
            *mode
        } else {
            // Another group gets no more than everybody does.
            *mode & (!0o070 | (*mode & 0o007) << 3)
        }));
        let applied = applied.and_then(|()| self.file.set_times(FileTimes::new().set_modified(*modified)));
        match applied.as_ref().map_err(io::Error::kind) {
            Ok(()) => Ok(Carried::Done),
            Err(ErrorKind::PermissionDenied | ErrorKind::Unsupported) => Ok(Carried::NotSupported),
            Err(_) => applied.map(|()| Carried::Done),
        }
    }

    /// Syncs the file and gives it its name; a file of that name is replaced only if `overwrite`.
    ///
    /// # Errors
    ///
    /// [`CommitError`].
    pub(super) fn commit(self, overwrite: bool) -> Result<(), CommitError> {
        let folder = folder_of(&self.destination);
        self.file.sync_all().map_err(CommitError::NotNamed)?;
        let named = match self.name {
            Some(Named { path, .. }) if overwrite => path.persist(&self.destination).map_err(io::Error::from),
            Some(Named { path, .. }) => path.persist_noclobber(&self.destination).map_err(io::Error::from),
            None if overwrite => link_over(&self.file, &self.destination),
            None => link(&self.file, &self.destination),
        };
        named.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => CommitError::Exists,
            _ => CommitError::NotNamed(error),
        })?;
        sync_folder(folder).map_err(CommitError::FolderNotSynced)
    }
}

/// Whether the file has the mode and modification time it is to have.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carried {
    Done,
    /// Its file system has no such thing.
    NotSupported,
}

/// Why a file was not committed.
#[derive(Debug, Error)]
pub(super) enum CommitError {
    /// A file of its name is there by now; ours is gone.
    #[error("exists already")]
    Exists,
    /// It has not got its name, and is gone.
    #[error("cannot write")]
    NotNamed(#[source] io::Error),
    /// It has its name, which a power cut might still undo.
    #[error("cannot sync the folder")]
    FolderNotSynced(#[source] io::Error),
}

fn proc_path(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

fn link(file: &File, name: &Path) -> io::Result<()> {
    Ok(linkat(CWD, proc_path(file), CWD, name, AtFlags::SYMLINK_FOLLOW)?)
}

/// Gives `file` the name `destination`, replacing what has it: by way of a temporary name, as a link never replaces.
fn link_over(file: &File, destination: &Path) -> io::Result<()> {
    TEMPORARIES.hold_off(|| {
        let linked = temporary_name().make_in(folder_of(destination), |path| link(file, path))?;
        Ok(linked.into_temp_path().persist(destination)?)
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// A file without a temporary name, or with one.
    fn create(destination: &Path, named: bool) -> AtomicFile {
        if named {
            AtomicFile::create_named(destination.to_owned(), Mode::from_raw_mode(0o600)).unwrap()
        } else {
            AtomicFile::create(destination, true).unwrap()
        }
    }

    fn names(folder: &Path) -> Vec<PathBuf> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn a_file_that_is_dropped_is_gone_with_or_without_a_temporary_name() {
        let folder = tempfile::tempdir().unwrap();
        for named in [false, true] {
            let file = create(&folder.path().join("film"), named);
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
            let file = create(&destination, named);
            file.file().write_all(b"frames").unwrap();
            fs::write(&destination, b"precious").unwrap();
            assert!(matches!(file.commit(false), Err(CommitError::Exists)));
            assert_eq!(fs::read(&destination).unwrap(), b"precious");
            let file = create(&destination, named);
            file.file().write_all(b"frames").unwrap();
            file.commit(true).unwrap();
            assert_eq!(fs::read(&destination).unwrap(), b"frames");
            assert_eq!(names(folder.path()), std::slice::from_ref(&destination));
        }
    }
}
