//! One header copy: its fields, its checksum, its MAC's place.

use thiserror::Error;

use super::{Features, FrameSize, Layout, MAC_LENGTH, Record, RecordError, SegmentRecord, record, segment_record};

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
const UNIT: usize = 64;

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

/// H, the bytes of one header copy: a multiple of 64 from 512 to 65,536.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderLength {
    units: u16,
}

impl HeaderLength {
    /// 512 bytes.
    pub const MIN: Self = Self { units: 8 };
    /// 65,536 bytes.
    pub const MAX: Self = Self { units: 1024 };

    /// The length of `units` × 64 bytes, if that is allowed.
    pub const fn from_units(units: u16) -> Option<Self> {
        if units >= Self::MIN.units && units <= Self::MAX.units { Some(Self { units }) } else { None }
    }

    /// H, in bytes.
    pub const fn bytes(self) -> usize {
        self.units as usize * UNIT
    }

    /// Bytes that a header of this length has for its records.
    pub const fn record_area(self) -> usize {
        self.bytes() - RECORDS_START - MAC_LENGTH - CHECKSUM_LENGTH
    }

    /// This length or, if records of `bytes` do not fit, the shortest multiple of 4096 bytes in which they do;
    /// [`HeaderLength::MAX`] if they fit in none.
    pub fn at_least_for(self, bytes: usize) -> Self {
        let fits = |length: &Self| length.record_area() >= bytes;
        if fits(&self) {
            return self;
        }
        let multiples = (1..=16).filter_map(|count| Self::from_units(64 * count));
        multiples.filter(|length| length.units >= self.units).find(fits).unwrap_or(Self::MAX)
    }

    /// Every allowed length, the shortest first.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (Self::MIN.units..=Self::MAX.units).map(|units| Self { units })
    }
}

impl Default for HeaderLength {
    fn default() -> Self {
        Self { units: 64 }
    }
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
        bytes[32..34].copy_from_slice(&self.length.units.to_le_bytes());
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

/// The bytes of a sound copy: magic, version, P, H and checksum are correct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderCopy {
    bytes: Vec<u8>,
    frame_size: FrameSize,
    length: HeaderLength,
}

/// A copy that was examined.
pub(super) enum Examined {
    Sound(HeaderCopy),
    /// More bytes are needed: this many.
    Need(usize),
    Faulty(HeaderError),
}

impl HeaderCopy {
    /// Examines the copy at the start of `bytes`.
    pub(super) fn examine(bytes: &[u8]) -> Examined {
        match Self::examine_fields(bytes) {
            Ok(examined) => examined,
            Err(error) => Examined::Faulty(error),
        }
    }

    fn examine_fields(bytes: &[u8]) -> Result<Examined, HeaderError> {
        let start = bytes.get(..MAGIC.len()).unwrap_or(bytes);
        if !MAGIC.starts_with(start) {
            return Err(HeaderError::NotReelseal(mangling(bytes)));
        }
        let Some(fixed) = bytes.first_chunk::<RECORDS_START>() else {
            return Ok(Examined::Need(HeaderLength::MIN.bytes()));
        };
        if fixed[8] != VERSION {
            return Err(HeaderError::Version(fixed[8]));
        }
        let frame_size = FrameSize::from_log2(fixed[9]).ok_or(HeaderError::FrameSize(fixed[9]))?;
        let units = u16::from_le_bytes([fixed[32], fixed[33]]);
        let length = HeaderLength::from_units(units).ok_or(HeaderError::HeaderLength(units))?;
        let Some(bytes) = bytes.get(..length.bytes()) else {
            return Ok(Examined::Need(length.bytes()));
        };
        let (checked, found) = bytes.split_at(bytes.len() - CHECKSUM_LENGTH);
        if checksum(checked) != found {
            return Err(HeaderError::Damaged);
        }
        Ok(Examined::Sound(Self { bytes: bytes.to_vec(), frame_size, length }))
    }

    /// H.
    pub fn length(&self) -> HeaderLength {
        self.length
    }

    /// The copy's generation.
    pub fn generation(&self) -> u64 {
        u64::from_le_bytes(self.fixed(40))
    }

    /// The bytes that the header MAC covers.
    pub fn authenticated(&self) -> &[u8] {
        &self.bytes[..self.mac_start()]
    }

    /// The header MAC that the copy carries.
    pub fn mac(&self) -> [u8; MAC_LENGTH] {
        self.fixed(self.mac_start())
    }

    /// Parses the copy for a reader that knows the features `known`.
    ///
    /// # Errors
    ///
    /// [`HeaderError`] for an unknown feature, a reserved byte that is not zero, malformed records, or an unknown
    /// critical record.
    pub fn parse(self, known: Features) -> Result<ParsedHeader, HeaderError> {
        let features = Features::from_bits(u32::from_le_bytes(self.fixed(12)));
        let unknown = features.beyond(known);
        if unknown != Features::NONE {
            return Err(HeaderError::UnknownFeatures(unknown));
        }
        if self.fixed::<2>(10) != [0; 2] || self.fixed::<6>(34) != [0; 6] {
            return Err(HeaderError::ReservedNotZero);
        }
        let header = Header {
            prefix: Prefix { frame_size: self.frame_size, features, iv: self.fixed(16) },
            length: self.length,
            generation: self.generation(),
            records: record::parse(&self.bytes[RECORDS_START..self.mac_start()])?,
        };
        Ok(ParsedHeader { copy: self, header })
    }

    fn mac_start(&self) -> usize {
        self.bytes.len() - CHECKSUM_LENGTH - MAC_LENGTH
    }

