//! Conditional requests: RFC 9110, section 13.

use std::time::{Duration, SystemTime};

use httpdate::parse_http_date;
use hyper::header::{
    HeaderMap, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};

/// The validators of some content: a strong entity tag, without its quotes, and the time of the last change.
#[derive(Clone, Debug)]
pub(super) struct Validators {
    pub etag: String,
    pub modified: SystemTime,
}

/// The outcome of a request's conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The content, or the part that a Range header asks for, if that applies.
    Content { of_range: bool },
    /// 304.
    NotModified,
    /// 412.
    Failed,
}

/// The outcome of `headers` for content with these `validators`, at the time `now`.
pub(super) fn outcome(headers: &HeaderMap, validators: &Validators, now: SystemTime) -> Outcome {
    let date = |name| single(headers, name).and_then(|value| parse_http_date(value).ok());
    // HTTP dates have no fractions of a second.
    let changed_after = |date: SystemTime| whole_seconds(validators.modified) > whole_seconds(date);
    if headers.contains_key(IF_MATCH) {
        if !lists(headers, IF_MATCH, &validators.etag, false) {
            return Outcome::Failed;
        }
    } else if date(IF_UNMODIFIED_SINCE).is_some_and(changed_after) {
        return Outcome::Failed;
    }
    if headers.contains_key(IF_NONE_MATCH) {
        if lists(headers, IF_NONE_MATCH, &validators.etag, true) {
            return Outcome::NotModified;
        }
    } else if date(IF_MODIFIED_SINCE).is_some_and(|date| !changed_after(date)) {
        return Outcome::NotModified;
    }
    let of_range = match single(headers, IF_RANGE) {
        _ if !headers.contains_key(RANGE) => false,
        None => !headers.contains_key(IF_RANGE),
        Some(value) if value.starts_with('"') => value == format!("\"{}\"", validators.etag),
        // A date is strong only if nothing can have changed within its second.
        Some(value) => parse_http_date(value).is_ok_and(|date| {
            whole_seconds(date) == whole_seconds(validators.modified)
                && now.duration_since(validators.modified).is_ok_and(|age| age >= Duration::from_secs(1))
        }),
    };
    Outcome::Content { of_range }
}

/// Whether the list of entity tags in the header `name` contains `etag`, or is a star. Weak ones count if `weakly`.
fn lists(headers: &HeaderMap, name: HeaderName, etag: &str, weakly: bool) -> bool {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        let mut rest = value.trim();
        if rest == "*" {
            return true;
        }
        // A tag may contain commas.
        while !rest.is_empty() {
            let is_weak = rest.starts_with("W/");
            let Some(quoted) = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"') else { return false };
            let Some((tag, after)) = quoted.split_once('"') else { return false };
            if tag == etag && (weakly || !is_weak) {
                return true;
            }
            rest = after.trim_start().trim_start_matches(',').trim_start();
        }
        false
    })
}

/// The value of a header that may occur once.
fn single(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then(|| value.trim())
}

fn whole_seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const LATER: &str = "Sunday, 06-Nov-94 08:49:38 GMT";

    fn of(headers: &[(&str, &str)]) -> Outcome {
        let modified = parse_http_date(DATE).unwrap() + Duration::from_millis(700);
        let validators = Validators { etag: "a,b".to_owned(), modified };
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        outcome(&headers, &validators, modified + Duration::from_secs(5))
    }

    #[test]
    fn conditions_are_evaluated_in_the_order_of_rfc_9110() {
        let (all, ranged) = (Outcome::Content { of_range: false }, Outcome::Content { of_range: true });
        let cases: &[(&[(&str, &str)], Outcome)] = &[
            (&[], all),
            (&[("range", "bytes=0-1")], ranged),
            (&[("if-match", "*")], all),
            (&[("if-match", r#""x", "a,b""#)], all),
            (&[("if-match", r#""x""#)], Outcome::Failed),
            (&[("if-match", r#"W/"a,b""#)], Outcome::Failed),
            (&[("if-match", "a,b")], Outcome::Failed),
            (&[("if-match", r#""a,b""#), ("if-unmodified-since", EARLIER)], all),
            (&[("if-unmodified-since", EARLIER)], Outcome::Failed),
            (&[("if-unmodified-since", DATE)], all),
            (&[("if-unmodified-since", "yesterday")], all),
            (&[("if-none-match", r#""a,b""#)], Outcome::NotModified),
            (&[("if-none-match", r#"W/"a,b""#)], Outcome::NotModified),
            (&[("if-none-match", r#""a", "b" , "a,b""#)], Outcome::NotModified),
            (&[("if-none-match", "*")], Outcome::NotModified),
            (&[("if-none-match", r#""x""#)], all),
            (&[("if-none-match", r#""x""#), ("if-modified-since", LATER)], all),
            (&[("if-match", r#""x""#), ("if-none-match", "*")], Outcome::Failed),
            (&[("if-modified-since", DATE)], Outcome::NotModified),
            (&[("if-modified-since", LATER)], Outcome::NotModified),
            (&[("if-modified-since", EARLIER)], all),
            (&[("if-modified-since", DATE), ("range", "bytes=0-1")], Outcome::NotModified),
            (&[("if-range", r#""a,b""#)], all),
            (&[("if-range", r#""a,b""#), ("range", "bytes=0-1")], ranged),
            (&[("if-range", r#""x""#), ("range", "bytes=0-1")], all),
            (&[("if-range", r#"W/"a,b""#), ("range", "bytes=0-1")], all),
            (&[("if-range", DATE), ("range", "bytes=0-1")], ranged),
            (&[("if-range", EARLIER), ("range", "bytes=0-1")], all),
            (&[("if-range", LATER), ("range", "bytes=0-1")], all),
        ];
        for (headers, expected) in cases {
            assert_eq!(of(headers), *expected, "{headers:?}");
        }
    }

    #[test]
    fn a_date_within_its_own_second_does_not_allow_a_range() {
        let modified = parse_http_date(DATE).unwrap();
        let validators = Validators { etag: String::new(), modified };
        let headers = [("range", "bytes=0-1"), ("if-range", DATE)];
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let at = |after| outcome(&headers, &validators, modified + Duration::from_millis(after));
        assert_eq!(at(999), Outcome::Content { of_range: false });
        assert_eq!(at(1000), Outcome::Content { of_range: true });
    }
}
