//! The record of a resealing: what was missing from the stream that this one was made from.

use std::ops::Range;

use super::Record;

const KIND: u8 = 0x81;
const VERSION: u8 = 1;
const FIXED_LENGTH: usize = 12;
const GAP_LENGTH: usize = 16;
const END_LOST: u8 = 1;
const LEFT_OUT: u8 = 1 << 1;

/// What was missing from a stream when it was sealed again under new keys. Advisory, as all records of its kind are: a
/// reader that cannot make sense of one ignores it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resealing {
    /// Whether the end was missing.
    pub end_lost: bool,
    /// Whether missing bytes were left out. Otherwise they are zeros.
    pub left_out: bool,
    /// The ranges of the old stream's plaintext that were missing: ascending, not touching, and not empty.
    pub gaps: Vec<Range<u64>>,
    /// How many more ranges were missing, which are not listed.
    pub unlisted: u64,
}

impl Resealing {
    /// The most gaps that a record written by this library lists.
    pub const MOST_GAPS: usize = 64;

    /// The record. Its gaps must be as [`Resealing::gaps`] says, and at most [`Resealing::MOST_GAPS`].
    pub fn to_record(&self) -> Record {
        let flags = if self.end_lost { END_LOST } else { 0 } | if self.left_out { LEFT_OUT } else { 0 };
        let mut body = vec![VERSION, flags, 0, 0];
        body.extend(self.unlisted.to_le_bytes());
        for gap in &self.gaps {
            body.extend(gap.start.to_le_bytes());
            body.extend(gap.end.to_le_bytes());
        }
        Record::new(KIND, body)
    }

    /// Whether `record` is of this kind, whatever its content.
    pub fn is(record: &Record) -> bool {
        record.kind() == KIND
    }

    /// What `record` says; `None` if it is of another kind or malformed.
    pub fn of(record: &Record) -> Option<Self> {
        let (fixed, list) = record.body().split_first_chunk::<FIXED_LENGTH>()?;
        let &[version, flags, 0, 0, unlisted @ ..] = fixed else { return None };
        let (list, rest) = list.as_chunks::<GAP_LENGTH>();
        let is_form = Self::is(record) && version == VERSION && flags & !(END_LOST | LEFT_OUT) == 0 && rest.is_empty();
        let number = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_le_bytes);
        let gaps: Vec<_> = list
            .iter()
            .map(|gap| {
                let (start, end) = gap.split_at(GAP_LENGTH / 2);
                number(start)..number(end)
            })
            .collect();
        let is_in_order = gaps.iter().all(|gap| gap.start < gap.end)
            && gaps.windows(2).all(|pair| matches!(pair, [one, next] if one.end < next.start));
        let (end_lost, left_out) = (flags & END_LOST != 0, flags & LEFT_OUT != 0);
        (is_form && is_in_order).then(|| Self { end_lost, left_out, gaps, unlisted: number(&unlisted) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_comes_back() {
        for resealing in [
            Resealing::default(),
            Resealing { end_lost: true, left_out: true, gaps: vec![0..1, 2..9, 4096..u64::MAX], unlisted: 1 << 40 },
        ] {
            assert_eq!(Resealing::of(&resealing.to_record()), Some(resealing));
        }
    }

    #[test]
    fn a_record_that_is_malformed_or_of_another_kind_is_ignored() {
        let good = Resealing { gaps: vec![5..7, 8..9], ..Resealing::default() }.to_record();
        let body = |change: fn(&mut Vec<u8>)| {
            let mut body = good.body().to_vec();
            change(&mut body);
            Resealing::of(&Record::new(KIND, body))
        };
        assert!(body(|_| ()).is_some());
        let changes: [fn(&mut Vec<u8>); 9] = [
            |body| body[0] = 2,
            |body| body[1] = 4,
            |body| body[2] = 1,
            |body| body.truncate(11),
            |body| body.truncate(body.len() - 1),
            |body| body.push(0),
            |body| body[12] = 7,
            |body| body[28] = 7,
            |body| body.clear(),
        ];
        for (at, change) in changes.into_iter().enumerate() {
            assert_eq!(body(change), None, "{at}");
        }
        assert_eq!(Resealing::of(&Record::new(0x80, good.body().to_vec())), None);
        assert!(Resealing::is(&Record::new(KIND, Vec::new())));
    }
}
