//! What a recorder remembers across restarts: a file in the folder of its segments, locked while the recorder runs, so
//! that no other recorder takes these segments for its own. Nothing in it is authenticated.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Read, Write},
    os::fd::{AsFd, OwnedFd},
};

use rustix::{
    fs::{AtFlags, FlockOperation, Mode, OFlags, flock, fstat, linkat, renameat, statat, unlinkat},
    io::Errno,
};
use thiserror::Error;

use super::ledger_entries::{Id, LedgerEntries, handled_line, removed_line};
use crate::{files::folders::Folder, record::store::RecordingFolder};

/// Its name in the folder.
pub(crate) const LEDGER_NAME: &str = ".reelseal-recorder";
const NEW_NAME: &str = ".reelseal-recorder.new";
/// The name given to a damaged one, followed by a number if the name is taken.
const DAMAGED_NAME: &str = ".reelseal-recorder.damaged";
/// At most this many damaged ones are kept.
const MOST_DAMAGED: u32 = 1000;

/// No more than this is read: the folder may be anybody's.
const MOST_BYTES: u64 = 16 << 20;

/// What a recorder remembers across restarts.
pub(crate) struct Ledger {
    file: File,
    folder: OwnedFd,
    entries: LedgerEntries,
    is_damaged: bool,
    /// Whether it is removed when it is dropped: it did not exist before, and contains nothing useful.
    is_superfluous: bool,
}

/// Why the ledger cannot be opened.
#[derive(Debug, Error)]
pub(crate) enum LedgerError {
    /// Another recorder that removes segments, or runs a program for them, is using the folder.
    #[error("another recorder manages the segments in this folder")]
    InUse,
    #[error("cannot read or write the list of the segments")]
    System(#[from] io::Error),
}

impl From<Errno> for LedgerError {
    fn from(error: Errno) -> Self {
        Self::System(error.into())
    }
}

impl Ledger {
    /// Opens the ledger of `folder` for this recorder alone, and creates it if it is missing.
    ///
    /// # Errors
    ///
    /// [`LedgerError`].
    pub fn open(folder: &RecordingFolder) -> Result<Self, LedgerError> {
        let folder = folder.folder();
        loop {
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK;
            let file = folder.open_file(OsStr::new(LEDGER_NAME), flags, Mode::RUSR | Mode::WUSR)?;
            lock(&file)?;
            // Another recorder may have just replaced it with a new one.
            if !is_named(folder, &file)? {
                continue;
            }
            let (bytes, is_too_long) = read(&file)?;
            let (entries, is_damaged) = LedgerEntries::parse(&bytes);
            let folder = folder.as_fd().try_clone_to_owned()?;
            let is_damaged = is_damaged || is_too_long;
            return Ok(Self { file, folder, entries, is_damaged, is_superfluous: bytes.is_empty() });
        }
    }

    /// The position of a recording among those of this recorder; `None` if it belongs to another.
    pub(super) fn place(&self, recording: &Id) -> Option<usize> {
        self.entries.recordings.iter().position(|known| known == recording)
    }

    pub(super) fn is_handled(&self, recording: Id, number: u64) -> bool {
        self.entries.handled.contains(&(recording, number))
    }

    /// Begins the recording `new`, and forgets everything of which no segment is left, according to `is_left`. A
    /// damaged ledger is kept under the name that is returned.
    pub(super) fn begin(
        &mut self,
        folder: &Folder,
        new: Id,
        is_left: impl Fn(&Id, Option<u64>) -> bool,
    ) -> io::Result<Option<OsString>> {
        self.entries.forget(is_left);
        self.entries.recordings.push(new);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW;
        let mut file = folder.open_file(OsStr::new(NEW_NAME), flags, Mode::RUSR | Mode::WUSR)?;
        lock(&file).map_err(io::Error::other)?;
        file.write_all(self.entries.text().as_bytes())?;
        file.sync_all()?;
        let kept_as = if self.is_damaged { Some(keep_damaged(folder)?) } else { None };
        renameat(folder, NEW_NAME, folder, LEDGER_NAME)?;
        folder.sync(&file)?;
        (self.file, self.is_damaged) = (file, false);
        Ok(kept_as)
    }

