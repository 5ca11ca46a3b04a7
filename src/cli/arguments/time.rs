//! Times, in journalctl's notation.

use jiff::{
    SpanRelativeTo, Timestamp,
    civil::DateTime,
    fmt::{friendly::SpanParser, temporal::DateTimeParser},
    tz::TimeZone,
};

const DATES: DateTimeParser = DateTimeParser::new();
const SPANS: SpanParser = SpanParser::new();

/// The time that `text` means at the time `now` in `zone`, in Unix microseconds. It is one of:
///
/// * a time of RFC 3339, `2026-11-24T10:00:00Z`, with `Z` or an offset
/// * a local time, `2026-11-24 10:00` or `2026-11-24 10:00:30`; without the date, today; without the time, midnight
/// * `now`, `today` (its midnight) or `yesterday`
/// * a span before or after now, `-15min`, `+5min`, `-1h30min`, `-2days`; a day has 24 hours, a week seven days, and months
///   and years have no fixed length, so they are refused
///
/// A local time that occurs twice, when clocks are set back, is the earlier one; one that is left out, when they are set
/// forward, is as much later as was left out.
///
/// # Errors
///
/// What is wrong, as one lower-case fact.
pub(super) fn parse_time(text: &str, now: Timestamp, zone: &TimeZone) -> Result<i64, String> {
    time(text, now, zone).map(Timestamp::as_microsecond).ok_or_else(|| {
        "not a time such as 2026-11-24T10:00:00Z, \"2026-11-24 10:00\", 10:00, yesterday or -15min".to_owned()
    })
}

