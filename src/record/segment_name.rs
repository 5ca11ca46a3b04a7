//! How segments are named.

use std::ffi::OsString;

use jiff::{Timestamp, fmt::strtime};
use thiserror::Error;

use crate::files::naming::SUFFIX;

const DEFAULT: &str = "%Y-%m-%dT%H-%M-%SZ";
/// Most file systems do not allow much longer names, and a number may be added.
const MOST_BYTES: usize = 240;

/// A pattern for the names of segments, in the notation of strftime(3).
#[derive(Clone, Debug)]
pub(crate) struct SegmentName {
    pattern: Option<String>,
}

/// Why a pattern does not give a name.
#[derive(Debug, Error)]
pub(crate) enum SegmentNameError {
    #[error("is not a valid pattern for a name: {0}")]
    Pattern(String),
    #[error("does not give a file name: {0:?}")]
    NotAName(String),
}

impl SegmentName {
    /// Names by `pattern`, or else by the second in which a segment begins, in UTC, and by the kind of its content.
    pub fn new(pattern: Option<&str>) -> Self {
        Self { pattern: pattern.map(str::to_owned) }
    }

    /// Checks that the pattern gives a name.
    ///
    /// # Errors
    ///
    /// [`SegmentNameError`].
    pub fn check(&self, wall: i64) -> Result<(), SegmentNameError> {
        self.name(wall, false).map(drop)
    }

    /// Whether segments that begin at different seconds, around the time `wall`, have different names, even if the
    /// earlier ones are gone.
    pub fn says_the_second(&self, wall: i64) -> bool {
        let name = |seconds: i64| self.name(wall.saturating_add(seconds * 1_000_000), false).ok();
        let days = [1, 7, 28, 30, 31, 365].map(|days| days * 86_400);
        [1, 60, 3600].into_iter().chain(days).all(|later| name(later) != name(0))
    }

    /// The name of a segment that begins at the time `wall`, in Unix microseconds; `is_transport_stream` says whether
    /// it holds MPEG-TS.
    ///
    /// # Errors
    ///
    /// [`SegmentNameError`].
    pub fn name(&self, wall: i64, is_transport_stream: bool) -> Result<String, SegmentNameError> {
        let kind = if is_transport_stream { "ts" } else { "bin" };
        let default = || format!("{DEFAULT}.{kind}");
        let pattern = self.pattern.clone().unwrap_or_else(default);
        if let Some(unknown) = names_time_zone(&pattern) {
            return Err(SegmentNameError::Pattern(format!("{unknown} has no meaning")));
        }
        let time = Timestamp::from_microsecond(wall).unwrap_or(Timestamp::UNIX_EPOCH);
        let named = strtime::format(&pattern, time).map_err(|error| SegmentNameError::Pattern(error.to_string()))?;
        let stem = named.strip_suffix(SUFFIX).unwrap_or(&named);
        let is_name = !matches!(stem, "" | "." | "..") && !named.contains(['/', '\0']) && named.len() <= MOST_BYTES;
        if is_name { Ok(format!("{stem}{SUFFIX}")) } else { Err(SegmentNameError::NotAName(named)) }
    }
}

/// A conversion in `pattern` that the library supports and strftime(3) does not: the name of a time zone, which is
/// always UTC here.
fn names_time_zone(pattern: &str) -> Option<&str> {
    let mut rest = pattern;
    while let Some(start) = rest.find('%') {
        rest = rest.get(start..)?;
        let is_flag = |character: char| character.is_ascii_digit() || "-_^#:.".contains(character);
        let end = rest.char_indices().skip(1).find(|(_, character)| !is_flag(*character));
        let (at, conversion) = end?;
        let (whole, after) = rest.split_at_checked(at + conversion.len_utf8())?;
        if conversion == 'Q' {
            return Some(whole);
        }
        rest = after;
    }
    None
}

/// `name`, and then the names to use where it is taken: with a number, from 2 on, before the extension.
pub(super) fn numbered(name: &str) -> impl Iterator<Item = OsString> {
    let whole = name.strip_suffix(SUFFIX).unwrap_or(name);
    let (stem, kind) = match whole.rsplit_once('.') {
        Some((stem, kind)) if !stem.is_empty() => (stem, format!(".{kind}")),
        _ => (whole, String::new()),
    };
    let others = (2..=9999).map(move |number| format!("{stem}-{number}{kind}{SUFFIX}").into());
    [OsString::from(name)].into_iter().chain(others)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24T10:00:07Z.
    const WALL: i64 = 1_795_514_407_000_000;

    fn named(pattern: &str) -> Result<String, SegmentNameError> {
        SegmentName::new(Some(pattern)).name(WALL, true)
    }

    #[test]
    fn a_name_says_when_and_what() {
        let default = SegmentName::new(None);
        assert_eq!(default.name(WALL, true).unwrap(), "2026-11-24T10-00-07Z.ts.reel");
        assert_eq!(default.name(WALL, false).unwrap(), "2026-11-24T10-00-07Z.bin.reel");
        assert_eq!(named("cam-%H%M.ts.reel").unwrap(), "cam-1000.ts.reel");
        assert_eq!(named("front door").unwrap(), "front door.reel");
        assert_eq!(named("Q%%Q%-d").unwrap(), "Q%Q24.reel");
    }

    #[test]
    fn a_pattern_that_gives_no_file_name_is_refused() {
        for pattern in ["", ".", "..", ".reel", "a/b", "%D", "%F/%T", &"x".repeat(241)] {
            assert!(matches!(named(pattern), Err(SegmentNameError::NotAName(_))), "{pattern}");
        }
        for pattern in ["%", "%!", "%J", "%Q", "cam-%:Q", "%H%Q"] {
            assert!(matches!(named(pattern), Err(SegmentNameError::Pattern(_))), "{pattern}");
        }
    }

    #[test]
    fn a_name_says_the_second_if_no_other_second_has_the_same() {
        let says = |pattern| SegmentName::new(pattern).says_the_second(WALL);
        assert!(says(None) && says(Some("cam-%s")) && says(Some("%F %H-%M-%S")));
        for pattern in ["cam", "%F", "%F-%H%M", "cam-%S", "%H-%M-%S", "%d-%H-%M-%S", "%a-%H-%M-%S", "%m-%d-%H-%M-%S"] {
            assert!(!says(Some(pattern)), "{pattern}");
        }
    }

    #[test]
    fn a_name_that_is_taken_gets_a_number() {
        let names = |name| numbered(name).take(3).map(|name| name.into_string().unwrap()).collect::<Vec<_>>();
        assert_eq!(names("a.ts.reel"), ["a.ts.reel", "a-2.ts.reel", "a-3.ts.reel"]);
        assert_eq!(names("cam.front.ts.reel")[1], "cam.front-2.ts.reel");
        assert_eq!(names("a.reel")[1], "a-2.reel");
        assert_eq!(names(".a.reel")[1], ".a-2.reel");
    }
}