    /// A segment has begun: the ledger is to stay.
    pub(super) fn keep(&mut self) {
        self.is_superfluous = false;
    }

    /// Notes that the program has been run for a segment. If the note is lost, the program is run once more after a
    /// restart.
    pub(super) fn note_handled(&mut self, recording: Id, number: u64) -> io::Result<()> {
        // `entries` need not change: it is only asked about segments of earlier runs.
        self.file.write_all(handled_line(&recording, number).as_bytes())
    }

    /// Notes that a segment has been removed. If the note is lost, the segment counts as missing.
    pub(super) fn note_removed(&mut self, recording: Id, number: u64) -> io::Result<()> {
        self.entries.removed.entry(recording).or_default().add(number..=number);
        self.file.write_all(removed_line(&recording, &(number..=number)).as_bytes())?;
        self.file.sync_data()
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        if self.is_superfluous && is_named(&self.folder, &self.file).unwrap_or(false) {
            // If this fails, the leftover file does no harm.
            let _ = unlinkat(&self.folder, LEDGER_NAME, AtFlags::empty());
        }
    }
}

/// What is in `file`, and whether it is longer than what is read.
///
/// # Errors
///
/// What the system says, or that it is no regular file.
pub(super) fn read(file: &File) -> io::Result<(Vec<u8>, bool)> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok((bytes, metadata.len() > MOST_BYTES))
}

fn lock(file: &File) -> Result<(), LedgerError> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Err(LedgerError::InUse),
        locked => Ok(locked?),
    }
}

