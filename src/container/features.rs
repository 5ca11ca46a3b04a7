//! The feature bits of a stream.

/// A set of feature bits, as bytes 12..16 of the header hold it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features(u32);

impl Features {
    /// No feature.
    pub const NONE: Self = Self(0);
    /// Frames other than the last may hold fewer than P payload bytes, even none.
    pub const LIVE: Self = Self(1);
    /// Every frame carries the time at which its first byte arrived, and the final one carries the time at which the
    /// input ended.
    pub const TIMED: Self = Self(1 << 1);
    /// The bits reserved for private stages, 24..=31.
    pub const PRIVATE: Self = Self(0xff00_0000);

    /// The set with just these bits.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The bits of the set.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether every bit of `other` is in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bits of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The bits of this set that are not in `known`.
    #[must_use]
    pub const fn beyond(self, known: Self) -> Self {
        Self(self.0 & !known.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_united_compared_and_subtracted() {
        let both = Features::LIVE.union(Features::TIMED);
        assert_eq!((both.bits(), both.union(Features::TIMED)), (3, both));
        assert!(both.contains(Features::LIVE) && !Features::LIVE.contains(both) && both.contains(Features::NONE));
        assert_eq!(Features::from_bits(7).beyond(both), Features::from_bits(4));
    }
}
