//! The Range header: RFC 9110, section 14.

use std::ops::Range;

/// The most ranges that are answered, after merging those that overlap or adjoin; a request for more gets everything,
/// as if it had named none.
const MOST: usize = 16;
/// The most ranges that a request may name.
const MOST_NAMED: usize = 256;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Everything: no range is named, or none that is understood.
    All,
    /// These bytes, in the order in which they were named; none of the ranges is empty, and no two touch.
    Ranges(Vec<Range<u64>>),
    /// Only bytes beyond the end.
    Unsatisfiable,
}

/// What the header `value` asks for of `length` bytes.
pub(super) fn wanted(value: &str, length: u64) -> Wanted {
    let Some((unit, set)) = value.split_once('=') else { return Wanted::All };
    if !unit.trim_matches(BLANK).eq_ignore_ascii_case("bytes") {
        return Wanted::All;
    }
    let specs: Vec<_> = set.split(',').map(|spec| spec.trim_matches(BLANK)).filter(|spec| !spec.is_empty()).collect();
    if specs.is_empty() || specs.len() > MOST_NAMED {
        return Wanted::All;
    }
    let mut ranges = Vec::new();
    for spec in specs {
        match range(spec, length) {
            Err(NotUnderstood) => return Wanted::All,
            Ok(Some(range)) => ranges.push(range),
            Ok(None) => {}
        }
    }
    if ranges.is_empty() {
        return Wanted::Unsatisfiable;
    }
    let ranges = coalesced(ranges);
    if ranges.len() > MOST { Wanted::All } else { Wanted::Ranges(ranges) }
}

const BLANK: [char; 2] = [' ', '\t'];

struct NotUnderstood;

/// The range that `spec` names, clamped to the content; `None` if it names nothing in the content.
fn range(spec: &str, length: u64) -> Result<Option<Range<u64>>, NotUnderstood> {
    let (first, last) = spec.split_once('-').ok_or(NotUnderstood)?;
    let range = match (first, last) {
        ("", suffix) => length.saturating_sub(number(suffix)?)..length,
        (first, "") => number(first)?..length,
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return Err(NotUnderstood);
            }
            first..last.saturating_add(1).min(length)
        }
    };
    Ok((range.start < range.end).then_some(range))
}

/// The number in `digits`, or the largest one if that is too large.
fn number(digits: &str) -> Result<u64, NotUnderstood> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NotUnderstood);
    }
    Ok(digits.parse().unwrap_or(u64::MAX))
}

/// The ranges, with those that overlap or adjoin merged.
fn coalesced(ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let mut apart: Vec<Range<u64>> = Vec::new();
    for mut range in ranges {
        // The merged range takes the place of the first of them.
        let mut place = None;
        let mut index = 0;
        while let Some(other) = apart.get(index) {
            if range.start <= other.end && other.start <= range.end {
                range = range.start.min(other.start)..range.end.max(other.end);
                apart.remove(index);
                place = place.or(Some(index));
                // It may now touch another one.
                index = 0;
            } else {
                index += 1;
            }
        }
        apart.insert(place.unwrap_or(apart.len()).min(apart.len()), range);
    }
    apart
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::single_range_in_vec_init, reason = "the case is one range")]
    fn a_range_header_asks_for_what_rfc_9110_says() {
        let ranges = |ranges: &[Range<u64>]| Wanted::Ranges(ranges.to_vec());
        let cases = [
            ("bytes=0-499", ranges(&[0..500])),
            ("bytes=0-0", ranges(&[0..1])),
            ("bytes=500-999", ranges(&[500..1000])),
            ("bytes=9500-", ranges(&[9500..10_000])),
            ("bytes=-500", ranges(&[9500..10_000])),
            ("bytes=-20000", ranges(&[0..10_000])),
            ("bytes=0-", ranges(&[0..10_000])),
            ("bytes=9999-", ranges(&[9999..10_000])),
            ("bytes=9000-999999", ranges(&[9000..10_000])),
            ("bytes=0-99999999999999999999999", ranges(&[0..10_000])),
            ("bytes= 0-1 ,\t 500-501", ranges(&[0..2, 500..502])),
            ("BYTES=0-1", ranges(&[0..2])),
            ("bytes=,,0-1,", ranges(&[0..2])),
            // Several, in the order given.
            ("bytes=500-599,0-99", ranges(&[500..600, 0..100])),
            ("bytes=0-0,-1", ranges(&[0..1, 9999..10_000])),
            // Those that touch or overlap become one.
            ("bytes=0-99,100-199", ranges(&[0..200])),
            ("bytes=0-99,50-149", ranges(&[0..150])),
            ("bytes=500-600,601-999", ranges(&[500..1000])),
            ("bytes=500-700,601-999", ranges(&[500..1000])),
            ("bytes=0-99,101-199", ranges(&[0..100, 101..200])),
            ("bytes=0-0,2-2", ranges(&[0..1, 2..3])),
            ("bytes=0-99,190-199", ranges(&[0..100, 190..200])),
            ("bytes=0-9,5000-5009,1000-1009,5-1004", ranges(&[0..1010, 5000..5010])),
            ("bytes=0-,0-,0-,0-", ranges(&[0..10_000])),
            // Some bytes do not exist.
            ("bytes=0-1,20000-", ranges(&[0..2])),
            ("bytes=10000-", Wanted::Unsatisfiable),
            ("bytes=10000-10001,99999-", Wanted::Unsatisfiable),
            ("bytes=-0", Wanted::Unsatisfiable),
            // Not understood, and so ignored.
            ("bytes=5-2", Wanted::All),
            ("bytes=0-1,5-2", Wanted::All),
            ("bytes=", Wanted::All),
            ("bytes=-", Wanted::All),
            ("bytes", Wanted::All),
            ("bytes=a-b", Wanted::All),
            ("bytes=+1-2", Wanted::All),
            ("bytes=1 -2", Wanted::All),
            ("bytes=1-2-3", Wanted::All),
            ("items=0-1", Wanted::All),
            ("", Wanted::All),
        ];
        for (value, expected) in cases {
            assert_eq!(wanted(value, 10_000), expected, "{value}");
        }
        for value in ["bytes=0-", "bytes=-1", "bytes=0-0"] {
            assert_eq!(wanted(value, 0), Wanted::Unsatisfiable, "{value} of nothing");
        }
        assert_eq!(wanted("bytes=0-18446744073709551615", u64::MAX), ranges(&[0..u64::MAX]));
    }

    #[test]
    fn more_than_sixteen_ranges_that_do_not_touch_are_everything() {
        let header = |count: u64, step: u64| {
            let specs: Vec<_> = (0..count).map(|at| format!("{}-{}", at * step, at * step + 1)).collect();
            format!("bytes={}", specs.join(","))
        };
        assert!(matches!(wanted(&header(16, 1000), 1 << 20), Wanted::Ranges(ranges) if ranges.len() == 16));
        assert_eq!(wanted(&header(17, 1000), 1 << 20), Wanted::All);
        assert!(matches!(wanted(&header(200, 2), 1 << 20), Wanted::Ranges(ranges) if ranges.len() == 1));
        assert_eq!(wanted(&header(257, 2), 1 << 20), Wanted::All);
    }
}
