//! What a recorder knows across restarts: a file in the folder of its segments.
//!
//! A line `recording ID` names a recording of this recorder, in the order in which they were made, and `handled ID NUMBER` a
//! segment that the program has been run for. Other lines are passed over. The file is locked while the recorder runs, so
//! that no other takes these segments for its own.

use std::{
    collections::HashSet,
    ffi::OsStr,
    fmt::Write as _,
    fs::File,
    io::{self, Read, Write},
};

use rustix::{
    fs::{AtFlags, FlockOperation, Mode, OFlags, flock, fstat, renameat, statat},
    io::Errno,
};
use thiserror::Error;

use crate::{container::RECORDING_ID_LENGTH, files::folders::Folder, record::store::RecordingFolder};

const NAME: &str = ".reelseal-recorder";
const NEW_NAME: &str = ".reelseal-recorder.new";

type Id = [u8; RECORDING_ID_LENGTH];

/// What a recorder knows across restarts.
pub(crate) struct Ledger {
    file: File,
    recordings: Vec<Id>,
    handled: HashSet<(Id, u64)>,
}

/// Why there is no ledger.
#[derive(Debug, Error)]
pub(crate) enum LedgerError {
    /// Another recorder that removes segments, or runs a program for them, uses the folder.
    #[error("another recorder looks after the segments in this folder")]
    InUse,
    #[error("cannot read or write what is known of the segments")]
    System(#[from] io::Error),
}

impl From<Errno> for LedgerError {
    fn from(error: Errno) -> Self {
        Self::System(error.into())
    }
}

impl Ledger {
    /// Opens the ledger of `folder`, which is made if it is missing, for this recorder alone.
    ///
    /// # Errors
    ///
    /// [`LedgerError`].
    pub fn open(folder: &RecordingFolder) -> Result<Self, LedgerError> {
        let folder = folder.folder();
        loop {
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW;
            let mut file = folder.open_file(OsStr::new(NAME), flags, Mode::RUSR | Mode::WUSR)?;
            lock(&file)?;
            // Another recorder may have put a new one in its place just before.
            if !is_named(folder, &file)? {
                continue;
            }
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            let (recordings, handled) = parse(&String::from_utf8_lossy(&bytes));
            return Ok(Self { file, recordings, handled });
        }
    }

    /// The place of a recording among those of this recorder; `None` if it is another's.
    pub(super) fn place(&self, recording: &Id) -> Option<usize> {
        self.recordings.iter().position(|known| known == recording)
    }

    pub(super) fn is_handled(&self, recording: Id, number: u64) -> bool {
        self.handled.contains(&(recording, number))
    }

    /// Begins the recording `new`, and forgets all of which no segment is left: `is_left` says of which there are some.
    pub(super) fn begin(
        &mut self,
        folder: &Folder,
        new: Id,
        is_left: impl Fn(&Id, Option<u64>) -> bool,
    ) -> io::Result<()> {
        self.recordings.retain(|recording| is_left(recording, None));
        self.handled.retain(|(recording, number)| is_left(recording, Some(*number)));
        self.recordings.push(new);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW;
        let mut file = folder.open_file(OsStr::new(NEW_NAME), flags, Mode::RUSR | Mode::WUSR)?;
        lock(&file).map_err(io::Error::other)?;
        file.write_all(self.text().as_bytes())?;
        file.sync_all()?;
        renameat(folder, NEW_NAME, folder, NAME)?;
        folder.sync(&file)?;
        self.file = file;
        Ok(())
    }

    /// Notes that the program has been run for a segment. If that is lost, it is run once more after a restart.
    pub(super) fn note_handled(&mut self, recording: Id, number: u64) -> io::Result<()> {
        // Of those that are noted, only earlier runs' are asked for.
        self.file.write_all(format!("handled {} {number}\n", hex(&recording)).as_bytes())
    }

    fn text(&self) -> String {
        let mut text = "# Which segments in this folder are this recorder's; see reelseal record --help.\n".to_owned();
        // Writing to a string does not fail.
        for id in &self.recordings {
            let _ = writeln!(text, "recording {}", hex(id));
        }
        for (id, number) in &self.handled {
            let _ = writeln!(text, "handled {} {number}", hex(id));
        }
        text
    }
}

fn lock(file: &File) -> Result<(), LedgerError> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Err(LedgerError::InUse),
        locked => Ok(locked?),
    }
}

fn is_named(folder: &Folder, file: &File) -> io::Result<bool> {
    let ours = fstat(file)?;
    match statat(folder, NAME, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(named) => Ok((named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino)),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn parse(text: &str) -> (Vec<Id>, HashSet<(Id, u64)>) {
    let (mut recordings, mut handled) = (Vec::new(), HashSet::new());
    // A line that was cut by a crash has no end.
    for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
        match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["recording", id] => recordings.extend(id_of(id)),
            ["handled", id, number] => handled.extend(id_of(id).zip(number.parse().ok())),
            _ => {}
        }
    }
    (recordings, handled)
}

fn hex(id: &Id) -> String {
    base16ct::lower::encode_string(id)
}

fn id_of(text: &str) -> Option<Id> {
    let mut id = Id::default();
    let length = base16ct::lower::decode(text, &mut id).ok()?.len();
    (length == RECORDING_ID_LENGTH).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_known_after_a_restart_and_what_is_left_over_is_forgotten() {
        let place = tempfile::tempdir().unwrap();
        let folder = RecordingFolder::open(place.path()).unwrap();
        let [one, two, three] = [[1; 16], [2; 16], [3; 16]];
        let mut ledger = Ledger::open(&folder).unwrap();
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
    fn a_recorder_has_its_ledger_alone_also_after_it_was_rewritten() {
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
    fn a_line_that_was_cut_by_a_crash_is_passed_over() {
        let whole = "recording 01010101010101010101010101010101\nhandled 01010101010101010101010101010101 7\n";
        for length in 0..whole.len() {
            let (recordings, handled) = parse(&whole[..length]);
            assert_eq!((recordings.len(), handled.len()), (usize::from(length > 42), 0), "{length}");
        }
        assert_eq!(parse(whole), (vec![[1; 16]], HashSet::from([([1; 16], 7)])));
        assert_eq!(parse("recording 0101\nrecording\n\nhandled x 1\nhandled 0101 y\n"), (vec![], HashSet::new()));
    }
}
