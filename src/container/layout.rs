//! Where each frame is: the arithmetic of frame sizes and positions.

use super::HeaderLength;

/// Bytes of a frame's tag.
pub const TAG_LENGTH: usize = 32;
/// Bytes of a frame's MAC.
pub const MAC_LENGTH: usize = 32;
/// Bytes that a frame takes on the wire besides its payload.
pub const FRAME_OVERHEAD: usize = TAG_LENGTH + MAC_LENGTH;

const BLOCK_LENGTH: u64 = 16;
const MAX_STREAM_BLOCKS: u64 = 1 << 48;

/// P, the payload bytes of a full frame: a power of two from 2^12 to 2^24.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameSize {
    log2: u8,
}

impl FrameSize {
    /// 4 KiB.
    pub const MIN: Self = Self { log2: 12 };
    /// 16 MiB.
    pub const MAX: Self = Self { log2: 24 };

    /// The size 2^`log2`, if that is allowed.
    pub const fn from_log2(log2: u8) -> Option<Self> {
        if log2 >= Self::MIN.log2 && log2 <= Self::MAX.log2 { Some(Self { log2 }) } else { None }
    }

    /// The size of `bytes` payload bytes, if that is allowed.
    pub fn from_bytes(bytes: u64) -> Option<Self> {
        if !bytes.is_power_of_two() {
            return None;
        }
        u8::try_from(bytes.ilog2()).ok().and_then(Self::from_log2)
    }

    /// log2 P.
    pub const fn log2(self) -> u8 {
        self.log2
    }

    /// P, in bytes.
    pub const fn payload(self) -> usize {
        1 << self.log2
    }

    /// W = P + 64, in bytes.
    pub const fn wire(self) -> usize {
        self.payload() + FRAME_OVERHEAD
    }

    /// The first AES block of frame `index`, counted from the IV.
    pub const fn first_block(self, index: u64) -> u128 {
        index as u128 * self.blocks() as u128
    }

    /// How many frames a stream may have, so that it stays within 2^48 AES blocks.
    pub const fn max_frames(self) -> u64 {
        MAX_STREAM_BLOCKS / self.blocks()
    }

    const fn blocks(self) -> u64 {
        (self.payload() + TAG_LENGTH) as u64 / BLOCK_LENGTH
    }
}

impl Default for FrameSize {
    fn default() -> Self {
        Self { log2: 16 }
    }
}

/// Positions in one stream. The default: frames of 64 KiB, and header copies of 4096 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// P.
    pub frame_size: FrameSize,
    /// H.
    pub header_length: HeaderLength,
}

/// What a stream's length in bytes says about its frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The index of the last frame.
    pub last_index: u64,
    /// The bytes of the last frame on the wire, 64..W.
    pub last_wire: usize,
}

/// A stream whose length shows that its end is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamCut {
    /// The index of the frame at which the stream ends.
    pub index: u64,
    /// Whether it ends exactly between two frames.
    pub at_boundary: bool,
}

impl Layout {
    /// The position of frame 0: 2H.
    pub const fn frames_start(self) -> u64 {
        2 * self.header_length.bytes() as u64
    }

    /// The position of frame `index` in the stream, from its first byte.
    pub const fn frame_position(self, index: u64) -> u64 {
        self.frames_start().saturating_add(index.saturating_mul(self.frame_size.wire() as u64))
    }

    /// What a stream of `length` bytes holds.
    ///
    /// # Errors
    ///
    /// [`StreamCut`] if it cannot end with a whole last frame.
    pub fn extent(self, length: u64) -> Result<Extent, StreamCut> {
        let wire = self.frame_size.wire() as u64;
        let frames = length.saturating_sub(self.frames_start());
        let (last_index, rest) = (frames / wire, frames % wire);
        if rest < FRAME_OVERHEAD as u64 {
            return Err(StreamCut { index: last_index, at_boundary: rest == 0 });
        }
        Ok(Extent { last_index, last_wire: rest as usize })
    }

    /// The plaintext bytes that a stream of this extent holds, or if it is live, at most.
    pub const fn most_plaintext(self, extent: Extent) -> u64 {
        let last = extent.last_wire.saturating_sub(FRAME_OVERHEAD) as u64;
        extent.last_index.saturating_mul(self.frame_size.payload() as u64).saturating_add(last)
    }

    /// The bytes of the stream that holds `plaintext` bytes in full frames, its header included; `None` if they are more
    /// than a u64 counts.
    pub fn stream_length(self, plaintext: u64) -> Option<u64> {
        let payload = self.frame_size.payload() as u64;
        let full = (plaintext / payload).checked_mul(self.frame_size.wire() as u64)?;
        full.checked_add(plaintext % payload)?.checked_add(FRAME_OVERHEAD as u64 + self.frames_start())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> Layout {
        Layout { frame_size: FrameSize::MIN, header_length: HeaderLength::MIN }
    }

    #[test]
    fn frame_sizes_are_powers_of_two_from_4_kib_to_16_mib() {
        assert_eq!(FrameSize::from_bytes(4096), Some(FrameSize::MIN));
        assert_eq!(FrameSize::from_bytes(1 << 24), Some(FrameSize::MAX));
        for refused in [0, 1, 2048, 4097, 65537, 1 << 25, u64::MAX] {
            assert_eq!(FrameSize::from_bytes(refused), None, "{refused}");
        }
    }

    #[test]
    fn the_length_of_a_stream_gives_back_its_last_frame() {
        for plaintext in [0, 1, 4095, 4096, 4097, 8192, 257 * 4096] {
            let length = layout().stream_length(plaintext).unwrap();
            let extent = layout().extent(length).unwrap();
            assert_eq!(extent.last_index, plaintext / 4096);
            assert_eq!(extent.last_wire as u64, plaintext % 4096 + 64);
            assert_eq!(layout().most_plaintext(extent), plaintext);
        }
    }

    #[test]
    fn a_length_between_or_just_after_frames_is_a_cut() {
        let boundary = layout().frame_position(3);
        assert_eq!(layout().extent(boundary), Err(StreamCut { index: 3, at_boundary: true }));
        assert_eq!(layout().extent(boundary + 63), Err(StreamCut { index: 3, at_boundary: false }));
        assert!(layout().extent(boundary + 64).is_ok());
    }

    #[test]
    fn a_stream_stays_within_two_to_the_48_blocks() {
        let size = FrameSize::default();
        assert!(size.first_block(size.max_frames()) <= 1 << 48);
        assert!(size.first_block(size.max_frames() + 1) > 1 << 48);
    }
}
