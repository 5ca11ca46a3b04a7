//! How segments begin, end and follow one another: at a place where one can begin, or when the growing one has failed.

use std::{ffi::OsString, io};

use super::{Event, Recorder, wall_clock};
use crate::{
    record::{
        error::JournalError,
        next_segment::{NextSegment, NotMade},
        packets::Packets,
        segment::{Segment, Unwritten},
        source::Source,
        store::{SegmentFolder, is_no_room},
        time::Time,
    },
    stage::FrameBuffer,
    stream::Ending,
};

/// How many segments in a row may fail. More of them would only litter a disk that is failing.
const MOST_FAILURES: u32 = 3;

impl<D: SegmentFolder, S: Source, T: Time> Recorder<'_, D, S, T> {
    /// Goes on in another segment, since somebody has removed the growing one.
    pub(super) fn replace_removed(&mut self) -> Result<(), JournalError> {
        self.is_doubtful = true;
        if let Some(segment) = &self.segment {
            (self.journal.report)(Event::Removed(segment.name()));
        }
        self.go_on(true)
    }

    /// Goes on in another segment at a place where one can begin.
    pub(super) fn cut(&mut self) -> Result<(), JournalError> {
        self.flush()?;
        // If the frame could not be written, another segment has already begun.
        if !self.cut_is_due {
            return Ok(());
        }
        self.go_on(false)
    }

    /// Ends the segment, marked as continued if there is room for another, and begins that one. `is_known` is as for
    /// [`Recorder::finish`].
    pub(super) fn go_on(&mut self, is_known: bool) -> Result<(), JournalError> {
        let next = self.prepare().and_then(|next| self.with_room(next));
        self.finish(if next.is_ok() { Ending::Continued } else { Ending::Interrupted }, is_known);
        self.begin_with(next?)
    }

    /// Returns `next` if there is room for it after the growing segment.
    fn with_room(&mut self, next: NextSegment<D::File>) -> Result<NextSegment<D::File>, JournalError> {
        match self.segment.as_mut().map_or(Ok(()), |segment| segment.make_room_for(&next)) {
            Err(error) => Err(JournalError::Create { segment: next.name().into(), error }),
            Ok(()) => Ok(next),
        }
    }

    pub(super) fn begin(&mut self) -> Result<(), JournalError> {
        let next = self.prepare()?;
        self.begin_with(next)
    }

    /// Makes everything that another segment needs and that can fail for want of room, except its link to the end of
    /// the one before it.
    fn prepare(&mut self) -> Result<NextSegment<D::File>, JournalError> {
        if self.packets == Packets::Unknown {
            self.packets = Packets::of(self.frame.payload());
        }
        let name = self.journal.plan.name.name(self.journal.time.wall(), self.packets.are_there());
        let name = name.map_err(JournalError::Name)?;
        let stream = (self.journal.streams)().map_err(JournalError::Keys)?;
        NextSegment::new(self.journal.folder, name, stream)
            .map_err(|NotMade { name, error, .. }| JournalError::Create { segment: name, error })
    }

    fn begin_with(&mut self, mut next: NextSegment<D::File>) -> Result<(), JournalError> {
        let arrived = self.frame.arrived.unwrap_or_else(wall_clock);
        let segment = loop {
            match Segment::create(self.journal.folder, next, &self.lineage, arrived) {
                Ok(segment) => break segment,
                Err(NotMade { name, error, was_there: true })
                    if !is_no_room(&error) && self.failures < MOST_FAILURES =>
                {
                    self.failures += 1;
                    (self.journal.report)(Event::NotMade(&name, &error));
                    next = self.prepare()?;
                }
                Err(NotMade { name, error, .. }) => return Err(JournalError::Create { segment: name, error }),
            }
        };
        (self.journal.report)(Event::Began(segment.name()));
        (self.segment, self.segment_began) = (Some(segment), self.journal.time.now());
        (self.cut_is_due, self.sync_due, self.before) = (false, None, None);
        Ok(())
    }

    /// Ends the segment, if there is one. `is_known` says that a failure to sync it has already been reported.
    pub(super) fn finish(&mut self, ending: Ending, is_known: bool) {
        let Some(mut segment) = self.segment.take() else { return };
        let frame_size = self.journal.plan.layout.frame_size;
        let spare = if self.frame.filled == 0 { self.frame.buffer.take() } else { None };
        let spare = spare.unwrap_or_else(|| FrameBuffer::new(frame_size));
        let (buffer, finished) = segment.finish(spare, ending);
        if self.frame.filled == 0 {
            self.frame.buffer = Some(buffer);
        }
        let before = self.syncer.wait().unwrap_or(Ok(()));
        match finished {
            Ok(()) => {
                let synced = before.and(segment.sync());
                let is_synced = synced.is_ok() && !is_known;
                match synced {
                    Ok(()) if !is_known => self.failures = 0,
                    Err(error) if !is_known => {
                        self.is_doubtful = true;
                        (self.journal.report)(Event::NotSynced(segment.name(), &error));
                    }
                    Ok(()) | Err(_) => {}
                }
                segment.give_back();
                let (segment, bytes) = (segment.name(), segment.plaintext());
                (self.journal.report)(Event::Finished { segment, bytes, is_synced });
            }
            Err(error) => {
                segment.abandon();
                self.leave_unfinished(&segment, &error);
            }
        }
        self.close(segment);
    }

    fn leave_unfinished(&mut self, segment: &Segment<D::File>, error: &io::Error) {
        self.is_doubtful = true;
        (self.journal.report)(Event::Unfinished(segment.name(), error));
    }

    /// Notes how a segment ended, and returns its name.
    fn close(&mut self, segment: Segment<D::File>) -> OsString {
        let (name, length) = (segment.name().to_owned(), segment.plaintext());
        let (end, key, file) = segment.into_end();
        self.before = Some(file);
        self.lineage.ended(name.clone(), length, end, key);
        name
    }

    pub(super) fn count_failure(&mut self, segment: OsString, error: io::Error) -> Result<(), JournalError> {
        self.failures += 1;
        if self.failures > MOST_FAILURES { Err(JournalError::Failing { segment, error }) } else { Ok(()) }
    }

    /// Handles a frame that could not be written: its segment is left as it is, and the frame goes to another one,
    /// unless there is no room.
    pub(super) fn not_written(&mut self, Unwritten { error, buffer, length }: Unwritten) -> Result<(), JournalError> {
        (self.frame.buffer, self.frame.filled) = (Some(buffer), length);
        let Some(mut segment) = self.segment.take() else { return Ok(()) };
        // The end of the segment is doubtful, whatever the result of that sync.
        drop(self.syncer.wait());
        segment.abandon();
        self.leave_unfinished(&segment, &error);
        let name = self.close(segment);
        if is_no_room(&error) {
            return Err(JournalError::Full { segment: name, error });
        }
        self.count_failure(name, error)
    }
}
