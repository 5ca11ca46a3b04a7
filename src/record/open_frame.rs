//! The frame that is being filled.

use std::time::Instant;

use crate::stage::FrameBuffer;

/// The frame that is being filled.
#[derive(Default)]
pub(super) struct OpenFrame {
    /// `None` while it is being written.
    pub buffer: Option<FrameBuffer>,
    pub filled: usize,
    /// When it is to be written, however full it is.
    pub due: Option<Instant>,
    /// When its first byte arrived, in Unix microseconds, even if it goes to a segment other than the one it was meant
    /// for.
    pub arrived: Option<i64>,
}

impl OpenFrame {
    /// The bytes that it has.
    pub fn payload(&mut self) -> &[u8] {
        let area = self.buffer.as_mut().map(FrameBuffer::payload_area).unwrap_or_default();
        area.get(..self.filled).unwrap_or_default()
    }
}
