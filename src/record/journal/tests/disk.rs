//! A disk in memory that fails where a test wants it to.

use std::ffi::{OsStr, OsString};

use super::*;

/// What goes wrong on the disk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    pub(super) call: Call,
    /// Which of these calls fails, from 0.
    pub(super) at: usize,
    /// How many bytes a failing write has written before it fails.
    pub(super) written: usize,
    pub(super) error: Errno,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Write,
    Sync,
    Reserve,
}

#[derive(Default)]
pub(super) struct Disk {
    pub(super) fault: Option<Fault>,
    /// Whether every later call of the kind fails, too.
    pub(super) stays: bool,
    /// How many bytes one write takes at most.
    pub(super) most_at_once: Option<usize>,
    /// Whether it has no files without a name.
    pub(super) is_named_at_once: bool,
    /// How long a file can be.
    pub(super) room: Option<u64>,
    /// How much room there is for all files together, and how much each has taken, by its number.
    pub(super) total: Option<u64>,
    pub(super) taken: Mutex<HashMap<usize, u64>>,
    pub(super) calls: Mutex<Vec<Call>>,
    /// When a call failed first, in Unix microseconds.
    pub(super) failed: Mutex<Option<i64>>,
    /// Holds up the syncs on the syncing thread while it is closed.
    pub(super) gate: Gate,
}

#[derive(Default)]
pub(super) struct Gate {
    pub(super) is_closed: Mutex<bool>,
    pub(super) has_opened: Condvar,
}

impl Gate {
    pub(super) fn closed() -> Self {
        Self { is_closed: Mutex::new(true), has_opened: Condvar::new() }
    }

    pub(super) fn open(&self) {
        *self.is_closed.lock().unwrap() = false;
        self.has_opened.notify_all();
    }

    pub(super) fn pass(&self) {
        let mut is_closed = self.is_closed.lock().unwrap_or_else(PoisonError::into_inner);
        while *is_closed && thread::current().name() == Some("sync") {
            is_closed = self.has_opened.wait(is_closed).unwrap();
        }
    }
}

impl Disk {
    pub(super) fn failing(fault: Fault) -> Arc<Self> {
        Arc::new(Self { fault: Some(fault), ..Self::default() })
    }

    /// Takes the room up to `end` for a file, if there is that much.
    pub(super) fn take_room(&self, file: usize, end: u64) -> io::Result<()> {
        let mut taken = self.taken.lock().unwrap();
        let of_others: u64 = taken.iter().filter(|(other, _)| **other != file).map(|(_, taken)| taken).sum();
        if self.room.is_some_and(|room| end > room) || self.total.is_some_and(|total| of_others + end > total) {
            return Err(Errno::NOSPC.into());
        }
        let of_file = taken.entry(file).or_default();
        *of_file = end.max(*of_file);
        Ok(())
    }

    /// The fault that this call meets.
    pub(super) fn meet(&self, call: Call) -> Option<Fault> {
        let mut calls = self.calls.lock().unwrap();
        let before = calls.iter().filter(|&&other| other == call).count();
        calls.push(call);
        let is_met = |fault: &Fault| fault.call == call && (fault.at == before || self.stays && before > fault.at);
        let met = self.fault.filter(is_met);
        if met.is_some() {
            self.failed.lock().unwrap().get_or_insert_with(|| Clock::system().now());
        }
        met
    }

    pub(super) fn count(&self, call: Call) -> usize {
        self.calls.lock().unwrap().iter().filter(|&&other| other == call).count()
    }
}

pub(super) struct MemoryFile {
    pub(super) disk: Arc<Disk>,
    pub(super) number: usize,
    pub(super) content: Mutex<Vec<u8>>,
    /// Every byte of which a write was attempted: a write that fails may have written it.
    pub(super) tried: Mutex<BTreeMap<u64, u8>>,
}

impl SegmentFile for Arc<MemoryFile> {
    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<usize> {
        self.disk.take_room(self.number, position + bytes.len() as u64)?;
        for (place, &byte) in (position..).zip(bytes) {
            let before = self.tried.lock().unwrap().insert(place, byte);
            assert!(before.is_none_or(|before| before == byte), "two ciphertexts at {place}");
        }
        let fault = self.disk.meet(Call::Write);
        let most = self.disk.most_at_once.unwrap_or(usize::MAX);
        let written = fault.map_or(most, |fault| fault.written).min(bytes.len());
        let (mut content, start) = (self.content.lock().unwrap(), position as usize);
        assert_eq!(content.len(), start, "a hole, or something is overwritten");
        content.extend(&bytes[..written]);
        match fault {
            Some(fault) => Err(fault.error.into()),
            None => Ok(written),
        }
    }

    fn reserve(&self, from: u64, length: u64) -> io::Result<()> {
        self.disk.take_room(self.number, from + length)?;
        self.disk.meet(Call::Reserve).map_or(Ok(()), |fault| Err(fault.error.into()))
    }

    fn most_bytes(&self) -> u64 {
        u64::MAX
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.content.lock().unwrap().truncate(length as usize);
        self.disk.taken.lock().unwrap().insert(self.number, length);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.gate.pass();
        self.disk.meet(Call::Sync).map_or(Ok(()), |fault| Err(fault.error.into()))
    }

    fn is_removed(&self) -> bool {
        false
    }
}

#[derive(Default)]
pub(super) struct MemoryFolder {
    pub(super) disk: Arc<Disk>,
    pub(super) files: RefCell<Vec<(OsString, Arc<MemoryFile>)>>,
    pub(super) made: Cell<usize>,
}

impl MemoryFolder {
    pub(super) fn make(&self) -> Arc<MemoryFile> {
        let (disk, content, tried) = (Arc::clone(&self.disk), Mutex::default(), Mutex::default());
        self.made.set(self.made.get() + 1);
        Arc::new(MemoryFile { disk, number: self.made.get(), content, tried })
    }
}

impl SegmentFolder for MemoryFolder {
    type File = Arc<MemoryFile>;

    fn create(&self, name: &OsStr) -> io::Result<Arc<MemoryFile>> {
        let file = self.make();
        self.give_name(&file, name)?;
        Ok(file)
    }

    fn create_unnamed(&self) -> io::Result<Option<Arc<MemoryFile>>> {
        Ok(if self.disk.is_named_at_once { None } else { Some(self.make()) })
    }

    fn give_name(&self, file: &Arc<MemoryFile>, name: &OsStr) -> io::Result<()> {
        if self.files.borrow().iter().any(|(other, _)| other == name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.files.borrow_mut().push((name.to_owned(), Arc::clone(file)));
        Ok(())
    }

    fn sync(&self, _: &Arc<MemoryFile>) -> io::Result<()> {
        Ok(())
    }

    fn remove(&self, name: &OsStr) -> io::Result<()> {
        self.files.borrow_mut().retain(|(other, _)| other != name);
        Ok(())
    }
}
