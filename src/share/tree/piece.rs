//! A piece of plaintext, whose memory is reused.

use std::{ops::Range, sync::Arc};

use super::memory::Memory;
use crate::{container::FrameSize, stream::VerifiedFrame};

/// Plaintext that was asked for, from a single frame. Its memory is reused when it is dropped.
pub(crate) struct Piece {
    pub(super) bytes: Bytes,
    pub(super) within: Range<usize>,
    pub(super) memory: Arc<Memory>,
}

pub(super) enum Bytes {
    Own(Option<VerifiedFrame>, FrameSize),
    Cached(Arc<VerifiedFrame>),
    Copied(Vec<u8>),
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        let bytes = match &self.bytes {
            Bytes::Own(frame, _) => frame.as_ref().map_or(&[][..], VerifiedFrame::payload),
            Bytes::Cached(frame) => frame.payload(),
            Bytes::Copied(bytes) => bytes,
        };
        bytes.get(self.within.clone()).unwrap_or_default()
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if let Bytes::Own(frame, frame_size) = &mut self.bytes
            && let Some(frame) = frame.take()
        {
            self.memory.give_back(frame.into_buffer(), *frame_size);
        }
    }
}
