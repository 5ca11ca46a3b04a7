//! The journal on a disk that fails at every possible point, with a clock that the tests control.

mod cutting;
mod disk;
mod faults;
mod time;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::Duration,
};

use disk::{Call, Disk, Fault, Gate, MemoryFolder};
use proptest::prelude::*;
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
};

use super::*;
use crate::{
    container::{FrameSize, Layout},
    keys::{KeyFile, Lock},
    record::{
        Cutting, SegmentName,
        chain::{self, Break, Tail, recordings},
        growing_stream::GrowingStream,
        next_segment::NextSegment,
        segment_end::{SegmentEnd, SegmentFacts},
        store::SegmentFile,
    },
    stream::{ReadAt, ReaderInput, StreamError, StreamFile, StreamHeader, Wake},
};

const LAYOUT: Layout = Layout { frame_size: FrameSize::MIN, header_length: crate::container::HeaderLength::MIN };
const FRAME: usize = FrameSize::MIN.payload();
const FIRST_WALL: i64 = 1_795_514_407_000_000;

struct Clocks {
    began: Instant,
    passed: Cell<Duration>,
    set_by: Cell<i64>,
}

impl Time for Clocks {
    fn now(&self) -> Instant {
        self.began + self.passed.get()
    }

    fn wall(&self) -> i64 {
        FIRST_WALL + self.passed.get().as_micros() as i64 + self.set_by.get()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Bytes(Vec<u8>),
    Pause(Duration),
    SetClock(i64),
    /// The recording is asked to end; the bytes after it are there already.
    Stop,
    /// Waits until this many frames are written.
    Written(usize),
    /// Lets the sync that is held up go on; its end wakes the recorder.
    Synced,
    /// Another segment is asked for.
    Cut(Cut),
}

struct Script<'a> {
    clocks: &'a Clocks,
    disk: Arc<Disk>,
    steps: VecDeque<Step>,
    cut: Option<Cut>,
    end: SourceEnd,
    wake: Option<Arc<Wake>>,
}

impl Source for Script<'_> {
    fn wake(&self) -> Option<Arc<Wake>> {
        self.wake.clone()
    }

    fn wait(&mut self, until: Option<Instant>) -> io::Result<Readiness> {
        loop {
            match self.steps.front_mut() {
                None | Some(Step::Bytes(_)) => return Ok(Readiness::Ready),
                Some(Step::Stop) => return Ok(Readiness::Stopped),
                Some(Step::Written(frames)) => {
                    assert_eq!(self.disk.count(Call::Write), *frames + 1, "of the header and of the frames");
                    self.steps.pop_front();
                }
                Some(Step::Synced) => {
                    self.disk.gate.open();
                    let wake = self.wake.as_ref().unwrap();
                    poll(&mut [PollFd::from_borrowed_fd(wake.descriptor(), PollFlags::IN)], None).unwrap();
                    self.steps.pop_front();
                    return Ok(Readiness::NotReady);
                }
                Some(Step::Cut(cut)) => {
                    self.cut = Some(*cut);
                    self.steps.pop_front();
                }
                Some(Step::SetClock(by)) => {
                    self.clocks.set_by.set(self.clocks.set_by.get() + *by);
                    self.steps.pop_front();
                }
                Some(Step::Pause(pause)) => {
                    let left = until.map(|until| until.saturating_duration_since(self.clocks.now()));
                    let passes = left.map_or(*pause, |left| left.min(*pause));
                    self.clocks.passed.set(self.clocks.passed.get() + passes);
                    *pause -= passes;
                    if pause.is_zero() {
                        self.steps.pop_front();
                    }
                    if left == Some(passes) {
                        return Ok(Readiness::NotReady);
                    }
                }
            }
        }
    }

    fn read(&mut self, area: &mut [u8]) -> io::Result<usize> {
        if matches!(self.steps.front(), Some(Step::Stop)) {
            self.steps.pop_front();
        }
        let Some(Step::Bytes(bytes)) = self.steps.front_mut() else { return Ok(0) };
        let read = bytes.len().min(area.len());
        area[..read].copy_from_slice(&bytes[..read]);
        bytes.drain(..read);
        if bytes.is_empty() {
            self.steps.pop_front();
        }
        Ok(read)
    }

    fn pending(&self) -> Option<usize> {
        let ahead = self.steps.iter().skip_while(|step| matches!(step, Step::Stop));
        Some(ahead.map_while(|step| if let Step::Bytes(bytes) = step { Some(bytes.len()) } else { None }).sum())
    }

    fn takes_cut(&mut self) -> Option<Cut> {
        self.cut.take()
    }

    fn end(&mut self) -> SourceEnd {
        self.end
    }
}

/// What a recording has left behind.
struct Recorded {
    ended: Ended,
    events: Vec<String>,
    names: Vec<String>,
    streams: Vec<Vec<u8>>,
    key_file: KeyFile,
    disk: Arc<Disk>,
}