    #[expect(clippy::expect_used, reason = "a sound copy is at least 512 bytes and every field lies inside it")]
    fn fixed<const N: usize>(&self, at: usize) -> [u8; N] {
        *self.bytes[at..].first_chunk().expect("the field lies inside the copy")
    }
}

/// A header together with the sound copy it was parsed from. Only [`HeaderCopy::parse`] makes one, so that the MAC of
/// one copy can never vouch for the fields of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedHeader {
    copy: HeaderCopy,
    header: Header,
}

impl ParsedHeader {
    /// The copy as it is in the stream, all H bytes of it.
    pub fn bytes(&self) -> &[u8] {
        &self.copy.bytes
    }

    /// The header's fields. They are not known to be authentic until the MAC is verified.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The header's fields, without the copy.
    pub fn into_header(self) -> Header {
        self.header
    }

    /// The bytes that the header MAC covers.
    pub fn authenticated(&self) -> &[u8] {
        self.copy.authenticated()
    }

    /// The header MAC that the copy carries.
    pub fn mac(&self) -> [u8; MAC_LENGTH] {
        self.copy.mac()
    }
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_LENGTH] {
    let mut checksum = [0; CHECKSUM_LENGTH];
    checksum.copy_from_slice(&blake3::hash(bytes).as_bytes()[..CHECKSUM_LENGTH]);
    checksum
}

fn mangling(bytes: &[u8]) -> Option<Mangling> {
    const NAME: &[u8] = b"RSL";
    let holds_name = |bytes: &[u8]| bytes.windows(NAME.len()).any(|window| window == NAME);
    let start = &bytes[..bytes.len().min(16)];
    match start {
        [0xff, 0xfe, rest @ ..] if holds_name(&rest.iter().step_by(2).copied().collect::<Vec<_>>()) => {
            Some(Mangling::Utf16)
        }
        [0xfe, 0xff, _, rest @ ..] if holds_name(&rest.iter().step_by(2).copied().collect::<Vec<_>>()) => {
            Some(Mangling::Utf16)
        }
        _ if holds_name(&start[..start.len().min(8)]) => Some(Mangling::Text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::Predecessor;

    fn header() -> Header {
        Header {
            prefix: Prefix { frame_size: FrameSize::MIN, features: Features::TIMED, iv: [7; IV_LENGTH] },
            length: HeaderLength::MIN,
            generation: 1,
            records: Vec::new(),
        }
    }

    fn known() -> Features {
        Features::LIVE.union(Features::TIMED)
    }

    fn sound(bytes: &[u8]) -> HeaderCopy {
        match HeaderCopy::examine(bytes) {
            Examined::Sound(copy) => copy,
            Examined::Need(more) => panic!("needs {more}"),
            Examined::Faulty(error) => panic!("{error}"),
        }
    }

    #[test]
    fn a_header_comes_back_as_it_was_written() {
        let bytes = header().encode(|_| [5; 32]).unwrap();
        let copy = sound(&bytes);
        assert_eq!(copy.mac(), [5; 32]);
        let parsed = copy.parse(known()).unwrap();
        assert_eq!((parsed.header(), parsed.mac()), (&header(), [5; 32]));
        assert_eq!(parsed.authenticated(), &bytes[..bytes.len() - 48]);
        assert_eq!(parsed.into_header().encode(|_| [5; 32]).unwrap(), bytes);
    }

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
            let prefix = Prefix { features, ..header().prefix };
            Header { prefix, records: vec![(&record).into(); count], ..header() }.segment()
        };
        assert_eq!(segment(known(), 1), Some(record));
        assert_eq!(segment(known().union(Features::from_bits(1 << 24)), 1), Some(record));
        for (features, count) in
            [(Features::LIVE, 1), (Features::TIMED, 1), (Features::NONE, 1), (known(), 0), (known(), 2)]
        {
            assert_eq!(segment(features, count), None, "{features:?}, {count}");
        }
    }

    #[test]
    fn every_flipped_bit_of_a_copy_makes_it_unsound() {
        let bytes = header().encode(|_| [5; 32]).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!matches!(HeaderCopy::examine(&flipped), Examined::Sound(_)), "bit {bit}");
        }
    }

    #[test]
    fn unknown_features_are_refused() {
        let bytes = header().encode(|_| [0; 32]).unwrap();
        assert_eq!(sound(&bytes).parse(Features::LIVE), Err(HeaderError::UnknownFeatures(Features::TIMED)));
    }

    #[test]
    fn age_290_a_copy_mangled_as_text_is_recognised() {
        let mangled = |bytes: &[u8]| match HeaderCopy::examine(bytes) {
            Examined::Faulty(HeaderError::NotReelseal(mangling)) => mangling,
            _ => None,
        };
        assert_eq!(mangled(b"\x89RSL\n\x1a\n\x01\x10"), Some(Mangling::Text));
        assert_eq!(mangled(b"\xc2\x89RSL\r\n\x1a\n"), Some(Mangling::Text));
        assert_eq!(mangled(b"\xff\xfe\xeb\0R\0S\0L\0\r\0\n\0"), Some(Mangling::Utf16));
        assert_eq!(mangled(b"\xfe\xff\0\xeb\0R\0S\0L\0\r\0\n"), Some(Mangling::Utf16));
        assert_eq!(mangled(b"\xff\xfeh\0e\0l\0l\0o\0"), None);
        assert_eq!(mangled(b"\xfe\xff\0h\0e\0l\0l\0o"), None);
        assert_eq!(mangled(b"ftypisom"), None);
    }
}
