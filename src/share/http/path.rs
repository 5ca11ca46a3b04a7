//! Names of the tree in addresses.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

/// All characters but those that RFC 3986 calls unreserved.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The names in the address path `path`, and whether it names a folder, by a slash at its end. `None` if one of them
/// cannot be a name: the tree looks names up one by one, and has none like that.
pub(super) fn names(path: &str) -> Option<(Vec<OsString>, bool)> {
    let (path, is_folder) = match path.strip_suffix('/') {
        Some(path) => (path, true),
        None => (path, path.is_empty()),
    };
    if path.is_empty() {
        return Some((Vec::new(), true));
    }
    let name = |encoded: &str| {
        let bytes: Vec<u8> = percent_decode_str(encoded).collect();
        let is_name =
            !matches!(bytes.as_slice(), b"" | b"." | b"..") && !bytes.iter().any(|byte| matches!(byte, b'/' | 0));
        is_name.then(|| OsString::from_vec(bytes))
    };
    Some((path.split('/').map(name).collect::<Option<_>>()?, is_folder))
}

/// `name` as part of an address.
pub(super) fn encoded(name: &OsStr) -> String {
    percent_encode(name.as_bytes(), ENCODED).to_string()
}

/// `names` as the path of an address, without a slash at its start.
pub(super) fn joined<'a>(names: impl IntoIterator<Item = &'a OsStr>) -> String {
    names.into_iter().map(encoded).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_and_nothing_leads_upward() {
        let odd = OsStr::from_bytes(b"a b/%\xff".split(|byte| *byte == b'/').next().unwrap());
        let latin = OsStr::from_bytes(b"caf\xe9 100%? #.mp4");
        let path = joined([odd, latin]);
        assert_eq!(path, "a%20b/caf%E9%20100%25%3F%20%23.mp4");
        assert_eq!(names(&path), Some((vec![odd.to_owned(), latin.to_owned()], false)));
        assert_eq!(names("day/"), Some((vec!["day".into()], true)));
        assert_eq!(names(""), Some((vec![], true)));
        for path in ["..", "a/../b", "%2e%2e", "a/%2E%2e", ".", "a//b", "a%2fb", "a%00", "//", "a/."] {
            assert_eq!(names(path), None, "{path}");
        }
    }
}
