//! Times as people and programs read them.

use std::time::{Duration, UNIX_EPOCH};

/// The highest time that RFC 3339 can express, in microseconds: the end of the year 9999.
const LAST_MICROSECOND: u64 = 253_402_300_799_999_999;

/// Unix microseconds in RFC 3339; `None` in a stream that is not timed.
pub(crate) fn time(microseconds: i64) -> Option<String> {
    let microseconds = u64::try_from(microseconds).ok().filter(|&time| time > 0)?;
    if microseconds > LAST_MICROSECOND {
        return Some(format!("{microseconds} microseconds after 1970"));
    }
    let time = UNIX_EPOCH.checked_add(Duration::from_micros(microseconds))?;
    Some(humantime::format_rfc3339_micros(time).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_in_utc_and_the_highest_ones_do_not_panic() {
        assert_eq!(time(1_700_000_000_123_456).unwrap(), "2023-11-14T22:13:20.123456Z");
        assert_eq!(time(LAST_MICROSECOND as i64).unwrap(), "9999-12-31T23:59:59.999999Z");
        assert_eq!(time(LAST_MICROSECOND as i64 + 1).unwrap(), "253402300800000000 microseconds after 1970");
        assert_eq!((time(0), time(-1)), (None, None));
    }
}
