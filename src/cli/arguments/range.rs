//! Ranges of bytes, in curl's notation.

use std::ops::Range;

/// A range of a plaintext whose length may not be known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum ByteRange {
    /// `FIRST-LAST`: from one byte to another, both included.
    FromTo(u64, u64),
    /// `FIRST-`: from a byte to the end.
    From(u64),
    /// `-COUNT`: this many bytes before the end, at least 1.
    Last(u64),
}

impl ByteRange {
    /// The bytes of the range in a plaintext of `length` bytes: clamped to its end, and at least one; `None` if the range
    /// begins at or after the end.
    pub(in crate::cli) fn within(self, length: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::FromTo(first, last) => first..last.saturating_add(1).min(length),
            Self::From(first) => first..length,
            Self::Last(count) => length.saturating_sub(count)..length,
        };
        (!range.is_empty()).then_some(range)
    }
}

pub(super) fn parse_range(text: &str) -> Result<ByteRange, String> {
    let form = || "not a range of bytes such as 0-499, 500- or -500".to_owned();
    let number = |digits: &str| match digits.parse() {
        _ if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) => Err(form()),
        Ok(number) => Ok(number),
        // Digits alone can only fail to parse because the number is too large.
        Err(_) => Err(format!("{digits} is more than 64 bits can count")),
    };
    match text.split_once('-').ok_or_else(form)? {
        ("", count) => match number(count)? {
            0 => Err("a range of 0 bytes is empty".to_owned()),
            count => Ok(ByteRange::Last(count)),
        },
        (first, "") => number(first).map(ByteRange::From),
        (first, last) => match (number(first)?, number(last)?) {
            (first, last) if first > last => Err("the last byte is before the first".to_owned()),
            (first, last) => Ok(ByteRange::FromTo(first, last)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_first_to_last_or_first_to_the_end_or_the_last_bytes() {
        for (text, range) in [
            ("0-499", ByteRange::FromTo(0, 499)),
            ("7-7", ByteRange::FromTo(7, 7)),
            ("0500-0600", ByteRange::FromTo(500, 600)),
            ("0-18446744073709551615", ByteRange::FromTo(0, u64::MAX)),
            ("500-", ByteRange::From(500)),
            ("18446744073709551615-", ByteRange::From(u64::MAX)),
            ("-500", ByteRange::Last(500)),
        ] {
            assert_eq!(parse_range(text), Ok(range), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let form = "not a range of bytes such as 0-499, 500- or -500";
        for text in
            ["", "-", "--", "5", "a-b", "0-b", "a-", "-b", "1-2-3", "--5", "+1-2", "1-+2", "1K-2K", " 1-2", "1 - 2"]
        {
            assert_eq!(parse_range(text).unwrap_err(), form, "{text}");
        }
        assert_eq!(parse_range("500-499").unwrap_err(), "the last byte is before the first");
        assert_eq!(parse_range("-0").unwrap_err(), "a range of 0 bytes is empty");
        for text in ["18446744073709551616-", "0-18446744073709551616", "-18446744073709551616"] {
            assert_eq!(parse_range(text).unwrap_err(), "18446744073709551616 is more than 64 bits can count", "{text}");
        }
    }

    #[test]
    fn a_range_is_clamped_to_the_plaintext_and_begins_before_its_end() {
        for (range, length, bytes) in [
            (ByteRange::FromTo(0, 499), 1000, Some(0..500)),
            (ByteRange::FromTo(0, 499), 300, Some(0..300)),
            (ByteRange::FromTo(299, u64::MAX), 300, Some(299..300)),
            (ByteRange::FromTo(0, u64::MAX), u64::MAX, Some(0..u64::MAX)),
            (ByteRange::FromTo(300, 400), 300, None),
            (ByteRange::From(299), 300, Some(299..300)),
            (ByteRange::From(300), 300, None),
            (ByteRange::Last(100), 300, Some(200..300)),
            (ByteRange::Last(301), 300, Some(0..300)),
            (ByteRange::Last(5), 0, None),
        ] {
            assert_eq!(range.within(length), bytes, "{range:?} of {length}");
        }
    }
}
