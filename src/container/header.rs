//! What a header says, and how that is written.

use thiserror::Error;

use super::{
    Features, FrameSize, HeaderLength, Layout, MAC_LENGTH, Record, RecordError, SegmentRecord, record, segment_record,
};

/// Bytes of the prefix, which is never rewritten and is bound into every frame key.
pub const PREFIX_LENGTH: usize = 32;
/// Bytes of the IV.
pub const IV_LENGTH: usize = 16;
/// Bytes of the unkeyed checksum at a copy's end.
pub const CHECKSUM_LENGTH: usize = 16;
/// The version of the format.
pub const VERSION: u8 = 1;

pub(super) const MAGIC: [u8; 8] = [0x89, b'R', b'S', b'L', b'\r', b'\n', 0x1a, b'\n'];
pub(super) const RECORDS_START: usize = 48;

/// How a text tool mangled a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mangling {
    /// Re-encoded as UTF-16, as PowerShell's `>` does.
    Utf16,
    /// Line endings or high bytes changed.
    Text,
}

/// Why a header is refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderError {
    /// The magic is missing.
    #[error("not a reelseal stream")]
    NotReelseal(
        /// What a text tool seems to have done to the stream, if anything.
        Option<Mangling>,
    ),
    /// The stream ends inside its header.
    #[error("the stream ends inside its header")]
    Cut,
    /// A version that this reader does not know.
    #[error("reelseal format version {0} is not supported")]
    Version(u8),
    /// log2 P out of range.
    #[error("the frame size 2^{0} in the header is out of range")]
    FrameSize(u8),
    /// H out of range.
    #[error("the header length {0} × 64 in the header is out of range")]
    HeaderLength(u16),
    /// No copy has a correct checksum.
    #[error("both header copies are damaged")]
    Damaged,
    /// Feature bits that the reader does not know.
    #[error("the stream uses unknown features {:#010x}", .0.bits())]
    UnknownFeatures(Features),
    /// A reserved byte is not zero.
    #[error("a reserved byte in the header is not zero")]
    ReservedNotZero,
    /// The records are malformed, or one of them is critical and unknown.
    #[error(transparent)]
    Records(#[from] RecordError),
}

/// Bytes 0..32 of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// P.
    pub frame_size: FrameSize,
    /// The stream's features.
    pub features: Features,
    /// The initial AES counter, big-endian.
    pub iv: [u8; IV_LENGTH],
}

impl Prefix {
    /// The prefix as it is in the stream.
    pub fn encode(&self) -> [u8; PREFIX_LENGTH] {
        let mut bytes = [0; PREFIX_LENGTH];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8] = VERSION;
        bytes[9] = self.frame_size.log2();
        bytes[12..16].copy_from_slice(&self.features.bits().to_le_bytes());
        bytes[16..].copy_from_slice(&self.iv);
        bytes
    }
}

/// What a header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The part that is never rewritten.
    pub prefix: Prefix,
    /// H.
    pub length: HeaderLength,
    /// 1 at first, plus one at each rewrite.
    pub generation: u64,
    /// Key slots and other records.
    pub records: Vec<Record>,
}

impl Header {
    /// Where the frames of this stream are.
    pub fn layout(&self) -> Layout {
        Layout { frame_size: self.prefix.frame_size, header_length: self.length }
    }

    /// The record that makes the stream a segment of a recording, if it is one: a segment is live and timed, and has
    /// exactly one such record, in a valid form.
    pub fn segment(&self) -> Option<SegmentRecord> {
        if !self.prefix.features.contains(Features::LIVE.union(Features::TIMED)) {
            return None;
        }
        let mut found = self.records.iter().filter(|record| record.kind() == segment_record::KIND);
        let record = found.next()?;
        if found.next().is_some() { None } else { SegmentRecord::decode(record) }
    }

    /// One copy's bytes, authenticated by `mac` over everything before the MAC.
    ///
    /// # Errors
    ///
    /// [`RecordError::NoRoom`] if the records do not fit into H.
    pub fn encode(&self, mac: impl FnOnce(&[u8]) -> [u8; MAC_LENGTH]) -> Result<Vec<u8>, RecordError> {
        let mut bytes = vec![0; self.length.bytes()];
        let mac_start = bytes.len() - CHECKSUM_LENGTH - MAC_LENGTH;
        bytes[..PREFIX_LENGTH].copy_from_slice(&self.prefix.encode());
        bytes[32..34].copy_from_slice(&self.length.units().to_le_bytes());
        bytes[40..RECORDS_START].copy_from_slice(&self.generation.to_le_bytes());
        record::write(&self.records, &mut bytes[RECORDS_START..mac_start])?;
        let mac = mac(&bytes[..mac_start]);
        let checksum_start = mac_start + MAC_LENGTH;
        bytes[mac_start..checksum_start].copy_from_slice(&mac);
        let checksum = checksum(&bytes[..checksum_start]);
        bytes[checksum_start..].copy_from_slice(&checksum);
        Ok(bytes)
    }
}

/// The unkeyed checksum of `bytes`, which are a copy without its checksum.
pub(super) fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_LENGTH] {
    let mut checksum = [0; CHECKSUM_LENGTH];
    checksum.copy_from_slice(&blake3::hash(bytes).as_bytes()[..CHECKSUM_LENGTH]);
    checksum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::Predecessor;

    #[test]
    fn a_segment_is_live_and_timed_and_has_one_record_that_says_so() {
        let record = SegmentRecord {
            recording: [5; 16],
            number: 1,
            offset: 0,
            predecessor: Predecessor::default(),
            link: [0; 32],
        };
        let segment = |features, count| {
            let prefix = Prefix { frame_size: FrameSize::MIN, features, iv: [7; IV_LENGTH] };
            let records = vec![(&record).into(); count];
            Header { prefix, length: HeaderLength::MIN, generation: 1, records }.segment()
        };
        let segments = Features::LIVE.union(Features::TIMED);
        assert_eq!(segment(segments, 1), Some(record));
        assert_eq!(segment(segments.union(Features::from_bits(1 << 24)), 1), Some(record));
        for (features, count) in
            [(Features::LIVE, 1), (Features::TIMED, 1), (Features::NONE, 1), (segments, 0), (segments, 2)]
        {
            assert_eq!(segment(features, count), None, "{features:?}, {count}");
        }
    }
}
