//! A set of segment numbers that mostly has no holes.

use std::ops::RangeInclusive;

/// The numbers as ranges, in order, that neither overlap nor touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NumberRanges(Vec<RangeInclusive<u64>>);

impl NumberRanges {
    pub fn add(&mut self, numbers: RangeInclusive<u64>) {
        if numbers.is_empty() {
            return;
        }
        self.0.push(numbers);
        self.0.sort_unstable_by_key(|numbers| *numbers.start());
        self.0.dedup_by(|later, numbers| {
            let goes_on = *later.start() <= numbers.end().saturating_add(1);
            if goes_on {
                *numbers = *numbers.start()..=*numbers.end().max(later.end());
            }
            goes_on
        });
    }

    /// Whether all of `numbers` are in the set.
    pub fn cover(&self, numbers: &RangeInclusive<u64>) -> bool {
        self.0.iter().any(|ours| ours.contains(numbers.start()) && ours.contains(numbers.end()))
    }

    pub fn iter(&self) -> impl Iterator<Item = &RangeInclusive<u64>> {
        self.0.iter()
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
        assert_eq!(ranges.0, [1..=6, 9..=9]);
        assert!(ranges.cover(&(1..=6)) && ranges.cover(&(2..=3)) && ranges.cover(&(9..=9)));
        assert!(!ranges.cover(&(6..=7)) && !ranges.cover(&(5..=9)) && !ranges.cover(&(0..=1)));
        ranges.add(RangeInclusive::new(8, 7));
        assert_eq!(ranges.0.len(), 2);
        ranges.add(0..=u64::MAX);
        assert_eq!(ranges.0, [0..=u64::MAX]);
    }
}
