//! How long a header copy may be.

use super::{
    MAC_LENGTH,
    header::{CHECKSUM_LENGTH, RECORDS_START},
};

const UNIT: usize = 64;

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

    /// H / 64, as it is written in a header.
    pub(super) const fn units(self) -> u16 {
        self.units
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
