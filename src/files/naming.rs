//! The suffix of an encrypted file's name.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

pub(crate) const SUFFIX: &str = ".reel";

/// `path` with the suffix after its name.
pub(crate) fn with_suffix(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(SUFFIX);
    name.into()
}

/// `path` without the suffix, if there is a name before it. `.` and `..` are not names.
pub(crate) fn without_suffix(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.as_bytes().strip_suffix(SUFFIX.as_bytes())?;
    (![b"".as_slice(), b".", b".."].contains(&name)).then(|| path.with_file_name(OsStr::from_bytes(name)))
}

/// Whether `path` has the suffix after a name.
pub(crate) fn has_suffix(path: &Path) -> bool {
    without_suffix(path).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suffix_goes_after_the_name_and_comes_off_again() {
        assert_eq!(with_suffix(Path::new("a/film.mp4")), Path::new("a/film.mp4.reel"));
        assert_eq!(without_suffix(Path::new("a/film.mp4.reel")), Some("a/film.mp4".into()));
        for path in ["film.mp4", ".reel", "a/.reel", "..", "film.reel.gz", "..reel", "a/...reel"] {
            assert!(!has_suffix(Path::new(path)), "{path}");
        }
    }
}
