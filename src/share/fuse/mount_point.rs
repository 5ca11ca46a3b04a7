//! The folder where something is to be mounted.

use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use rustix::io::Errno;

use super::MountError;
use crate::{files::file_identity::FileIdentity, share::mount_table::mounts};

/// A folder that exists, is empty, and has nothing mounted on it.
#[derive(Debug)]
pub(crate) struct MountPoint {
    /// Absolute, and without links.
    pub(super) path: PathBuf,
}

impl MountPoint {
    /// The folder at `path`, where the content of `source` is to be mounted.
    ///
    /// # Errors
    ///
    /// [`MountError`] of the folder.
    pub fn new(path: &Path, source: &Path) -> Result<Self, MountError> {
        let absolute = path.canonicalize().map_err(of_folder)?;
        let point = Self { path: absolute };
        let (metadata, content) = (point.path.metadata(), fs::read_dir(&point.path));
        // The kernel may still know the attributes of a dead mount, but not what is in it.
        if metadata.as_ref().is_err_and(is_dead) || content.as_ref().is_err_and(is_dead) {
            return Err(MountError::Dead);
        }
        // A mount of another user cannot be examined.
        point.check_free()?;
        if !metadata.map_err(of_folder)?.is_dir() {
            return Err(MountError::NotAFolder);
        }
        if content.map_err(of_folder)?.next().is_some() {
            return Err(MountError::NotEmpty);
        }
        if point.is_inside(source) {
            return Err(MountError::InsideSource(source.to_owned()));
        }
        Ok(point)
    }

    /// Whether it is below `source`, which may have another name there, since it may be mounted in several places.
    fn is_inside(&self, source: &Path) -> bool {
        let identity = |path: &Path| path.metadata().as_ref().map(FileIdentity::of).ok();
        let source = identity(source);
        source.is_some() && self.path.ancestors().any(|folder| identity(folder) == source)
    }

    /// Refuses it if something is mounted there.
    pub(super) fn check_free(&self) -> Result<(), MountError> {
        let table = mounts().map_err(MountError::System)?;
        // The last entry is the topmost mount.
        match table.into_iter().rev().find(|entry| entry.is_at(&self.path)) {
            Some(entry) => Err(MountError::Busy { kind: entry.kind, source_name: entry.source }),
            None => Ok(()),
        }
    }

    /// Its path: absolute, and without links.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Whether the error shows that the process that served the mount is gone.
fn is_dead(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::NOTCONN)
}

fn of_folder(error: io::Error) -> MountError {
    match error.kind() {
        ErrorKind::NotFound => MountError::Missing,
        ErrorKind::NotADirectory => MountError::NotAFolder,
        _ if is_dead(&error) => MountError::Dead,
        _ => MountError::MountPoint(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_fit_if_it_exists_is_empty_and_free_and_outside_the_source() {
        let folder = tempfile::tempdir().unwrap();
        let (films, empty, file) = (folder.path().join("films"), folder.path().join("empty"), folder.path().join("f"));
        for path in [films.join("mnt"), empty.clone()] {
            fs::create_dir_all(path).unwrap();
        }
        fs::write(&file, "").unwrap();
        let refused = |path: &Path| MountPoint::new(path, &films).unwrap_err();
        assert!(MountPoint::new(&empty, &films).is_ok());
        assert!(matches!(refused(&folder.path().join("none")), MountError::Missing));
        assert!(matches!(refused(&file), MountError::NotAFolder));
        assert!(matches!(refused(&file.join("below")), MountError::NotAFolder));
        assert!(matches!(refused(&films), MountError::NotEmpty));
        assert!(matches!(refused(&films.join("mnt")), MountError::InsideSource(_)));
        assert!(matches!(refused(Path::new("/proc")), MountError::Busy { kind, .. } if kind == "proc"));
    }
}
