//! The record of a segment: its recording, its number, and how the segment before it ended.

use super::{MAC_LENGTH, Record};

/// Bytes of a recording's id.
pub const RECORDING_ID_LENGTH: usize = 16;

pub(super) const KIND: u8 = 0x80;
const LINK_LENGTH: usize = 32;
const LINKED_LENGTH: usize = RECORDING_ID_LENGTH + 8 + 8 + 8 + MAC_LENGTH + 4;
const BODY_LENGTH: usize = LINKED_LENGTH + LINK_LENGTH;
const FLAG_FINAL: u32 = 1;

/// What a segment says about its place in a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentRecord {
    /// The recording: random bytes, the same in all its segments.
    pub recording: [u8; RECORDING_ID_LENGTH],
    /// The segment's number, from 1.
    pub number: u64,
    /// The position of the segment's first byte in the plaintext of the whole recording.
    pub offset: u64,
    /// How the segment before this one ended; all zeros for the first.
    pub predecessor: Predecessor,
    /// Keyed BLAKE3 over all other fields, this stream's prefix and its segment key, by
    /// [`LinkKey`](crate::keys::LinkKey) of the segment before; zeros in the first.
    pub link: [u8; LINK_LENGTH],
}

/// How a segment ended, as its writer knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Predecessor {
    /// How many frames were written to it.
    pub frames: u64,
    /// The MAC of the last of them; zeros if there are none.
    pub mac: [u8; MAC_LENGTH],
    /// Whether that was the final frame.
    pub is_final: bool,
}

impl SegmentRecord {
    /// The fields that the link covers.
    pub fn linked_fields(&self) -> [u8; LINKED_LENGTH] {
        let mut bytes = [0; LINKED_LENGTH];
        let Predecessor { frames, mac, is_final } = self.predecessor;
        bytes[..16].copy_from_slice(&self.recording);
        bytes[16..24].copy_from_slice(&self.number.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.offset.to_le_bytes());
        bytes[32..40].copy_from_slice(&frames.to_le_bytes());
        bytes[40..72].copy_from_slice(&mac);
        bytes[72..].copy_from_slice(&if is_final { FLAG_FINAL } else { 0 }.to_le_bytes());
        bytes
    }

    /// The fields in `record`; `None` if it has another form, or if they contradict each other.
    pub(super) fn decode(record: &Record) -> Option<Self> {
        let body: &[u8; BODY_LENGTH] = record.body().try_into().ok()?;
        let (recording, rest) = body.split_first_chunk()?;
        let (number, rest) = rest.split_first_chunk()?;
        let (offset, rest) = rest.split_first_chunk()?;
        let (frames, rest) = rest.split_first_chunk()?;
        let (mac, rest) = rest.split_first_chunk()?;
        let (flags, rest) = rest.split_first_chunk()?;
        let link = rest.first_chunk()?;
        let is_final = match u32::from_le_bytes(*flags) {
            0 => false,
            FLAG_FINAL => true,
            _ => return None,
        };
        let predecessor = Predecessor { frames: u64::from_le_bytes(*frames), mac: *mac, is_final };
        let number = u64::from_le_bytes(*number);
        let record =
            Self { recording: *recording, number, offset: u64::from_le_bytes(*offset), predecessor, link: *link };
        record.is_consistent().then_some(record)
    }

    /// The first segment has no predecessor, and a predecessor without frames has no MAC.
    fn is_consistent(&self) -> bool {
        let nothing = Predecessor::default();
        match self.number {
            0 => false,
            1 => self.offset == 0 && self.predecessor == nothing && self.link == [0; LINK_LENGTH],
            _ => self.predecessor.frames > 0 || self.predecessor == nothing,
        }
    }
}

impl From<&SegmentRecord> for Record {
    fn from(record: &SegmentRecord) -> Self {
        Self::new(KIND, [record.linked_fields().as_slice(), &record.link].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn third() -> SegmentRecord {
        let predecessor = Predecessor { frames: 0x0102, mac: [6; 32], is_final: true };
        SegmentRecord { recording: [5; 16], number: 3, offset: 0x0304, predecessor, link: [7; 32] }
    }

    fn first() -> SegmentRecord {
        let predecessor = Predecessor::default();
        SegmentRecord { recording: [5; 16], number: 1, offset: 0, predecessor, link: [0; 32] }
    }

    #[test]
    fn a_segment_is_108_bytes_of_fields_in_order() {
        let record = Record::from(&third());
        let expected = [
            [5; 16].as_slice(),
            &[3, 0, 0, 0, 0, 0, 0, 0],
            &[4, 3, 0, 0, 0, 0, 0, 0],
            &[2, 1, 0, 0, 0, 0, 0, 0],
            &[6; 32],
            &[1, 0, 0, 0],
            &[7; 32],
        ]
        .concat();
        assert_eq!((record.kind(), record.body()), (0x80, expected.as_slice()));
        assert_eq!(SegmentRecord::decode(&record), Some(third()));
        assert_eq!(SegmentRecord::decode(&Record::from(&first())), Some(first()));
    }

    #[test]
    fn a_record_that_contradicts_itself_makes_no_segment() {
        let refused = |record: SegmentRecord| SegmentRecord::decode(&Record::from(&record)).is_none();
        assert!(refused(SegmentRecord { number: 0, ..first() }));
        assert!(refused(SegmentRecord { offset: 1, ..first() }));
        assert!(refused(SegmentRecord { link: [1; 32], ..first() }));
        assert!(refused(SegmentRecord { predecessor: third().predecessor, ..first() }));
        let no_frame = Predecessor { frames: 0, ..third().predecessor };
        assert!(refused(SegmentRecord { predecessor: no_frame, ..third() }));
        let nothing = SegmentRecord { predecessor: Predecessor::default(), ..third() };
        assert_eq!(SegmentRecord::decode(&Record::from(&nothing)), Some(nothing));
    }

    #[test]
    fn a_record_of_another_length_or_with_unknown_flags_makes_no_segment() {
        let body = Record::from(&third()).body().to_vec();
        for length in [0, 107] {
            assert_eq!(SegmentRecord::decode(&Record::new(KIND, body[..length].to_vec())), None);
        }
        assert_eq!(SegmentRecord::decode(&Record::new(KIND, [body.as_slice(), &[0]].concat())), None);
        for at in 72..76 {
            let mut flags = body.clone();
            flags[at] |= 2;
            assert_eq!(SegmentRecord::decode(&Record::new(KIND, flags)), None, "{at}");
        }
    }
}
