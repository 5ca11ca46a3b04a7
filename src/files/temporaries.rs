//! Files under a temporary name: what they are called, and that none is left when the process ends early.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

const PREFIX: &str = ".reelseal-";
const SUFFIX: &str = ".partial";

/// The temporary files of this process.
pub(crate) static TEMPORARIES: Temporaries = Temporaries::new();

/// Temporary files that are to be removed if the process ends early.
pub(crate) struct Temporaries(Mutex<Vec<PathBuf>>);

/// While this lives, [`Temporaries::remove_all`] removes the file.
pub(super) struct Registered<'a> {
    temporaries: &'a Temporaries,
    path: PathBuf,
}

/// While this lives, no temporary file is made, and none takes the place of another file.
pub(crate) struct NoneLeft<'a>(#[expect(dead_code, reason = "held for its drop")] MutexGuard<'a, Vec<PathBuf>>);

impl Temporaries {
    const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Makes the file `path` with `make`, and registers it.
    ///
    /// # Errors
    ///
    /// Those of `make`; nothing is registered then.
    pub(super) fn make<F>(&self, path: &Path, make: impl FnOnce() -> io::Result<F>) -> io::Result<(F, Registered<'_>)> {
        let mut registered = self.lock();
        let made = make()?;
        registered.push(path.to_owned());
        Ok((made, Registered { temporaries: self, path: path.to_owned() }))
    }

    /// Does `work` with no [`remove_all`](Self::remove_all) between its steps.
    pub(super) fn hold_off<T>(&self, work: impl FnOnce() -> T) -> T {
        let _held = self.lock();
        work()
    }

    /// Removes every temporary file, as the process is about to end. Waits for what holds it off.
    pub(crate) fn remove_all(&self) -> NoneLeft<'_> {
        let mut registered = self.lock();
        for file in registered.drain(..) {
            // It may be gone already; there is nobody to report it to.
            let _ = fs::remove_file(file);
        }
        NoneLeft(registered)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<PathBuf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.temporaries.lock().retain(|file| *file != self.path);
    }
}

/// Temporary names, for [`make_in`](tempfile::Builder::make_in).
pub(super) fn temporary_name() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    builder
}

/// Whether `path` has the name of a temporary file: one that a killed process left.
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
        let make = |path: &Path| temporaries.make(path, || File::create(path)).unwrap().1;
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
        assert!(temporaries.make(&existing, || File::create_new(&existing)).is_err());
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
    fn a_temporary_name_is_known_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = temporary_name().tempfile_in(folder.path()).unwrap();
        assert!(is_temporary_name(file.path()));
        for other in [".reelseal-x", "x.partial", "film.mp4"] {
            assert!(!is_temporary_name(Path::new(other)), "{other}");
        }
    }
}