fn is_named(folder: impl AsFd, file: &File) -> io::Result<bool> {
    let ours = fstat(file)?;
    match statat(folder, LEDGER_NAME, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(named) => Ok((named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino)),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Gives the ledger in `folder` another name, which is returned. Where possible it also keeps its own, which a new file
/// is about to take.
fn keep_damaged(folder: &Folder) -> io::Result<OsString> {
    let numbered = (2..=MOST_DAMAGED).map(|number| format!("{DAMAGED_NAME}-{number}"));
    for name in [DAMAGED_NAME.to_owned()].into_iter().chain(numbered) {
        match linkat(folder, LEDGER_NAME, folder, &name, AtFlags::empty()) {
            Ok(()) => return Ok(name.into()),
            Err(Errno::EXIST) => {}
            // Not every file system allows two names for one file.
            Err(_) if matches!(statat(folder, &name, AtFlags::SYMLINK_NOFOLLOW), Err(Errno::NOENT)) => {
                renameat(folder, LEDGER_NAME, folder, &name)?;
                return Ok(name.into());
            }
            Err(_) => {}
        }
    }
    Err(io::Error::other("too many damaged copies of it are kept already"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use nix::unistd::mkfifo;

    use super::*;

    #[test]
    fn what_is_noted_is_known_after_a_restart_and_what_is_left_over_is_forgotten() {
        let place = tempfile::tempdir().unwrap();
        let folder = RecordingFolder::open(place.path()).unwrap();
        let [one, two, three] = [[1; 16], [2; 16], [3; 16]];
        let mut ledger = Ledger::open(&folder).unwrap();
        ledger.keep();
        ledger.begin(folder.folder(), one, |_, _| true).unwrap();
        ledger.note_handled(one, 5).unwrap();
        ledger.note_handled(one, 6).unwrap();
        drop(ledger);
        let mut ledger = Ledger::open(&folder).unwrap();
        assert_eq!((ledger.place(&one), ledger.place(&two)), (Some(0), None));
        assert_eq!([4, 5, 6].map(|number| ledger.is_handled(one, number)), [false, true, true]);
        ledger.begin(folder.folder(), two, |_, number| number.is_none_or(|number| number == 6)).unwrap();
        drop(ledger);
        let mut ledger = Ledger::open(&folder).unwrap();
        assert_eq!((ledger.place(&one), ledger.place(&two)), (Some(0), Some(1)));
        assert_eq!([5, 6].map(|number| ledger.is_handled(one, number)), [false, true]);
        ledger.begin(folder.folder(), three, |recording, _| *recording == two).unwrap();
        assert_eq!((ledger.place(&one), ledger.place(&three)), (None, Some(1)));
    }

    #[test]
    fn a_ledger_is_for_one_recorder_alone_even_after_it_was_rewritten() {
        let place = tempfile::tempdir().unwrap();
        let folder = RecordingFolder::open(place.path()).unwrap();
        let mut ledger = Ledger::open(&folder).unwrap();
        assert!(matches!(Ledger::open(&folder), Err(LedgerError::InUse)));
        ledger.begin(folder.folder(), [1; 16], |_, _| true).unwrap();
        assert!(matches!(Ledger::open(&folder), Err(LedgerError::InUse)));
        drop(ledger);
        Ledger::open(&folder).unwrap();
    }

    #[test]
    fn a_damaged_ledger_is_kept_under_another_name_and_what_can_be_read_is_used() {
        let place = tempfile::tempdir().unwrap();
        let folder = RecordingFolder::open(place.path()).unwrap();
        let damaged = format!("recording {}\nrecording 02\n", "01".repeat(16));
        for name in [".reelseal-recorder.damaged", ".reelseal-recorder.damaged-2"] {
            fs::write(place.path().join(LEDGER_NAME), &damaged).unwrap();
            let mut ledger = Ledger::open(&folder).unwrap();
            assert_eq!(ledger.place(&[1; 16]), Some(0));
            assert_eq!(ledger.begin(folder.folder(), [3; 16], |_, _| true).unwrap(), Some(name.into()));
            assert_eq!(fs::read_to_string(place.path().join(name)).unwrap(), damaged);
            drop(ledger);
            let mut ledger = Ledger::open(&folder).unwrap();
            assert_eq!((ledger.place(&[1; 16]), ledger.place(&[3; 16])), (Some(0), Some(1)));
            assert_eq!(ledger.begin(folder.folder(), [4; 16], |_, _| true).unwrap(), None);
        }
    }

    #[test]
    fn a_pipe_of_its_name_is_refused_and_one_that_is_too_long_is_damaged() {
        let place = tempfile::tempdir().unwrap();
        let folder = RecordingFolder::open(place.path()).unwrap();
        let path = place.path().join(LEDGER_NAME);
        mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(matches!(Ledger::open(&folder), Err(LedgerError::System(_))));
        fs::remove_file(&path).unwrap();
        let long = format!("recording {}\n{}", "01".repeat(16), "#\n".repeat(MOST_BYTES as usize / 2));
        fs::write(&path, &long).unwrap();
        let mut ledger = Ledger::open(&folder).unwrap();
        assert_eq!(ledger.place(&[1; 16]), Some(0));
        assert_eq!(ledger.begin(folder.folder(), [3; 16], |_, _| true).unwrap(), Some(DAMAGED_NAME.into()));
    }

    #[test]
    fn a_ledger_that_was_never_needed_is_removed_and_a_useful_one_stays() {
        let place = tempfile::tempdir().unwrap();
        let folder = RecordingFolder::open(place.path()).unwrap();
        let is_there = || place.path().join(LEDGER_NAME).exists();
        let mut ledger = Ledger::open(&folder).unwrap();
        ledger.begin(folder.folder(), [1; 16], |_, _| true).unwrap();
        drop(ledger);
        assert!(!is_there());
        let mut ledger = Ledger::open(&folder).unwrap();
        ledger.begin(folder.folder(), [1; 16], |_, _| true).unwrap();
        ledger.keep();
        drop(ledger);
        assert!(is_there());
        drop(Ledger::open(&folder).unwrap());
        assert!(is_there());
    }
}
