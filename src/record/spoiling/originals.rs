//! Recordings made by the real code.

use std::{
    cell::Cell,
    collections::VecDeque,
    ffi::{OsStr, OsString},
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::io::Errno;

use crate::{
    container::{FrameSize, HeaderLength, Layout, SegmentRecord},
    keys::{Key, KeyFile, LinkKey, Lock},
    record::{
        Cutting, Journal, JournalPlan, SegmentName, Source, SourceEnd, Time,
        growing_stream::GrowingStream,
        store::{SegmentFile, SegmentFolder},
    },
    stream::{OpenedStream, ReaderInput, Readiness, StreamHeader},
};

pub(super) const LAYOUT: Layout = Layout { frame_size: FrameSize::MIN, header_length: HeaderLength::MIN };
const PAYLOAD: usize = FrameSize::MIN.payload();

/// A segment as its recorder left it.
pub(super) struct Original {
    pub record: SegmentRecord,
    /// Distinguishes it from all others, even from those with the same prefix.
    pub link: LinkKey,
    pub bytes: Vec<u8>,
    /// The payloads of its frames.
    pub frames: Vec<Vec<u8>>,
    pub is_final: bool,
    pub is_continued: bool,
    /// Whether it was made by its recorder, not by a forger.
    pub is_genuine: bool,
    /// How many frames its recorder knows of: the disk may have kept more from a write that failed.
    pub known: usize,
}

/// Four recordings: a whole one, and three where a write failed: at the first frame of a segment, at its second frame,
/// which was written all the same, and at the final one.
pub(super) fn recordings() -> Vec<Original> {
    let faults = [
        None,
        Some(Fault { at: 5, written: 100, is_cut: true }),
        Some(Fault { at: 6, written: usize::MAX, is_cut: false }),
        Some(Fault { at: 7, written: 30, is_cut: true }),
    ];
    (1..).zip(faults).flat_map(|(id, fault)| recorded(id, fault)).collect()
}

pub(super) fn lock() -> Lock {
    Lock::with_key_file(&KeyFile::from_key(Key::from_bytes([4; 32])))
}

/// The stream in `bytes`, if it opens.
pub(super) fn open(bytes: &[u8]) -> Option<OpenedStream> {
    let header = StreamHeader::read(ReaderInput(bytes), Vec::new()).ok()?;
    let key_file = KeyFile::from_key(Key::from_bytes([4; 32]));
    header.open(&mut key_file.into()).ok().map(|(stream, _)| stream)
}

/// A write that fails.
#[derive(Clone, Copy)]
struct Fault {
    /// Which write fails, from 0.
    at: usize,
    /// How many bytes are written before it fails.
    written: usize,
    /// Whether they can be removed again.
    is_cut: bool,
}

#[derive(Default)]
struct Disk {
    fault: Option<Fault>,
    writes: AtomicUsize,
}

pub(super) struct MemoryFile {
    disk: Arc<Disk>,
    content: Mutex<Vec<u8>>,
}

impl SegmentFile for Arc<MemoryFile> {
    fn write_at(&self, bytes: &[u8], _: u64) -> io::Result<usize> {
        let at = self.disk.writes.fetch_add(1, Ordering::Relaxed);
        let fault = self.disk.fault.filter(|fault| fault.at == at);
        let written = fault.map_or(bytes.len(), |fault| fault.written.min(bytes.len()));
        self.content.lock().unwrap().extend(&bytes[..written]);
        if fault.is_some() { Err(Errno::IO.into()) } else { Ok(written) }
    }

    fn reserve(&self, _: u64, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn most_bytes(&self) -> u64 {
        u64::MAX
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        if self.disk.fault.is_none_or(|fault| fault.is_cut) {
            self.content.lock().unwrap().truncate(length as usize);
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn is_removed(&self) -> bool {
        false
    }
}

#[derive(Default)]
pub(super) struct MemoryFolder {
    disk: Arc<Disk>,
    files: Mutex<Vec<(OsString, Arc<MemoryFile>)>>,
}

impl SegmentFolder for MemoryFolder {
    type File = Arc<MemoryFile>;

    fn create(&self, name: &OsStr) -> io::Result<Arc<MemoryFile>> {
        let mut files = self.files.lock().unwrap();
        if files.iter().any(|(other, _)| other == name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = Arc::new(MemoryFile { disk: Arc::clone(&self.disk), content: Mutex::default() });
        files.push((name.to_owned(), Arc::clone(&file)));
        Ok(file)
    }

    fn create_unnamed(&self) -> io::Result<Option<Arc<MemoryFile>>> {
        Ok(None)
    }

    fn give_name(&self, _: &Arc<MemoryFile>, _: &OsStr) -> io::Result<()> {
        Ok(())
    }

    fn sync(&self, _: &Arc<MemoryFile>) -> io::Result<()> {
        Ok(())
    }

    fn remove(&self, _: &OsStr) -> io::Result<()> {
        Ok(())
    }
}

impl MemoryFolder {
    pub fn contents(self) -> Vec<Vec<u8>> {
        let files = self.files.into_inner().unwrap();
        files.iter().map(|(_, file)| file.content.lock().unwrap().clone()).collect()
    }
}

struct Clocks {
    began: Instant,
    passed: Cell<Duration>,
}

impl Time for Clocks {
    fn now(&self) -> Instant {
        self.began + self.passed.get()
    }

    fn wall(&self) -> i64 {
        1_795_514_407_000_000 + self.passed.get().as_micros() as i64
    }
}

/// Delivers pieces, each after a wait.
struct Pieces<'a> {
    clocks: &'a Clocks,
    left: VecDeque<Vec<u8>>,
    has_waited: bool,
}

impl Source for Pieces<'_> {
    fn wait(&mut self, until: Option<Instant>) -> io::Result<Readiness> {
        self.has_waited = !self.has_waited;
        match until {
            Some(until) if self.has_waited => {
                self.clocks.passed.set(until - self.clocks.began);
                Ok(Readiness::NotReady)
            }
            _ => Ok(Readiness::Ready),
        }
    }

    fn read(&mut self, area: &mut [u8]) -> io::Result<usize> {
        let Some(piece) = self.left.front_mut() else { return Ok(0) };
        let read = piece.len().min(area.len());
        area[..read].copy_from_slice(&piece[..read]);
        piece.drain(..read);
        if piece.is_empty() {
            self.left.pop_front();
        }
        Ok(read)
    }

    fn pending(&self) -> Option<usize> {
        Some(self.left.front().map_or(0, Vec::len))
    }

    fn end(&mut self) -> SourceEnd {
        SourceEnd::Finished
    }
}

/// The segments of recording `id`, made by a journal on a disk with this `fault`.
fn recorded(id: u8, fault: Option<Fault>) -> Vec<Original> {
    let folder = MemoryFolder { disk: Arc::new(Disk { fault, ..Disk::default() }), files: Mutex::default() };
    let clocks = Clocks { began: Instant::now(), passed: Cell::default() };
    let byte = |at: u64| (at.wrapping_add(u64::from(id)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8;
    let lengths = [900, PAYLOAD, PAYLOAD + 30, 1, 2000, 2 * PAYLOAD, 77, 3000, 5];
    let pieces = lengths.iter().scan(0, |from, &length| {
        let piece = (*from..*from + length as u64).map(byte).collect();
        *from += length as u64;
        Some(piece)
    });
    let plan = JournalPlan {
        layout: LAYOUT,
        max_delay: Duration::from_millis(200),
        sync: Duration::from_secs(1),
        cutting: Cutting { time: None, size: Some(LAYOUT.frame_position(4)) },
        name: SegmentName::new(None),
    };
    let lock = lock();
    let ended = Journal {
        plan: &plan,
        folder: &folder,
        source: &mut Pieces { clocks: &clocks, left: pieces.collect(), has_waited: false },
        time: &clocks,
        streams: &mut || lock.new_stream(LAYOUT, JournalPlan::features()).map_err(io::Error::other),
        report: &mut |_| {},
        delivered: &AtomicU64::new(0),
    }
    .record([id; 16]);
    assert!(ended.how.is_ok() && ended.segments > 3, "{ended:?}");
    let mut originals: Vec<_> = folder.contents().into_iter().map(|bytes| original(bytes, true)).collect();
    for place in 1..originals.len() {
        originals[place - 1].known = originals[place].record.predecessor.frames as usize;
    }
    let unfinished = originals.iter().filter(|original| !original.is_final);
    assert_eq!(unfinished.count(), usize::from(fault.is_some()));
    originals
}

pub(super) fn original(bytes: Vec<u8>, is_genuine: bool) -> Original {
    let stream = open(&bytes).unwrap();
    let (record, link) = (stream.header().segment().unwrap(), stream.link().clone());
    let mut growing = GrowingStream::new(bytes.as_slice(), stream, 0);
    let (mut frames, mut is_final, mut is_continued) = (Vec::new(), false, false);
    while !is_final && let Some(frame) = growing.next_frame().unwrap() {
        frames.push(frame.payload().to_vec());
        (is_final, is_continued) = (frame.tag().flags.is_final(), frame.tag().flags.is_continued());
    }
    Original { record, link, known: frames.len(), bytes, frames, is_final, is_continued, is_genuine }
}
