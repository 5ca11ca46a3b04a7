//! Source files that are read at any position. There may be thousands, so only a few of them have an open descriptor.

use std::{
    collections::HashMap,
    fs::File,
    io,
    os::unix::fs::FileExt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use rustix::io::Errno;

use super::{fingerprint::Fingerprint, place::Place};
use crate::{files::descriptors, mutex::lock, stream::ReadAt};

/// How many descriptors are kept open, if the process may have twice as many.
const MOST: usize = 64;

/// The descriptors that were used last.
pub(super) struct Descriptors {
    open: Mutex<HashMap<u64, Kept>>,
    /// How many are kept.
    most: usize,
    /// Counts uses, and numbers files.
    now: AtomicU64,
}

struct Kept {
    file: Arc<File>,
    used: u64,
}

/// A file that is reopened if its descriptor was needed for another one. It must then still be the same file.
pub(super) struct SourceFile {
    number: u64,
    place: Place,
    fingerprint: Fingerprint,
    descriptors: Arc<Descriptors>,
}

impl SourceFile {
    /// The source file that was opened as `file` at `place`.
    pub fn of(place: Place, file: File, descriptors: &Arc<Descriptors>) -> io::Result<Self> {
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(Errno::STALE.into());
        }
        let number = descriptors.now.fetch_add(1, Ordering::Relaxed);
        descriptors.keep(number, Arc::new(file));
        let fingerprint = Fingerprint::of(&metadata);
        Ok(Self { number, place, fingerprint, descriptors: Arc::clone(descriptors) })
    }

    /// What the file was when it was opened.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    pub fn place(&self) -> &Place {
        &self.place
    }

    fn file(&self) -> io::Result<Arc<File>> {
        if let Some(file) = self.descriptors.kept(self.number) {
            return Ok(file);
        }
        let file = self.descriptors.with_room(|| self.place.open()).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Errno::STALE.into(),
            _ => error,
        })?;
        if !self.fingerprint.is_same_file(&Fingerprint::of(&file.metadata()?)) {
            return Err(Errno::STALE.into());
        }
        let file = Arc::new(file);
        self.descriptors.keep(self.number, Arc::clone(&file));
        Ok(file)
    }
}

impl Drop for SourceFile {
    fn drop(&mut self) {
        let dropped = lock(&self.descriptors.open).remove(&self.number);
        drop(dropped);
    }
}

impl ReadAt for SourceFile {
    fn read_at(&self, area: &mut [u8], position: u64) -> io::Result<usize> {
        FileExt::read_at(&*self.file()?, area, position)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.fingerprint.size())
    }
}

impl Default for Descriptors {
    fn default() -> Self {
        let most = (descriptors::free() / 2).clamp(1, MOST);
        Self { open: Mutex::default(), most, now: AtomicU64::new(0) }
    }
}

impl Descriptors {
    /// Opens something. If the process has no descriptors left for that, some that are kept are closed.
    ///
    /// # Errors
    ///
    /// Those of `open`.
    pub fn with_room<T>(&self, open: impl Fn() -> io::Result<T>) -> io::Result<T> {
        loop {
            match open() {
                Err(error) if descriptors::are_lacking(&error) && self.close_oldest() => {}
                opened => return opened,
            }
        }
    }

    /// Closes the descriptor that was used least recently; returns whether there was one.
    fn close_oldest(&self) -> bool {
        let mut open = lock(&self.open);
        let closed = oldest(&open).and_then(|oldest| open.remove(&oldest));
        drop(open);
        closed.is_some()
    }

    fn kept(&self, number: u64) -> Option<Arc<File>> {
        let mut open = lock(&self.open);
        let kept = open.get_mut(&number)?;
        kept.used = self.now.fetch_add(1, Ordering::Relaxed);
        Some(Arc::clone(&kept.file))
    }

    fn keep(&self, number: u64, file: Arc<File>) {
        let mut open = lock(&self.open);
        let oldest = if open.len() >= self.most { oldest(&open) } else { None };
        let closed = oldest.and_then(|oldest| open.remove(&oldest));
        open.insert(number, Kept { file, used: self.now.fetch_add(1, Ordering::Relaxed) });
        drop(open);
        drop(closed);
    }
}

/// The number of the file that was used least recently.
fn oldest(open: &HashMap<u64, Kept>) -> Option<u64> {
    open.iter().min_by_key(|(_, kept)| kept.used).map(|(number, _)| *number)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn few_of_many_files_are_open_and_a_file_that_was_replaced_is_stale() {
        let folder = tempfile::tempdir().unwrap();
        let descriptors = Arc::new(Descriptors::default());
        let files: Vec<_> = (0..MOST + 10)
            .map(|number| {
                let path = folder.path().join(number.to_string());
                fs::write(&path, number.to_string()).unwrap();
                let place = Place::named(&path);
                let file = place.open().unwrap();
                SourceFile::of(place, file, &descriptors).unwrap()
            })
            .collect();
        let read = |number: usize| {
            let mut area = [0; 2];
            files[number].read_at(&mut area, 0).map(|read| String::from_utf8_lossy(&area[..read]).into_owned())
        };
        assert_eq!(descriptors.open.lock().unwrap().len(), MOST);
        // The first ones have lost their descriptors.
        assert_eq!([0, 40, 73].map(|number| read(number).unwrap()), ["0", "40", "73"]);
        assert_eq!(descriptors.open.lock().unwrap().len(), MOST);
        fs::remove_file(folder.path().join("5")).unwrap();
        let other = folder.path().join("other");
        fs::write(&other, "4").unwrap();
        fs::rename(&other, folder.path().join("4")).unwrap();
        for number in [4, 5] {
            assert_eq!(read(number).unwrap_err().raw_os_error(), Some(Errno::STALE.raw_os_error()), "{number}");
        }
        // Whoever needs descriptors gets those that are kept, and is refused only once none is left.
        let refusing_until = |left| {
            let open = || match descriptors.open.lock().unwrap().len() {
                open if open > left => Err(Errno::MFILE.into()),
                open => Ok(open),
            };
            descriptors.with_room(open)
        };
        assert_eq!(refusing_until(40).unwrap(), 40);
        assert_eq!(read(73).unwrap(), "73", "it was used last, or is opened again");
        assert_eq!(refusing_until(0).unwrap(), 0);
        let refused = descriptors.with_room(|| Err::<(), _>(Errno::MFILE.into()));
        assert_eq!(refused.unwrap_err().raw_os_error(), Some(Errno::MFILE.raw_os_error()));
        drop(files);
        assert!(descriptors.open.lock().unwrap().is_empty());
    }
}
