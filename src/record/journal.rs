//! The journal itself: input becomes frames, frames become segments, and whatever ends the recording, the growing
//! segment is finished.

mod event;
mod switching;

use std::{
    io, mem,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

pub(crate) use event::{Ended, Event};

use super::{
    error::JournalError,
    journal_plan::JournalPlan,
    lineage::Lineage,
    open_frame::OpenFrame,
    packets::{ENOUGH, Packets, is_transport_stream},
    segment::Segment,
    source::{Cut, Source, SourceEnd},
    store::SegmentFolder,
    syncer::Syncer,
    time::{Clocks, Time},
};
use crate::{
    container::RECORDING_ID_LENGTH,
    keys::NewStream,
    stage::FrameBuffer,
    stream::{Clock, Ending, Readiness},
};

/// What a recording needs.
pub(crate) struct Journal<'a, D, S, T> {
    pub plan: &'a JournalPlan,
    pub folder: &'a D,
    pub source: &'a mut S,
    pub time: &'a T,
    /// Makes the keys and the header of another stream, live and with times.
    pub streams: &'a mut dyn FnMut() -> io::Result<NewStream>,
    pub report: &'a mut dyn FnMut(Event<'_>),
    /// Counts the bytes that have been written.
    pub delivered: &'a AtomicU64,
}

/// A recording under way.
struct Recorder<'a, D: SegmentFolder, S, T> {
    journal: Journal<'a, D, S, T>,
    lineage: Lineage,
    packets: Packets,
    clocks: Clocks,
    frame: OpenFrame,
    /// `None` before the first segment, after one has failed, and at the end.
    segment: Option<Segment<D::File>>,
    /// The previous segment, kept until there is a next one: a follower sees from its lock that more may come.
    before: Option<Arc<D::File>>,
    segment_began: Instant,
    /// Whether another segment begins at the next place where one can begin.
    cut_is_due: bool,
    /// When the unsynced data is to be synced, if there is any.
    sync_due: Option<Instant>,
    syncer: Syncer<D::File>,
    /// How many segments have failed since the last successful sync.
    failures: u32,
    is_doubtful: bool,
}

/// What a read found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Bytes(usize),
    End,
}

impl<D: SegmentFolder, S: Source, T: Time> Journal<'_, D, S, T> {
    /// Makes the recording with the id `recording`, until the source ends or nothing more can be stored.
    pub fn record(self, recording: [u8; RECORDING_ID_LENGTH]) -> Ended {
        let mut recorder = Recorder {
            lineage: Lineage::new(recording),
            packets: Packets::Unknown,
            clocks: Clocks::read(self.time),
            frame: OpenFrame::default(),
            segment: None,
            before: None,
            segment_began: self.time.now(),
            cut_is_due: false,
            sync_due: None,
            syncer: Syncer::new(self.source.wake()),
            failures: 0,
            is_doubtful: false,
            journal: self,
        };
        let recorded = recorder.record();
        let how = recorder.end(recorded);
        recorder.journal.source.close();
        let (segments, bytes) = recorder.lineage.sums();
        Ended { how, is_doubtful: recorder.is_doubtful, segments, bytes }
    }
}