fn record_on(disk: Arc<Disk>, cutting: Cutting, steps: Vec<Step>, end: SourceEnd) -> Recorded {
    let clocks = Clocks { began: Instant::now(), passed: Cell::default(), set_by: Cell::default() };
    let folder = MemoryFolder { disk: Arc::clone(&disk), ..MemoryFolder::default() };
    let key_file = KeyFile::random().unwrap();
    let lock = Lock::with_key_file(&key_file);
    let plan = JournalPlan {
        layout: LAYOUT,
        max_delay: Duration::from_millis(200),
        sync: Duration::from_secs(1),
        cutting,
        name: SegmentName::new(None),
    };
    // Otherwise, each sync ends before the next step.
    let is_held_up = *disk.gate.is_closed.lock().unwrap();
    let wake = is_held_up.then(|| Arc::new(Wake::new().unwrap()));
    let mut events = Vec::new();
    let ended = Journal {
        plan: &plan,
        folder: &folder,
        source: &mut Script { clocks: &clocks, disk: Arc::clone(&disk), steps: steps.into(), cut: None, end, wake },
        time: &clocks,
        streams: &mut || lock.new_stream(LAYOUT, JournalPlan::features()).map_err(io::Error::other),
        report: &mut |event| events.push(format!("{event:?}")),
        delivered: &AtomicU64::new(0),
    }
    .record([7; RECORDING_ID_LENGTH]);
    let files = folder.files.into_inner();
    let names = files.iter().map(|(name, _)| name.to_str().unwrap().to_owned()).collect();
    let streams = files.iter().map(|(_, file)| file.content.lock().unwrap().clone()).collect();
    Recorded { ended, events, names, streams, key_file, disk }
}

fn record(cutting: Cutting, steps: Vec<Step>) -> Recorded {
    record_on(Arc::default(), cutting, steps, SourceEnd::Finished)
}

impl Recorded {
    fn facts(&self) -> Vec<SegmentFacts> {
        let wanted: Vec<_> = (0..100).collect();
        let facts = |bytes: &Vec<u8>| {
            let header = StreamHeader::read(ReaderInput(bytes.as_slice()), Vec::new()).unwrap();
            let (stream, _) = header.open(&mut self.key_file.clone().into()).unwrap();
            let record = stream.header().segment().unwrap();
            let file = StreamFile::new(bytes, bytes.len() as u64, 0, LAYOUT);
            SegmentFacts::of(record, &stream, &file, &wanted).unwrap()
        };
        self.streams.iter().map(facts).collect()
    }

    /// The plaintext of each segment, as far as it verifies, without what is repeated in the next.
    fn pieces(&self) -> Vec<Vec<u8>> {
        let facts = self.facts();
        let offsets = facts.iter().map(|facts| facts.record.offset).skip(1).map(Some).chain([None]);
        let piece = |((bytes, facts), next): ((&Vec<u8>, &SegmentFacts), Option<u64>)| {
            let header = StreamHeader::read(ReaderInput(bytes.as_slice()), Vec::new()).unwrap();
            let (stream, _) = header.open(&mut self.key_file.clone().into()).unwrap();
            let mut frames = GrowingStream::new(bytes, stream, 0);
            let mut piece = Vec::new();
            for _ in 0..facts.frames {
                let frame = frames.next_frame().unwrap().unwrap();
                piece.extend(frame.payload());
                frames.give_back(frame);
            }
            piece.truncate(next.map_or(usize::MAX, |next| (next - facts.record.offset) as usize));
            piece
        };
        self.streams.iter().zip(&facts).zip(offsets).map(piece).collect()
    }

    fn plaintext(&self) -> Vec<u8> {
        self.pieces().concat()
    }

