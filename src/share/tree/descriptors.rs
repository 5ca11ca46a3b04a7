//! Source files that are read at places, a few of them with an open descriptor: there may be thousands.

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

use super::{fingerprint::Fingerprint, lock, place::Place};
use crate::stream::ReadAt;

/// Descriptors that are kept open.
const MOST: usize = 64;

/// The descriptors used last.
#[derive(Default)]
pub(super) struct Descriptors {
    open: Mutex<HashMap<u64, Kept>>,
    /// Counts uses, and numbers files.
    now: AtomicU64,
}

struct Kept {
    file: Arc<File>,
    used: u64,
}

/// A file that is opened again when its descriptor was needed for another. It must still be the same file then.
pub(super) struct SourceFile {
    number: u64,
    place: Place,
    fingerprint: Fingerprint,
    descriptors: Arc<Descriptors>,
}

impl SourceFile {
    /// The `file` that was opened at `place`.
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
        let file = self.place.open().map_err(|error| match error.kind() {
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

impl Descriptors {
    fn kept(&self, number: u64) -> Option<Arc<File>> {
        let mut open = lock(&self.open);
        let kept = open.get_mut(&number)?;
        kept.used = self.now.fetch_add(1, Ordering::Relaxed);
        Some(Arc::clone(&kept.file))
    }

    fn keep(&self, number: u64, file: Arc<File>) {
        let mut open = lock(&self.open);
        let oldest = open.iter().min_by_key(|(_, kept)| kept.used).map(|(number, _)| *number);
        let closed = oldest.filter(|_| open.len() >= MOST).and_then(|oldest| open.remove(&oldest));
        open.insert(number, Kept { file, used: self.now.fetch_add(1, Ordering::Relaxed) });
        drop(open);
        drop(closed);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn of_many_files_few_are_open_and_a_file_that_was_replaced_is_stale() {
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
        drop(files);
        assert!(descriptors.open.lock().unwrap().is_empty());
    }
}