impl<D: SegmentFolder, S: Source, T: Time> Recorder<'_, D, S, T> {
    fn record(&mut self) -> Result<SourceEnd, JournalError> {
        loop {
            self.do_what_is_due()?;
            // What is written while a sync is under way is synced after it.
            let sync_due = self.sync_due.filter(|_| !self.syncer.is_under_way());
            let until = self.frame.due.into_iter().chain(sync_due).min();
            match self.journal.source.wait(until).map_err(JournalError::Read)? {
                Readiness::NotReady => continue,
                Readiness::Stopped => {
                    self.drain()?;
                    break;
                }
                Readiness::Ready => {}
            }
            self.take_cut();
            // No segment is begun just for the end of the source, where that end can be seen.
            if self.is_to_be_cut() && self.journal.source.pending() != Some(0) {
                self.cut()?;
            }
            if self.read(usize::MAX)? == Found::End {
                break;
            }
        }
        // It may take a long time to learn how the source ended.
        self.flush()?;
        self.sync()?;
        Ok(self.journal.source.end())
    }

    /// Reads what has already arrived, and no more.
    fn drain(&mut self) -> Result<(), JournalError> {
        let mut left = self.journal.source.pending().unwrap_or(0);
        while left > 0 {
            self.do_what_is_due()?;
            if self.is_to_be_cut() {
                self.cut()?;
            }
            match self.read(left)? {
                Found::Bytes(read) => left = left.saturating_sub(read),
                Found::End => break,
            }
        }
        Ok(())
    }

    fn do_what_is_due(&mut self) -> Result<(), JournalError> {
        if self.clocks.have_parted(self.journal.time) && self.segment.is_some() {
            (self.journal.report)(Event::ClockStepped);
            self.cut_is_due = true;
        }
        if let Some(outcome) = self.syncer.take() {
            self.synced(outcome)?;
        }
        let now = self.journal.time.now();
        if self.frame.filled == self.payload() || self.frame.due.is_some_and(|due| due <= now) {
            self.flush()?;
        }
        if self.sync_due.is_some_and(|due| due <= now) && !self.syncer.is_under_way() {
            self.begin_sync();
        }
        Ok(())
    }

    /// Notes whether another segment was asked for.
    fn take_cut(&mut self) {
        let Some(cut) = self.journal.source.takes_cut() else { return };
        if cut == Cut::Here {
            self.packets.begin_anew();
        }
        self.cut_is_due |= self.segment.is_some();
    }

    /// Whether the segment ends before the next byte.
    fn is_to_be_cut(&mut self) -> bool {
        let Some(segment) = &self.segment else { return false };
        let cutting = &self.journal.plan.cutting;
        let elapsed = self.journal.time.now().saturating_duration_since(self.segment_began);
        let is_full = self.frame.filled == 0 && cutting.is_due_by_size(segment.layout(), segment.frames());
        self.cut_is_due |= is_full || cutting.is_due_by_time(elapsed);
        self.cut_is_due && self.packets.to_boundary() == 0
    }

    /// Reads once, at most `most` bytes, all of which can be stored.
    fn read(&mut self, most: usize) -> Result<Found, JournalError> {
        if self.frame.filled == 0
            && let Some(segment) = &mut self.segment
            && let Err(error) = segment.make_room()
        {
            return Err(JournalError::Full { segment: segment.name().to_owned(), error });
        }
        let until_cut = self.packets.to_boundary();
        let most = if self.cut_is_due && until_cut > 0 { most.min(until_cut) } else { most };
        // Before the first segment, only as much is read as its name depends on: there may be no room for the segment.
        let most =
            if self.segment.is_none() { most.min(ENOUGH.saturating_sub(self.frame.filled).max(1)) } else { most };
        let frame_size = self.journal.plan.layout.frame_size;
        let area = self.frame.buffer.get_or_insert_with(|| FrameBuffer::new(frame_size)).payload_area();
        let area = area.get_mut(self.frame.filled..).unwrap_or_default();
        let most = most.min(area.len());
        let area = area.get_mut(..most).unwrap_or_default();
        let read = match self.journal.source.read(area) {
            Ok(0) => return Ok(Found::End),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) => return Err(JournalError::Read(error)),
        };
        if read > 0 {
            self.packets.pass(area.get(..read).unwrap_or_default());
            self.took(read)?;
        }
        Ok(Found::Bytes(read))
    }

    /// This many bytes have been read into the frame.
    fn took(&mut self, read: usize) -> Result<(), JournalError> {
        let filled = self.frame.filled + read;
        if mem::replace(&mut self.frame.filled, filled) == 0 {
            self.frame.due = self.journal.time.now().checked_add(self.journal.plan.max_delay);
            self.frame.arrived = Some(self.segment.as_mut().map_or_else(wall_clock, Segment::arrived));
        }
        // The name of the first segment depends on what is in it.
        if self.segment.is_none() && is_transport_stream(self.frame.payload()).is_some() {
            self.begin()
        } else {
            Ok(())
        }
    }

    /// Writes what there is of a frame, to another segment if need be.
    fn flush(&mut self) -> Result<(), JournalError> {
        self.frame.due = None;
        while self.frame.filled > 0 {
            if self.segment.is_none() {
                self.begin()?;
            }
            let length = mem::take(&mut self.frame.filled);
            let (Some(segment), Some(buffer)) = (&mut self.segment, self.frame.buffer.take()) else { break };
            match segment.append(buffer, length) {
                Ok(buffer) => {
                    (self.frame.buffer, self.frame.arrived) = (Some(buffer), None);
                    self.journal.delivered.fetch_add(length as u64, Ordering::Relaxed);
                    let sync = self.journal.plan.sync;
                    self.sync_due = self.sync_due.or_else(|| self.journal.time.now().checked_add(sync));
                }
                Err(unwritten) => self.not_written(unwritten)?,
            }
        }
        Ok(())
    }

    /// Waits until everything that was written is synced.
    fn sync(&mut self) -> Result<(), JournalError> {
        if let Some(outcome) = self.syncer.wait() {
            self.synced(outcome)?;
        }
        self.begin_sync();
        let outcome = self.syncer.wait().unwrap_or(Ok(()));
        self.synced(outcome)
    }

    fn begin_sync(&mut self) {
        self.sync_due = None;
        if let Some(file) = self.segment.as_mut().and_then(Segment::take_unsynced) {
            self.syncer.begin(file);
        }
    }

    /// A sync that was under way has ended.
    fn synced(&mut self, outcome: io::Result<()>) -> Result<(), JournalError> {
        let Some(segment) = &mut self.segment else { return Ok(()) };
        let Err(error) = outcome else {
            self.failures = 0;
            return if segment.is_removed() { self.replace_removed() } else { Ok(()) };
        };
        // What the kernel holds of the file can no longer be trusted.
        let name = segment.name().to_owned();
        self.is_doubtful = true;
        (self.journal.report)(Event::NotSynced(&name, &error));
        if let Err(failing) = self.count_failure(name, error) {
            self.finish(Ending::Interrupted, true);
            return Err(failing);
        }
        self.go_on(true)
    }

    /// Ends the last segment. An empty input makes an empty segment; if the recording failed before its first byte,
    /// there is none.
    fn end(&mut self, recorded: Result<SourceEnd, JournalError>) -> Result<SourceEnd, JournalError> {
        let is_finished = matches!(recorded, Ok(SourceEnd::Finished));
        let can_go_on = matches!(recorded, Ok(_) | Err(JournalError::Read(_)));
        let written = match can_go_on {
            true => self.flush(),
            false => Ok(()),
        };
        let begun = match self.segment {
            None if is_finished && written.is_ok() && self.lineage.sums().0 == 0 => self.begin(),
            _ => Ok(()),
        };
        let ends_well = is_finished && written.is_ok();
        self.finish(if ends_well { Ending::Finished } else { Ending::Interrupted }, false);
        if self.frame.filled > 0 {
            self.is_doubtful = true;
            (self.journal.report)(Event::Lost(self.frame.filled as u64));
        }
        recorded.and_then(|end| written.and(begun).map(|()| end))
    }

    fn payload(&self) -> usize {
        self.journal.plan.layout.frame_size.payload()
    }
}

/// The time now, in Unix microseconds.
fn wall_clock() -> i64 {
    Clock::system().now()
}

#[cfg(test)]
mod tests;
