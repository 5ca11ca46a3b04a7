//! Files with temporary names: how they are named, and removing them when the process ends early.

use std::{
    ffi::{OsStr, OsString},
    io::{self, ErrorKind},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rustix::fs::{AtFlags, unlinkat};

use super::folders::Folder;
use crate::keys::random_bytes;

const PREFIX: &str = ".reelseal-";
const SUFFIX: &str = ".partial";
const RANDOM_BYTES: usize = 8;
/// The most names that are tried: even one collision is extremely unlikely.
const MAX_NAMES: usize = 16;

/// The temporary files of this process.
pub(crate) static TEMPORARIES: Temporaries = Temporaries::new();

/// Temporary files, removed if the process ends early.
pub(crate) struct Temporaries(Mutex<Vec<Arc<Temporary>>>);

/// A temporary file, by its name in its folder.
struct Temporary {
    folder: Arc<Folder>,
    name: OsString,
}

/// While this lives, [`Temporaries::remove_all`] removes the file.
pub(super) struct Registered<'a> {
    temporaries: &'a Temporaries,
    temporary: Arc<Temporary>,
}

/// While this lives, no temporary file is made, and none replaces another file.
pub(crate) struct NoneLeft<'a>(#[expect(dead_code, reason = "held for its drop")] MutexGuard<'a, Vec<Arc<Temporary>>>);

impl Temporaries {
    const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Makes the file `name` in `folder` with `make`, and registers it.
    ///
    /// # Errors
    ///
    /// The errors of `make`; nothing is registered then.
    pub(super) fn make<F>(
        &self,
        folder: &Arc<Folder>,
        name: &OsStr,
        make: impl FnOnce() -> io::Result<F>,
    ) -> io::Result<(F, Registered<'_>)> {
        let mut registered = self.lock();
        let made = make()?;
        let temporary = Arc::new(Temporary { folder: Arc::clone(folder), name: name.to_owned() });
        registered.push(Arc::clone(&temporary));
        Ok((made, Registered { temporaries: self, temporary }))
    }

    /// Does `work` with no [`remove_all`](Self::remove_all) between its steps.
    pub(super) fn hold_off<T>(&self, work: impl FnOnce() -> T) -> T {
        let _held = self.lock();
        work()
    }

    /// Removes every temporary file, because the process is about to end. Waits for work under
    /// [`hold_off`](Self::hold_off).
    pub(crate) fn remove_all(&self) -> NoneLeft<'_> {
        let mut registered = self.lock();
        for file in registered.drain(..) {
            file.remove();
        }
        NoneLeft(registered)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Temporary>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Temporary {
    fn remove(&self) {
        // It may already be gone, and there is nowhere to report an error.
        let _ = unlinkat(&self.folder, &self.name, AtFlags::empty());
    }
}

impl Registered<'_> {
    pub(super) fn name(&self) -> &OsStr {
        &self.temporary.name
    }

    /// Removes the file.
    pub(super) fn remove(&self) {
        self.temporary.remove();
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.temporaries.lock().retain(|file| !Arc::ptr_eq(file, &self.temporary));
    }
}

/// Calls `make` with temporary names until one is not taken.
pub(super) fn with_temporary_name<T>(mut make: impl FnMut(&OsStr) -> io::Result<T>) -> io::Result<T> {
    let mut made = Err(ErrorKind::AlreadyExists.into());
    for _ in 0..MAX_NAMES {
        let random: [u8; RANDOM_BYTES] = random_bytes().map_err(io::Error::other)?;
        let name = format!("{PREFIX}{}{SUFFIX}", base16ct::lower::encode_string(&random));
        made = make(OsStr::new(&name));
        if !made.as_ref().is_err_and(|error| error.kind() == ErrorKind::AlreadyExists) {
            break;
        }
    }
    made
}

/// Whether `path` has the name of a temporary file, as a killed process may leave one.
pub(super) fn is_temporary_name(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.starts_with(PREFIX.as_bytes()) && name.ends_with(SUFFIX.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn all_registered_files_are_removed_and_no_other() {
        let (temporaries, folder) = (Temporaries::new(), tempfile::tempdir().unwrap());
        let [kept, first, second] = ["kept", "first", "second"].map(|name| folder.path().join(name));
        let held = Arc::new(Folder::open(folder.path()).unwrap());
        let make = |path: &Path| temporaries.make(&held, path.file_name().unwrap(), || File::create(path)).unwrap().1;
        drop(make(&kept));
        let _registered = [make(&first), make(&second)];
        drop(temporaries.remove_all());
        assert_eq!([kept, first, second].map(|path| path.exists()), [true, false, false]);
    }

    #[test]
    fn what_could_not_be_made_is_not_registered() {
        let (temporaries, folder) = (Temporaries::new(), tempfile::tempdir().unwrap());
        let existing = folder.path().join("existing");
        File::create(&existing).unwrap();
        let held = Arc::new(Folder::open(folder.path()).unwrap());
        assert!(temporaries.make(&held, OsStr::new("existing"), || File::create_new(&existing)).is_err());
        drop(temporaries.remove_all());
        assert!(existing.exists());
    }

    #[test]
    fn while_none_is_left_none_can_be_made() {
        let temporaries = Temporaries::new();
        let none_left = temporaries.remove_all();
        assert!(temporaries.0.try_lock().is_err());
        drop(none_left);
        assert!(temporaries.0.try_lock().is_ok());
    }

    #[test]
    fn a_temporary_name_is_recognised() {
        let name = with_temporary_name(|name| Ok(name.to_owned())).unwrap();
        assert!(is_temporary_name(Path::new(&name)));
        for other in [".reelseal-x", "x.partial", "film.mp4"] {
            assert!(!is_temporary_name(Path::new(other)), "{other}");
        }
    }

    #[test]
    fn a_temporary_name_that_is_taken_gives_way_to_another() {
        let mut taken = Vec::new();
        let name = with_temporary_name(|name| {
            if taken.len() < 2 {
                taken.push(name.to_owned());
                return Err(ErrorKind::AlreadyExists.into());
            }
            Ok(name.to_owned())
        });
        assert!(!taken.contains(&name.unwrap()) && taken.first() != taken.last());
        let full = with_temporary_name(|_| io::Result::<()>::Err(ErrorKind::StorageFull.into()));
        assert_eq!(full.unwrap_err().kind(), ErrorKind::StorageFull);
    }
}
