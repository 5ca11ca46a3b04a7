//! Where segments are stored: a folder and the files in it.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use rustix::{
    fs::{AtFlags, Mode, OFlags, fstat, unlinkat},
    io::Errno,
    process::{Resource, getrlimit},
};

use super::recorder_lock;
use crate::{
    files::folders::Folder,
    signals::{EndedBeforeDeath, Starting},
    system,
};

/// A growing file.
pub(crate) trait SegmentFile {
    /// Writes some of `bytes` at `position`, and returns how many.
    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<usize>;

    /// Reserves `length` bytes from `from` on, without making the file longer.
    fn reserve(&self, from: u64, length: u64) -> io::Result<()>;

    /// The length that no file may exceed.
    fn most_bytes(&self) -> u64;

    /// Cuts the file to `length` bytes, and releases what is reserved after them.
    fn truncate(&self, length: u64) -> io::Result<()>;

    /// Waits until everything that was written is on the disk.
    fn sync(&self) -> io::Result<()>;

    /// Whether it no longer has a name: what is written to it is lost once it is closed.
    fn is_removed(&self) -> bool;
}

/// Waits until what was written to `file` is on the disk, even if signals interrupt the wait.
///
/// # Errors
///
/// The error that the system reports. The kernel reports it once, and then forgets what it could not write.
pub(super) fn sync(file: &impl SegmentFile) -> io::Result<()> {
    loop {
        match file.sync() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            synced => return synced,
        }
    }
}

/// A folder in which files are made.
pub(crate) trait SegmentFolder {
    type File: SegmentFile + Send + Sync + 'static;

    /// Creates the file `name`.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AlreadyExists`] if anything has that name.
    fn create(&self, name: &OsStr) -> io::Result<Self::File>;

    /// Creates a file that has no name yet, and disappears if it is closed before it gets one; `None` where the file
    /// system has no such files.
    ///
    /// # Errors
    ///
    /// There is no room for it.
    fn create_unnamed(&self) -> io::Result<Option<Self::File>>;

    /// Gives `file`, which has no name yet, this `name`.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AlreadyExists`] if anything has that name.
    fn give_name(&self, file: &Self::File, name: &OsStr) -> io::Result<()>;

    /// Waits until the names in it, including that of `file`, are on the disk.
    fn sync(&self, file: &Self::File) -> io::Result<()>;

    /// Removes the file `name`.
    fn remove(&self, name: &OsStr) -> io::Result<()>;
}

/// A folder that is held open: if it is moved, the recording moves with it. If it was created for the recording, it is
/// removed when this is dropped, or a signal ends the process, before there is a segment in it.
pub(crate) struct RecordingFolder {
    folder: Folder,
    path: PathBuf,
    /// The folders that were created for it, the innermost first.
    made: Vec<PathBuf>,
    _before_death: EndedBeforeDeath,
    /// How many segments were created in it and not removed again.
    segments: AtomicUsize,
}

impl RecordingFolder {
    /// Opens the folder at `path`, creating it if it is missing, and checks that files can be created in it.
    ///
    /// # Errors
    ///
    /// The error that the system reports.
    pub fn open(path: &Path) -> io::Result<Self> {
        // A signal that comes while folders are being made waits for that.
        let making = Starting::new(|made: Vec<PathBuf>| remove_if_empty(&made));
        let (folder, made) = Folder::open_and_say_what_was_made(path)?;
        let _before_death = making.started(made.clone());
        let folder = Self { folder, path: path.to_owned(), made, _before_death, segments: AtomicUsize::new(0) };
        folder.folder.check_writable()?;
        Ok(folder)
    }

    /// The folder that is held open.
    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The path that was given.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for RecordingFolder {
    fn drop(&mut self) {
        if self.segments.load(Ordering::Relaxed) == 0 {
            remove_if_empty(&self.made);
        }
    }
}

/// Removes `folders`, up to the first that is not empty.
fn remove_if_empty(folders: &[PathBuf]) {
    let _ = folders.iter().try_for_each(fs::remove_dir);
}

/// Whether `error` means that there is no room.
pub(super) fn is_no_room(error: &io::Error) -> bool {
    let number = error.raw_os_error();
    [Errno::NOSPC, Errno::DQUOT, Errno::FBIG].iter().any(|known| number == Some(known.raw_os_error()))
}

impl SegmentFolder for RecordingFolder {
    type File = File;

    fn create(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let file = self.folder.open_file(name, flags, Mode::from_raw_mode(0o666)).inspect(recorder_lock::hold)?;
        self.segments.fetch_add(1, Ordering::Relaxed);
        Ok(file)
    }

    fn create_unnamed(&self) -> io::Result<Option<File>> {
        match self.folder.make_unnamed_file(OFlags::WRONLY, Mode::from_raw_mode(0o666)) {
            Ok(file) => {
                recorder_lock::hold(&file);
                Ok(Some(file))
            }
            Err(error) if is_no_room(&error) => Err(error),
            _ => Ok(None),
        }
    }

    fn give_name(&self, file: &File, name: &OsStr) -> io::Result<()> {
        self.folder.give_name(file, name)?;
        self.segments.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.folder.sync(file)
    }

    fn remove(&self, name: &OsStr) -> io::Result<()> {
        unlinkat(&self.folder, name, AtFlags::empty())?;
        self.segments.fetch_sub(1, Ordering::Relaxed);
        Ok(())
    }
}

impl SegmentFile for File {
    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<usize> {
        FileExt::write_at(self, bytes, position)
    }

    fn reserve(&self, from: u64, length: u64) -> io::Result<()> {
        Ok(system::reserve(self, from, length)?)
    }

    fn most_bytes(&self) -> u64 {
        getrlimit(Resource::Fsize).current.unwrap_or(u64::MAX)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn is_removed(&self) -> bool {
        fstat(self).is_ok_and(|status| status.st_nlink == 0)
    }
}
