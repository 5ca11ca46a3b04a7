//! What an opened segment says about itself, as far as that is authentic.

use std::collections::{BTreeMap, HashSet};

use rustix::io::Errno;

use crate::{
    container::{FrameTag, MAC_LENGTH, Prefix, SegmentRecord, TagFlags},
    keys::LinkKey,
    stage::FrameBuffer,
    stream::{Continuity, OpenedStream, ReadAt, StreamError, StreamFile},
};

/// A segment, and how it ends.
#[derive(Clone, Debug)]
pub(crate) struct SegmentFacts {
    pub record: SegmentRecord,
    pub prefix: Prefix,
    pub link: LinkKey,
    pub end: SegmentEnd,
    /// How many frames there are; in an unfinished segment, those that verify in order.
    pub frames: u64,
    /// The plaintext bytes in them.
    pub length: u64,
    /// The MACs of some frames; each key is the number of frames up to and including that one.
    pub(super) macs: BTreeMap<u64, [u8; MAC_LENGTH]>,
}

/// How a segment ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SegmentEnd {
    /// With its final frame, which has these flags.
    Final(TagFlags),
    /// Its final frame is missing or does not authenticate.
    Missing,
}

impl SegmentFacts {
    /// The facts about the segment with this `record` that was opened as `stream` and is in `file`. If it is
    /// unfinished, all its frames are read, up to one that the disk has lost, and the MAC of the last of the first n
    /// frames is noted for each n in `wanted`.
    ///
    /// # Errors
    ///
    /// [`StreamError::ReadFrame`].
    pub fn of<R: ReadAt>(
        record: SegmentRecord,
        stream: &OpenedStream,
        file: &StreamFile<R>,
        wanted: &[u64],
    ) -> Result<Self, StreamError> {
        let (prefix, link) = (stream.header().prefix, stream.link().clone());
        let facts = |end, frames, length, macs| Self { record, prefix, link, end, frames, length, macs };
        match file.verify_final_frame(stream.chain()) {
            Ok(last) if last.tag().flags.is_final() => {
                let frames = last.index() + 1;
                let macs = BTreeMap::from([(frames, last.mac())]);
                let length = last.tag().end().unwrap_or(u64::MAX);
                Ok(facts(SegmentEnd::Final(last.tag().flags), frames, length, macs))
            }
            Err(error @ (StreamError::Read(_) | StreamError::ReadFrame { .. })) if !is_lost(&error) => Err(error),
            _ => {
                let mut facts = facts(SegmentEnd::Missing, 0, 0, BTreeMap::new());
                facts.read_in_order(stream, file, wanted)?;
                Ok(facts)
            }
        }
    }

    /// Counts the frames that verify, from the first one on, and notes the wanted MACs.
    fn read_in_order<R: ReadAt>(
        &mut self,
        stream: &OpenedStream,
        file: &StreamFile<R>,
        wanted: &[u64],
    ) -> Result<(), StreamError> {
        let wanted: HashSet<_> = wanted.iter().copied().collect();
        let mut continuity = Continuity::new(self.prefix.features);
        let mut buffer = FrameBuffer::new(self.prefix.frame_size);
        loop {
            let frame = match file.read(buffer, self.frames) {
                Ok(frame) => frame,
                Err(error @ StreamError::ReadFrame { .. }) if !is_lost(&error) => return Err(error),
                Err(_) => return Ok(()),
            };
            let Ok(frame) = stream.chain().open(frame) else { return Ok(()) };
            if continuity.check(frame.tag()).is_err() {
                return Ok(());
            }
            self.frames += 1;
            self.length = frame.tag().end().unwrap_or(u64::MAX);
            if wanted.contains(&self.frames) {
                self.macs.insert(self.frames, frame.mac());
            }
            buffer = frame.into_buffer();
        }
    }

    /// The facts about a segment whose frames were read up to the one with this tag and MAC, or of which none were
    /// read.
    pub fn read_up_to(
        record: SegmentRecord,
        stream: &OpenedStream,
        last: Option<&(FrameTag, [u8; MAC_LENGTH])>,
    ) -> Self {
        let (prefix, link) = (stream.header().prefix, stream.link().clone());
        let missing =
            Self { record, prefix, link, end: SegmentEnd::Missing, frames: 0, length: 0, macs: BTreeMap::new() };
        let Some((tag, mac)) = last else { return missing };
        let end = if tag.flags.is_final() { SegmentEnd::Final(tag.flags) } else { SegmentEnd::Missing };
        let frames = tag.index + 1;
        Self { end, frames, length: tag.end().unwrap_or(u64::MAX), macs: BTreeMap::from([(frames, *mac)]), ..missing }
    }

    /// The MAC of the last of the first `frames` frames, if it was noted.
    pub fn mac_after(&self, frames: u64) -> Option<[u8; MAC_LENGTH]> {
        self.macs.get(&frames).copied()
    }

    /// Where the segment ends in the plaintext of the whole recording, as far as it is here.
    pub fn recorded_until(&self) -> u64 {
        self.record.offset.saturating_add(self.length)
    }

    #[cfg(test)]
    pub fn made_up(
        record: SegmentRecord,
        prefix: Prefix,
        link: LinkKey,
        end: SegmentEnd,
        length: u64,
        macs: &[[u8; MAC_LENGTH]],
    ) -> Self {
        let frames = macs.len() as u64;
        let macs = (1..).zip(macs.iter().copied()).collect();
        Self { record, prefix, link, end, frames, length, macs }
    }
}

/// Whether the disk cannot return a frame; what comes before the frame can still be read.
fn is_lost(error: &StreamError) -> bool {
    matches!(error, StreamError::ReadFrame { error, .. } if error.raw_os_error() == Some(Errno::IO.raw_os_error()))
}
