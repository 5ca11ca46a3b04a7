//! The names that streams have in the tree: those of their files without the suffix, unless two would be the same.

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::Path,
};

use crate::files::naming::without_suffix;

/// The names of one folder.
#[derive(Default)]
pub(super) struct Names {
    taken: BTreeSet<OsString>,
}

impl Names {
    /// A name for the file called `own`: without the suffix, or if that is taken, its own, or if even that is taken, the
    /// first of them with a number. Names without a suffix must come first, and the others in their order.
    pub fn give(&mut self, own: &OsStr) -> OsString {
        let stripped = without_suffix(Path::new(own)).map_or_else(|| own.to_owned(), OsString::from);
        let numbered = (2_u64..).map(|number| with_number(&stripped, number));
        let candidates = [stripped.clone(), own.to_owned()].into_iter().chain(numbered);
        for candidate in candidates {
            if self.taken.insert(candidate.clone()) {
                return candidate;
            }
        }
        stripped
    }

    /// The name of the folder called `own`, as it is.
    pub fn give_own(&mut self, own: &OsStr) -> OsString {
        self.taken.insert(own.to_owned());
        own.to_owned()
    }

    /// The order in which names are given.
    pub fn order(own: &OsStr) -> (bool, &OsStr) {
        (without_suffix(Path::new(own)).is_some(), own)
    }
}

/// `name` with a number before what says of what kind it is.
fn with_number(name: &OsStr, number: u64) -> OsString {
    let bytes = name.as_bytes();
    let dot = bytes.iter().rposition(|&byte| byte == b'.').filter(|&at| at > 0).unwrap_or(bytes.len());
    let (stem, kind) = bytes.split_at(dot);
    OsString::from_vec([stem, format!("-{number}").as_bytes(), kind].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(mut names: Vec<&str>) -> Vec<String> {
        names.sort_by(|one, other| Names::order(OsStr::new(one)).cmp(&Names::order(OsStr::new(other))));
        let mut given = Names::default();
        names.iter().map(|name| given.give(OsStr::new(name)).into_string().unwrap()).collect()
    }

    #[test]
    fn the_suffix_is_left_out_unless_a_name_would_be_there_twice() {
        assert_eq!(given(vec!["film.mp4.reel", "a.reel", ".reel"]), [".reel", "a", "film.mp4"]);
        assert_eq!(given(vec!["..reel", "...reel", "....reel"]), ["...reel", "..reel", "..."]);
        assert_eq!(given(vec!["film.reel", "film"]), ["film", "film.reel"]);
        assert_eq!(given(vec!["a.reel.reel", "a", "a.reel"]), ["a", "a.reel", "a.reel.reel"]);
        // Of two folders that were named.
        assert_eq!(given(vec!["film.mp4.reel"; 4]), ["film.mp4", "film.mp4.reel", "film-2.mp4", "film-3.mp4"]);
        assert_eq!(given(vec![".x.reel"; 3]), [".x", ".x.reel", ".x-2"]);
    }
}
