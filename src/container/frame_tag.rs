//! The tag in front of every payload: index, time, offset, length and flags.

use super::{TAG_LENGTH, field::field};

/// The flags of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TagFlags(u32);

impl TagFlags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// The last frame of the stream.
    pub const FINAL: Self = Self(1);
    /// The stream was ended by an interruption; only together with [`TagFlags::FINAL`].
    pub const INTERRUPTED: Self = Self(1 << 1);
    /// Another segment of the recording follows; only together with [`TagFlags::FINAL`]. Advisory.
    pub const CONTINUED: Self = Self(1 << 16);
    const CRITICAL: u32 = 0xffff;

    /// The flags with just these bits.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The bits.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The flags of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the final bit is set.
    pub const fn is_final(self) -> bool {
        self.0 & Self::FINAL.0 != 0
    }

    /// Whether the interruption bit is set.
    pub const fn is_interrupted(self) -> bool {
        self.0 & Self::INTERRUPTED.0 != 0
    }

    /// Whether the continued bit is set: another segment follows.
    pub const fn is_continued(self) -> bool {
        self.0 & Self::CONTINUED.0 != 0
    }

    /// The critical bits (0..=15) that version 1 does not define.
    pub const fn unknown_critical(self) -> u32 {
        self.0 & Self::CRITICAL & !(Self::FINAL.0 | Self::INTERRUPTED.0)
    }
}

/// A frame's tag; 32 bytes on the wire, encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameTag {
    /// The frame's place in the stream, from 0.
    pub index: u64,
    /// Unix time in microseconds at which the payload's first byte arrived, or in the final frame at which the input
    /// ended; 0 in a stream that is not timed.
    pub time: i64,
    /// The position of the payload's first byte in the plaintext, in bytes.
    pub offset: u64,
    /// The number of payload bytes; a live frame's payload field may be longer.
    pub length: u32,
    /// Final, interrupted, continued.
    pub flags: TagFlags,
}

impl FrameTag {
    /// Where the payload ends in the plaintext, if that fits in 64 bits.
    pub fn end(&self) -> Option<u64> {
        self.offset.checked_add(self.length.into())
    }

    /// The tag as it is on the wire before encryption.
    pub fn encode(&self) -> [u8; TAG_LENGTH] {
        let mut bytes = [0; TAG_LENGTH];
        bytes[..8].copy_from_slice(&self.index.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.time.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.offset.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.length.to_le_bytes());
        bytes[28..].copy_from_slice(&self.flags.bits().to_le_bytes());
        bytes
    }

    /// The tag in `bytes`; any bytes are a valid tag.
    pub fn decode(bytes: &[u8; TAG_LENGTH]) -> Self {
        let (index, rest) = field(bytes);
        let (time, rest) = field(rest);
        let (offset, rest) = field(rest);
        let (length, rest) = field(rest);
        let (flags, _) = field(rest);
        Self {
            index: u64::from_le_bytes(index),
            time: i64::from_le_bytes(time),
            offset: u64::from_le_bytes(offset),
            length: u32::from_le_bytes(length),
            flags: TagFlags::from_bits(u32::from_le_bytes(flags)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_ends_at_its_offset_plus_its_length_unless_that_overflows() {
        let end = |offset, length| FrameTag { offset, length, ..FrameTag::default() }.end();
        assert_eq!((end(7, 5), end(u64::MAX, 0), end(u64::MAX, 1)), (Some(12), Some(u64::MAX), None));
    }

    #[test]
    fn a_tag_is_five_little_endian_fields() {
        let tag =
            FrameTag { index: 0x0102, time: -2, offset: 0x0304_0506_0708, length: 0x090a, flags: TagFlags::FINAL };
        let bytes = tag.encode();
        assert_eq!(bytes[..2], [2, 1]);
        assert_eq!(bytes[8..16], [0xfe, 255, 255, 255, 255, 255, 255, 255]);
        assert_eq!(bytes[16..22], [8, 7, 6, 5, 4, 3]);
        assert_eq!(bytes[24..32], [0x0a, 9, 0, 0, 1, 0, 0, 0]);
        assert_eq!(FrameTag::decode(&bytes), tag);
    }

    #[test]
    fn flags_2_to_15_are_unknown_and_critical_one_by_one_and_no_other_is() {
        let critical = (0..32).filter(|bit| TagFlags::from_bits(1 << bit).unknown_critical() != 0);
        assert_eq!(critical.collect::<Vec<_>>(), (2..16).collect::<Vec<_>>());
    }

    #[test]
    fn only_the_low_sixteen_flags_are_critical() {
        assert_eq!(TagFlags::from_bits(0xffff_0003).unknown_critical(), 0);
        assert_eq!(TagFlags::from_bits(0x8004).unknown_critical(), 0x8004);
    }
}
