//! Durations, in the notation of timeout(1) and systemd.

use std::time::Duration;

use jiff::{SpanRelativeTo, fmt::friendly::SpanParser};

const SPANS: SpanParser = SpanParser::new();

/// The duration that `text` means: `200ms`, `0.2s`, `5s`, `1m` or `1min`, `1h30m`, `2d`; a number alone counts seconds, `5` or
/// `0.2`. A day has 24 hours; weeks have seven days, and months and years have no fixed length, so they are refused.
///
/// # Errors
///
/// What is wrong, as one lower-case fact.
pub(in crate::cli) fn duration(text: &str) -> Result<Duration, String> {
    parse(text).ok_or_else(|| "not a duration such as 200ms, 0.5s, 5 (seconds) or 1m".to_owned())
}

fn parse(text: &str) -> Option<Duration> {
    // The parser accepts more than is documented here: signs, words such as `ago`, and commas.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b' ' | b'\xc2' | b'\xb5');
    if !text.starts_with(|first: char| first.is_ascii_digit()) || !text.bytes().all(is_plain) || text.contains("ago") {
        return None;
    }
    let counts_seconds = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds = format!("{text}s");
    let span = SPANS.parse_span(if counts_seconds { &seconds } else { text }).ok()?;
    span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_units_or_counts_seconds() {
        for (text, milliseconds) in [
            ("200ms", 200),
            ("0.2s", 200),
            ("5s", 5_000),
            ("5 s", 5_000),
            ("5sec", 5_000),
            ("1m", 60_000),
            ("1min", 60_000),
            ("1h30m", 5_400_000),
            ("1min 30s", 90_000),
            ("2d", 172_800_000),
            ("1w", 604_800_000),
            ("5", 5_000),
            ("0.25", 250),
            ("0", 0),
            ("0s", 0),
            ("1.5h", 5_400_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        assert_eq!(duration("3us"), Ok(Duration::from_micros(3)));
        assert_eq!(duration("3\u{b5}s"), Ok(Duration::from_micros(3)));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            " ",
            "-1",
            "+1",
            "-1s",
            ".5",
            "1.",
            "1.2.3",
            "ms",
            "s",
            "5x",
            "1M",
            "1y",
            "1mo",
            "1month",
            "5s ago",
            "1,5s",
            "1e3",
            "0x10",
            "inf",
            "nan",
            "PT5S",
            "00:05",
            "5s5",
            "99999999999999999999",
        ] {
            assert_eq!(
                duration(text).unwrap_err(),
                "not a duration such as 200ms, 0.5s, 5 (seconds) or 1m",
                "{text:?}"
            );
        }
    }
}