    /// Asserts that the segments form one recording in which nothing is wrong, except that segments may be unfinished.
    fn assert_linked(&self) {
        let facts = self.facts();
        let states = recordings(&facts);
        assert!(states.len() <= 1);
        for state in states {
            assert_eq!(state.missing_before, 0);
            assert!(state.breaks.iter().all(|(.., why)| *why == Break::Unfinished), "{:?}", state.breaks);
        }
    }
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

/// Several segments of several frames, with pauses after which frames and syncs are due.
fn long_script() -> (Vec<Step>, Vec<u8>) {
    let plaintext = bytes(9 * FRAME + 1234);
    let mut steps = Vec::new();
    for piece in plaintext.chunks(FRAME + 700) {
        steps.push(Step::Bytes(piece.to_vec()));
        steps.push(Step::Pause(Duration::from_millis(700)));
    }
    (steps, plaintext)
}

fn short_segments() -> Cutting {
    Cutting { time: None, size: Some(LAYOUT.frame_position(4)) }
}

#[test]
fn all_that_arrives_is_recorded_in_segments_that_are_whole_together() {
    let (steps, plaintext) = long_script();
    let recorded = record(short_segments(), steps);
    assert!(matches!(recorded.ended.how, Ok(SourceEnd::Finished)) && !recorded.ended.is_doubtful);
    assert!(recorded.streams.len() > 3);
    assert_eq!(recorded.ended.segments as usize, recorded.streams.len());
    assert_eq!(recorded.ended.bytes, plaintext.len() as u64);
    assert!(recorded.plaintext() == plaintext);
    let states = recordings(&recorded.facts());
    assert!(states[0].is_whole(), "{states:?}");
    for stream in &recorded.streams {
        assert!(stream.len() as u64 <= short_segments().size.unwrap(), "{}", stream.len());
    }
}

#[test]
fn a_recording_that_is_asked_to_end_keeps_what_has_arrived() {
    let plaintext = bytes(3 * FRAME + 5);
    let steps = [&plaintext[..10], &plaintext[10..]];
    let steps = vec![Step::Bytes(steps[0].to_vec()), Step::Stop, Step::Bytes(steps[1].to_vec())];
    let recorded = record_on(Arc::default(), Cutting::default(), steps, SourceEnd::Asked);
    assert!(matches!(recorded.ended.how, Ok(SourceEnd::Asked)));
    assert!(recorded.plaintext() == plaintext);
    let SegmentEnd::Final(flags) = recorded.facts()[0].end else { panic!("unfinished") };
    assert!(flags.is_interrupted() && !flags.is_continued());
}

#[test]
fn a_source_that_fails_before_its_first_byte_leaves_nothing() {
    for (end, segments) in [(SourceEnd::Failed, 0), (SourceEnd::Asked, 0), (SourceEnd::Finished, 1)] {
        let recorded = record_on(Arc::default(), Cutting::default(), Vec::new(), end);
        assert_eq!((recorded.streams.len(), recorded.ended.bytes), (segments, 0), "{end:?}");
    }
}

#[test]
fn a_segment_continues_only_the_one_before_it() {
    let recorded = record(short_segments(), long_script().0);
    let facts = recorded.facts();
    for (place, segment) in facts.iter().enumerate() {
        for (other, next) in facts.iter().enumerate() {
            assert_eq!(chain::continues(segment, next).is_ok(), other == place + 1, "{place} {other}");
        }
    }
}

/// A file that cannot be read from the byte `from` on.
struct Unreadable<'a> {
    content: &'a [u8],
    from: u64,
    error: Errno,
}

impl ReadAt for Unreadable<'_> {
    fn read_at(&self, area: &mut [u8], position: u64) -> io::Result<usize> {
        if position < self.from { self.content.read_at(area, position) } else { Err(self.error.into()) }
    }

    fn size(&self) -> io::Result<u64> {
        self.content.size()
    }
}

#[test]
fn after_its_final_frame_or_one_that_was_lost_a_segment_takes_nothing_more() {
    let lost = Fault { call: Call::Write, at: 1, written: 0, error: Errno::IO };
    for disk in [Arc::default(), Disk::failing(lost)] {
        let folder = MemoryFolder { disk, ..MemoryFolder::default() };
        let lineage = Lineage::new([7; RECORDING_ID_LENGTH]);
        let stream = Lock::with_key_file(&KeyFile::random().unwrap()).new_stream(LAYOUT, JournalPlan::features());
        let next = NextSegment::new(&folder, "cam.reel".to_owned(), stream.unwrap());
        let segment = next.and_then(|next| Segment::create(&folder, next, &lineage, FIRST_WALL));
        let mut segment = segment.unwrap_or_else(|failed| panic!("{}", failed.error));
        let (buffer, ended) = segment.finish(FrameBuffer::new(FrameSize::MIN), Ending::Finished);
        assert_eq!(ended.is_err(), folder.disk.fault.is_some());
        let writes = folder.disk.count(Call::Write);
        assert!(segment.append(buffer, 1).is_err());
        assert_eq!(folder.disk.count(Call::Write), writes);
    }
}

#[test]
fn no_name_is_given_twice_though_its_segment_was_removed() {
    let mut lineage = Lineage::new([7; RECORDING_ID_LENGTH]);
    let folder = MemoryFolder::default();
    let lock = Lock::with_key_file(&KeyFile::random().unwrap());
    let mut names = Vec::new();
    for _ in 0..3 {
        let stream = lock.new_stream(LAYOUT, JournalPlan::features()).unwrap();
        let next = NextSegment::new(&folder, "cam.reel".to_owned(), stream);
        let segment = next.and_then(|next| Segment::create(&folder, next, &lineage, FIRST_WALL));
        let segment = segment.unwrap_or_else(|failed| panic!("{}", failed.error));
        let name = segment.name().to_owned();
        folder.remove(&name).unwrap();
        let (end, key, _) = segment.into_end();
        lineage.ended(name.clone(), 0, end, key);
        names.push(name);
    }
    assert_eq!(names, ["cam.reel", "cam-2.reel", "cam-3.reel"]);
}
