//! One header copy in a stream: whether it is sound, and what it says.

use super::{
    Features, FrameSize, Header, HeaderLength, MAC_LENGTH, Prefix,
    header::{CHECKSUM_LENGTH, HeaderError, MAGIC, Mangling, RECORDS_START, VERSION, checksum},
    record,
};

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
    use crate::container::IV_LENGTH;

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
