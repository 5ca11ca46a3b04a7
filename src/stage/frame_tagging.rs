//! Frame tagging: index, time, offset, length and flags before the payload.

use super::{FrameFault, FrameParts, Stage};
use crate::container::{Features, FrameTag, TAG_LENGTH};

/// Puts the tag before the payload, and refuses one that does not belong there.
pub struct FrameTagging {
    features: Features,
}

impl FrameTagging {
    /// Tagging in a stream with `features`.
    pub fn new(features: Features) -> Self {
        Self { features }
    }
}

impl Stage for FrameTagging {
    fn seal(&self, frame: &mut FrameParts) {
        let tag = frame.tag.encode();
        frame.text_mut()[..TAG_LENGTH].copy_from_slice(&tag);
    }

    fn open(&self, frame: &mut FrameParts) -> Result<(), FrameFault> {
        let Some(tag) = frame.text().first_chunk::<TAG_LENGTH>() else { return Err(FrameFault::Length(0)) };
        frame.tag = FrameTag::decode(tag);
        self.check(frame)
    }
}

impl FrameTagging {
    fn check(&self, frame: &FrameParts) -> Result<(), FrameFault> {
        let tag = frame.tag;
        let (live, timed) = (self.features.contains(Features::LIVE), self.features.contains(Features::TIMED));
        if tag.index != frame.index() {
            return Err(FrameFault::Index(tag.index));
        }
        if tag.flags.unknown_critical() != 0 {
            return Err(FrameFault::UnknownFlags(tag.flags.unknown_critical()));
        }
        match (frame.is_full(), tag.flags.is_final()) {
            (true, true) => return Err(FrameFault::FinalButFull),
            (false, false) => return Err(FrameFault::NotFinal),
            (true, false) if tag.flags.is_interrupted() => return Err(FrameFault::NotFinal),
            _ => {}
        }
        let field = frame.payload_field_length();
        let length = tag.length as usize;
        let may_be_short = live && frame.is_full();
        if length > field || (length < field && !may_be_short) {
            return Err(FrameFault::Length(tag.length));
        }
        // In a live stream, each offset continues the one before, which is checked at the frame's turn.
        if !live && !self.is_offset_of(frame) {
            return Err(FrameFault::Offset(tag.offset));
        }
        if timed != (tag.time > 0) || (!timed && tag.time != 0) {
            return Err(FrameFault::Time(tag.time));
        }
        if frame.padding().iter().any(|&byte| byte != 0) {
            return Err(FrameFault::Padding);
        }
        Ok(())
    }

    fn is_offset_of(&self, frame: &FrameParts) -> bool {
        frame.index().checked_mul(frame.full_payload() as u64) == Some(frame.tag.offset)
    }
}
