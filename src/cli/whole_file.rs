//! A file that appears whole or not at all.

use std::{
    fs::{self, File, FileTimes, Metadata, Permissions},
    io::{self, ErrorKind},
    os::{fd::AsRawFd, unix::fs::PermissionsExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

use rustix::{
    fs::{AtFlags, CWD, FallocateFlags, Mode, OFlags, fallocate, linkat, open},
    io::Errno,
};
use tempfile::TempPath;

use super::on_signal::{self, RemoveFile};

const PREFIX: &str = ".reelseal-";
const SUFFIX: &str = ".partial";
const MAX_LINKS: usize = 40;
const PERMISSION_BITS: u32 = 0o777;

/// A file under way. Dropped without [`WholeFile::commit`], it is gone.
pub(super) struct WholeFile {
    file: File,
    destination: PathBuf,
    /// The temporary name; `None` for a file that has no name at all yet.
    name: Option<Named>,
    carried: Option<(Permissions, SystemTime)>,
}

struct Named {
    path: TempPath,
    _on_signal: RemoveFile,
}

impl WholeFile {
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
        let (file, path) = tempfile::Builder::new()
            .prefix(PREFIX)
            .suffix(SUFFIX)
            .permissions(Permissions::from_mode(mode.as_raw_mode()))
            .tempfile_in(folder_of(&destination))?
            .into_parts();
        let name = Some(Named { _on_signal: on_signal::remove_file(&path), path });
        Ok(Self { file, destination, name, carried: None })
    }

    pub fn file(&self) -> &File {
        &self.file
    }

    /// Reserves `length` bytes, so that a full disk shows at once. A file system that cannot is taken as it is.
    pub fn reserve(&self, length: u64) -> io::Result<()> {
        if length == 0 {
            return Ok(());
        }
        loop {
            match fallocate(&self.file, FallocateFlags::KEEP_SIZE, 0, length) {
                Err(Errno::INTR) => {}
                Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => return Err(error.into()),
                Ok(()) | Err(_) => return Ok(()),
            }
        }
    }

    /// The file is to have the mode and modification time of `from`.
    pub fn carry(&mut self, from: &Metadata) -> io::Result<()> {
        let permissions = Permissions::from_mode(from.permissions().mode() & PERMISSION_BITS);
        self.carried = Some((permissions, from.modified()?));
        Ok(())
    }

    /// Syncs the file and gives it its name, in place of a file of that name only if `overwrite`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::AlreadyExists`] for a file that appeared in the meantime; else what the system says. The file is gone.
    pub fn commit(self, overwrite: bool) -> io::Result<()> {
        if let Some((permissions, modified)) = &self.carried {
            self.file.set_permissions(permissions.clone())?;
            self.file.set_times(FileTimes::new().set_modified(*modified))?;
        }
        self.file.sync_all()?;
        let folder = folder_of(&self.destination);
        match self.name {
            Some(Named { path, .. }) if overwrite => path.persist(&self.destination)?,
            Some(Named { path, .. }) => path.persist_noclobber(&self.destination)?,
            None if overwrite => {
                let path = free_name(folder)?;
                let _on_signal = on_signal::remove_file(&path);
                link(&self.file, &path)?;
                TempPath::try_from_path(path)?.persist(&self.destination)?;
            }
            None => link(&self.file, &self.destination)?,
        }
        sync_folder(folder)
    }
}

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

/// The folder in which `path` stands.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn proc_path(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

fn link(file: &File, name: &Path) -> io::Result<()> {
    Ok(linkat(CWD, proc_path(file), CWD, name, AtFlags::SYMLINK_FOLLOW)?)
}

/// A name in `folder` that nobody has.
fn free_name(folder: &Path) -> io::Result<PathBuf> {
    let path = tempfile::Builder::new().prefix(PREFIX).suffix(SUFFIX).make_in(folder, |_| Ok(()))?.into_temp_path();
    // Nothing was made there: the name alone is wanted.
    Ok(path.keep()?)
}

/// Makes the name last. File systems that have no such thing say EINVAL; a folder that may be written but not read
/// cannot be opened for it.
fn sync_folder(folder: &Path) -> io::Result<()> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    match synced.as_ref().map_err(io::Error::kind) {
        Err(ErrorKind::InvalidInput | ErrorKind::PermissionDenied) => Ok(()),
        _ => synced,
    }
}