fn time(text: &str, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let today = || zone.to_datetime(now).date();
    let local = |datetime: DateTime| zone.to_ambiguous_timestamp(datetime).compatible().ok();
    match text {
        "now" => return Some(now),
        "today" => return local(today().into()),
        "yesterday" => return local(today().yesterday().ok()?.into()),
        _ => {}
    }
    let signed = text.strip_prefix(['-', '+']);
    // The parsers accept more than is documented here: signs in a year and in a span, names of zones, a `T` in front.
    if !signed.unwrap_or(text).starts_with(|first: char| first.is_ascii_digit()) || text.contains('[') {
        return None;
    }
    if let Some(span) = signed {
        let span = SPANS.parse_span(span).ok().filter(|span| !span.is_negative())?;
        let span = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
        return if text.starts_with('-') { now.checked_sub(span) } else { now.checked_add(span) }.ok();
    }
    if let Ok(timestamp) = DATES.parse_timestamp(text) {
        return Some(timestamp);
    }
    // A text with an offset can only be a timestamp: the parser of local times would ignore the offset.
    match text.split_once(':') {
        _ if text.contains(['Z', 'z', '+']) => None,
        Some((_, after)) if after.contains('-') => None,
        Some((before, _)) if before.len() <= 2 => local(today().to_datetime(DATES.parse_time(text).ok()?)),
        _ => local(DATES.parse_datetime(text).ok()?),
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::{Offset, TimeZone};

    use super::*;

    /// Central European Time with its rules, so that no time zone data of the machine is needed.
    fn berlin() -> TimeZone {
        TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
    }

    const NOW: &str = "2026-11-24T11:30:15.25Z";

    fn at(text: &str, now: &str, zone: &TimeZone) -> Result<i64, String> {
        parse_time(text, now.parse().unwrap(), zone)
    }

    #[track_caller]
    fn assert_time(text: &str, now: &str, zone: &TimeZone, expected: &str) {
        let expected: Timestamp = expected.parse().unwrap();
        assert_eq!(at(text, now, zone), Ok(expected.as_microsecond()), "{text} is {expected}");
    }

    #[test]
    fn a_time_with_an_offset_is_the_same_everywhere() {
        for (text, expected) in [
            ("2026-11-24T10:00:00Z", "2026-11-24T10:00:00Z"),
            ("2026-11-24T10:00:00.123456Z", "2026-11-24T10:00:00.123456Z"),
            ("2026-11-24t10:00:00z", "2026-11-24T10:00:00Z"),
            ("2026-11-24T10:00:00+02:00", "2026-11-24T08:00:00Z"),
            ("2026-11-24T10:00:00-05:30", "2026-11-24T15:30:00Z"),
            ("2026-11-24 10:00:00Z", "2026-11-24T10:00:00Z"),
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        ] {
            assert_time(text, NOW, &berlin(), expected);
            assert_time(text, NOW, &TimeZone::UTC, expected);
        }
    }

    #[test]
    fn a_time_without_an_offset_is_local_and_without_a_date_is_today() {
        for (text, expected) in [
            ("2026-11-24 10:00", "2026-11-24T09:00:00Z"),
            ("2026-11-24 10:00:30", "2026-11-24T09:00:30Z"),
            ("2026-11-24T10:00:30", "2026-11-24T09:00:30Z"),
            ("2026-07-01 10:00", "2026-07-01T08:00:00Z"),
            ("2026-11-24", "2026-11-23T23:00:00Z"),
            ("10:00", "2026-11-24T09:00:00Z"),
            ("10:00:30", "2026-11-24T09:00:30Z"),
            ("now", NOW),
            ("today", "2026-11-23T23:00:00Z"),
            ("yesterday", "2026-11-22T23:00:00Z"),
        ] {
            assert_time(text, NOW, &berlin(), expected);
        }
        // It is tomorrow in Berlin already.
        assert_time("today", "2026-11-24T23:30:00Z", &berlin(), "2026-11-24T23:00:00Z");
        assert_time("00:10", "2026-11-24T23:30:00Z", &berlin(), "2026-11-24T23:10:00Z");
        let west = TimeZone::fixed(Offset::constant(-8));
        assert_time("today", "2026-11-24T05:00:00Z", &west, "2026-11-23T08:00:00Z");
    }

    #[test]
    fn a_span_is_relative_to_now_with_days_of_24_hours() {
        for (text, expected) in [
            ("-15min", "2026-11-24T11:15:15.25Z"),
            ("+5min", "2026-11-24T11:35:15.25Z"),
            ("-1h30min", "2026-11-24T10:00:15.25Z"),
            ("-1h 30min", "2026-11-24T10:00:15.25Z"),
            ("-2days", "2026-11-22T11:30:15.25Z"),
            ("-1week", "2026-11-17T11:30:15.25Z"),
            ("-15s", "2026-11-24T11:30:00.25Z"),
            ("-250ms", "2026-11-24T11:30:15Z"),
        ] {
            assert_time(text, NOW, &berlin(), expected);
        }
        // The clocks were set back in between.
        assert_time("-1day", "2026-10-25T12:00:00Z", &berlin(), "2026-10-24T12:00:00Z");
    }

    #[test]
    fn a_local_time_that_occurs_twice_is_the_earlier_one() {
        assert_time("2026-10-25 02:30", NOW, &berlin(), "2026-10-25T00:30:00Z");
        assert_time("02:30", "2026-10-25T12:00:00Z", &berlin(), "2026-10-25T00:30:00Z");
        // With an offset the later one can be named.
        assert_time("2026-10-25T02:30:00+01:00", NOW, &berlin(), "2026-10-25T01:30:00Z");
        assert_time("today", "2026-10-25T22:30:00Z", &berlin(), "2026-10-24T22:00:00Z");
        assert_time("yesterday", "2026-10-26T12:00:00Z", &berlin(), "2026-10-24T22:00:00Z");
    }

    #[test]
    fn a_local_time_that_is_skipped_is_later_by_the_gap() {
        assert_time("2026-03-29 02:30", NOW, &berlin(), "2026-03-29T01:30:00Z");
        assert_time("02:00", "2026-03-29T12:00:00Z", &berlin(), "2026-03-29T01:00:00Z");
        // Here the day begins at 01:00.
        let no_midnight = TimeZone::posix("<-03>3<-02>,M11.1.0/0,M2.3.0/0").unwrap();
        assert_time("2026-11-01", NOW, &no_midnight, "2026-11-01T03:00:00Z");
        assert_time("today", "2026-11-01T12:00:00Z", &no_midnight, "2026-11-01T03:00:00Z");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            " ",
            "-",
            "+",
            "noon",
            "Today",
            "15min",
            "--15min",
            "-+15min",
            "-15min ago",
            "-1month",
            "-1year",
            "-15",
            "10",
            "1000",
            "25:00",
            "10:60",
            "T10:00",
            "10:00Z",
            "10:00+02:00",
            "2026-13-01",
            "2026-02-30",
            "2026-11-24 25:00",
            "10:00-05:00",
            "10:00-0500",
            "10:30-05",
            "2026-11-24 10:00-99:00",
            "2026-11-24T10:00:00+99:00",
            "2026-11-24T10:00[Europe/Berlin]",
            "2026-11-24T10:00:00Z[Europe/Berlin]",
            "-009999-01-01",
            "+002026-11-24",
            "2026-11-24 10:00 ",
            " 10:00",
            "-99999999days",
            "9999-12-31T23:59:59Z1",
            "1793700000",
        ] {
            let refused = at(text, NOW, &berlin()).unwrap_err();
            assert!(refused.starts_with("not a time such as "), "{text}");
        }
    }
}
