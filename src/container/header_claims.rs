//! What the first bytes of a stream claim, when no copy is sound or none is known to be.

use super::{
    Features, FrameSize, HeaderLength,
    header::{MAGIC, RECORDS_START, VERSION},
};

/// The fields of a header as they were read, each on its own. None of them is known to be true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderClaims {
    /// The format's version; if it is not 1, the rest may mean something else.
    pub version: u8,
    /// P, if that is allowed.
    pub frame_size: Option<FrameSize>,
    /// The feature bits.
    pub features: Features,
    /// H, if that is allowed.
    pub header_length: Option<HeaderLength>,
}

impl HeaderClaims {
    /// The number of bytes at the start of a stream that are examined.
    pub const LENGTH: usize = RECORDS_START;

    /// Whether the other fields mean what this reader thinks they mean.
    pub fn is_of_known_version(&self) -> bool {
        self.version == VERSION
    }

    /// The claims at the start of `bytes`; `None` without the magic, or if there are fewer than
    /// [`HeaderClaims::LENGTH`].
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::LENGTH] = bytes.first_chunk()?;
        if !bytes.starts_with(&MAGIC) {
            return None;
        }
        let features = u32::from_le_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]);
        Some(Self {
            version: bytes[8],
            frame_size: FrameSize::from_log2(bytes[9]),
            features: Features::from_bits(features),
            header_length: HeaderLength::from_units(u16::from_le_bytes([bytes[32], bytes[33]])),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Header, IV_LENGTH, Prefix};
    use super::*;

    #[test]
    fn a_damaged_header_still_claims_what_is_readable() {
        let prefix = Prefix { frame_size: FrameSize::MIN, features: Features::LIVE, iv: [7; IV_LENGTH] };
        let header = Header { prefix, length: HeaderLength::MIN, generation: 1, records: Vec::new() };
        let mut bytes = header.encode(|_| [0; 32]).unwrap();
        (bytes[9], bytes[100]) = (77, 1);
        let claims = HeaderClaims::read(&bytes).unwrap();
        assert_eq!((claims.version, claims.frame_size, claims.features), (1, None, Features::LIVE));
        assert_eq!(claims.header_length, Some(HeaderLength::MIN));
        assert_eq!(HeaderClaims::read(&bytes[..47]), None);
        bytes[0] = 0;
        assert_eq!(HeaderClaims::read(&bytes), None);
    }
}
