//! How far a stream had got when it was opened, so that a later state of it can be told from another stream.

use std::sync::Arc;

/// The parts of a stream, as far as they had been written.
#[derive(Clone, Debug)]
pub(crate) struct Extent(Arc<[Mark]>);

/// A part: its stream's identity, and where it ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub prefix: [u8; 32],
    pub end: u64,
}

impl Extent {
    pub(super) fn new(marks: impl Iterator<Item = Mark>) -> Self {
        Self(marks.collect())
    }

    /// Where it ended.
    pub fn end(&self) -> u64 {
        self.0.last().map_or(0, |mark| mark.end)
    }

    /// Whether one of the two may be the other after it has grown: every byte that both have is then the same.
    pub fn agrees_with(&self, other: &Self) -> bool {
        let (shorter, longer) = if self.0.len() <= other.0.len() { (self, other) } else { (other, self) };
        let Some((last, before)) = shorter.0.split_last() else { return longer.0.is_empty() };
        let mut of_longer = longer.0.iter();
        let are_same =
            before.iter().zip(&mut of_longer).all(|(one, two)| one.prefix == two.prefix && one.end == two.end);
        let is_longer = longer.0.len() > shorter.0.len();
        // Only the last part grows.
        are_same && of_longer.next().is_some_and(|of| of.prefix == last.prefix && (!is_longer || last.end <= of.end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(marks: &[(u8, u64)]) -> Extent {
        Extent::new(marks.iter().map(|(prefix, end)| Mark { prefix: [*prefix; 32], end: *end }))
    }

    #[test]
    fn a_stream_that_has_grown_agrees_with_itself_and_no_other_does() {
        let first = extent(&[(1, 10), (2, 20)]);
        for grown in
            [extent(&[(1, 10), (2, 25)]), extent(&[(1, 10), (2, 20), (3, 21)]), extent(&[(1, 10)]), first.clone()]
        {
            assert!(first.agrees_with(&grown) && grown.agrees_with(&first), "{grown:?}");
        }
        // Another stream; one that has lost a part at its front; and one whose end was cut off before it went on.
        for other in
            [extent(&[(1, 10), (4, 20)]), extent(&[(2, 10)]), extent(&[(1, 10), (2, 15), (3, 30)]), extent(&[])]
        {
            assert!(!first.agrees_with(&other) && !other.agrees_with(&first), "{other:?}");
        }
    }
}
