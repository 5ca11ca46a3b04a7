//! A set of segment numbers that mostly has no holes.

use std::{collections::BTreeMap, ops::RangeInclusive};

/// Numbers, as ranges that neither overlap nor touch: the last number of each, by its first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NumberRanges(BTreeMap<u64, u64>);

impl NumberRanges {
    pub fn add(&mut self, numbers: RangeInclusive<u64>) {
        if numbers.is_empty() {
            return;
        }
        let (mut first, mut last) = numbers.into_inner();
        // The ones that it overlaps or touches become part of it.
        while let Some((&start, &end)) = self.0.range(..=last.saturating_add(1)).next_back()
            && end.saturating_add(1) >= first
        {
            self.0.remove(&start);
            (first, last) = (first.min(start), last.max(end));
        }
        self.0.insert(first, last);
    }

    /// Whether all of `numbers` are in the set.
    pub fn cover(&self, numbers: &RangeInclusive<u64>) -> bool {
        let before = self.0.range(..=numbers.start()).next_back();
        before.is_some_and(|(_, last)| numbers.start() <= last && numbers.end() <= last)
    }

    pub fn iter(&self) -> impl Iterator<Item = RangeInclusive<u64>> {
        self.0.iter().map(|(first, last)| *first..=*last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_or_overlap_become_one_in_whatever_order_they_come() {
        let mut ranges = NumberRanges::default();
        for numbers in [5..=6, 1..=1, 9..=9, 2..=2, 3..=5, 1..=2] {
            ranges.add(numbers);
        }
        assert!(ranges.iter().eq([1..=6, 9..=9]));
        assert!(ranges.cover(&(1..=6)) && ranges.cover(&(2..=3)) && ranges.cover(&(9..=9)));
        assert!(!ranges.cover(&(6..=7)) && !ranges.cover(&(5..=9)) && !ranges.cover(&(0..=1)));
        ranges.add(RangeInclusive::new(8, 7));
        assert_eq!(ranges.0.len(), 2);
        ranges.add(0..=8);
        assert!(ranges.iter().eq([0..=9]));
        ranges.add(u64::MAX..=u64::MAX);
        ranges.add(11..=20);
        assert!(ranges.iter().eq([0..=9, 11..=20, u64::MAX..=u64::MAX]));
        ranges.add(0..=u64::MAX);
        assert!(ranges.iter().eq([0..=u64::MAX]));
    }
}
