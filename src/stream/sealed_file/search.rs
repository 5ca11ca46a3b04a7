//! The search for a frame by the offset or time in its tag. Tags must agree with those of their neighbours; damaged
//! frames are skipped.

use std::sync::atomic::Ordering;

use super::{SealedFile, out_of_step};
use crate::{
    container::FrameTag,
    stage::FrameFault,
    stream::{ReadAt, StreamError},
};

impl<R: ReadAt> SealedFile<R> {
    /// The tag of the frame of a live stream that holds the byte at `offset`, found by a binary search over all frames.
    pub(super) fn search_offset(&self, offset: u64) -> Result<FrameTag, StreamError> {
        let (at, missing) = self.last_where(|tag| tag.offset <= offset)?;
        match (at, missing) {
            (Some(tag), _) if tag.end().is_some_and(|end| offset < end) => Ok(tag),
            // The byte is in one of the damaged frames that were skipped.
            (_, Some(index)) => self.frame(index).and(Err(out_of_step(index, offset))),
            (at, None) => Err(out_of_step(at.map_or(0, |tag| tag.index), offset)),
        }
    }

    /// The tag of the frame of a live stream that holds the byte at `offset`, if that is the frame read last or one of
    /// the two after it.
    pub(super) fn near_offset(&self, offset: u64) -> Option<FrameTag> {
        let near = self.near.load(Ordering::Relaxed);
        for index in (near..self.frames).take(3) {
            let tag = self.tag(index).ok().filter(|tag| tag.offset <= offset)?;
            if offset < tag.end()? {
                return Some(tag);
            }
        }
        None
    }

    /// The tag of the last sound frame for which `is_before` holds, which is true up to some frame and false after it;
    /// and, if the frame after that one is damaged, its index.
    pub(super) fn last_where(
        &self,
        is_before: impl Fn(&FrameTag) -> bool,
    ) -> Result<(Option<FrameTag>, Option<u64>), StreamError> {
        let (mut low, mut high): (Option<FrameTag>, Option<FrameTag>) = (None, None);
        loop {
            let first = low.map_or(0, |tag| tag.index + 1);
            let end = high.map_or(self.frames, |tag| tag.index);
            if first >= end {
                return Ok((low, None));
            }
            let middle = first + (end - first) / 2;
            let Some(tag) = self.sound_tag((middle..end).chain((first..middle).rev()))? else {
                return Ok((low, Some(first)));
            };
            self.check_order(low.as_ref(), &tag, &tag)?;
            if let Some(high) = &high {
                self.check_order(Some(&tag), high, &tag)?;
            }
            if is_before(&tag) { low = Some(tag) } else { high = Some(tag) }
        }
    }

    /// The tag of the frame at `index`, remembered or read now.
    fn tag(&self, index: u64) -> Result<FrameTag, StreamError> {
        match self.tags.get(index) {
            Some(tag) => Ok(tag),
            None => self.frame(index).map(|frame| *frame.tag()),
        }
    }

    /// The tag of the first of these frames that is sound.
    fn sound_tag(&self, indexes: impl Iterator<Item = u64>) -> Result<Option<FrameTag>, StreamError> {
        for index in indexes {
            match self.tag(index) {
                Ok(tag) => return Ok(Some(tag)),
                Err(
                    StreamError::Frame { .. }
                    | StreamError::ReadFrame { .. }
                    | StreamError::CutFrame { .. }
                    // The source has been truncated.
                    | StreamError::EndBeforeFinalFrame { .. },
                ) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Refuses the tag of a frame if it contradicts that of a sound neighbour. A tag that passed is remembered, so that
    /// a damaged neighbour is not reread each time.
    pub(super) fn check_neighbours(&self, tag: &FrameTag) -> Result<(), StreamError> {
        if self.tags.agrees(tag.index) {
            return Ok(());
        }
        if let Some(before) = tag.index.checked_sub(1).map(|index| self.sound_tag([index].into_iter())) {
            self.check_order(before?.as_ref(), tag, tag)?;
        }
        if tag.index + 1 < self.frames
            && let Some(after) = self.sound_tag([tag.index + 1].into_iter())?
        {
            self.check_order(Some(tag), &after, tag)?;
        }
        self.tags.insert_agreeing(*tag);
        Ok(())
    }

    /// Refuses the frame with the tag `blamed` unless `after` can follow `before`, given the number of frames between
    /// them. `before` is `None` for the start of the stream.
    fn check_order(&self, before: Option<&FrameTag>, after: &FrameTag, blamed: &FrameTag) -> Result<(), StreamError> {
        let refused = |fault| Err(StreamError::Frame { index: blamed.index, fault });
        let (end, between) = match before {
            Some(before) => {
                if before.time > after.time {
                    return refused(FrameFault::Time(blamed.time));
                }
                (before.end(), after.index.saturating_sub(before.index + 1))
            }
            None => (Some(0), after.index),
        };
        let gap = end.and_then(|end| after.offset.checked_sub(end));
        match gap {
            Some(gap) if gap <= between.saturating_mul(self.payload()) => Ok(()),
            _ => refused(FrameFault::Offset(blamed.offset)),
        }
    }
}
