//! The names that streams have in the tree: those of their files without the suffix, unless two would be the same.

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::Path,
};

use crate::files::naming::without_suffix;

/// The names that the server of a tree itself uses in its folders: no stream gets these.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Generated {
    /// In every folder.
    pub names: &'static [&'static str],
    /// Beside each recording: its name with this suffix.
    pub suffix: Option<&'static str>,
}

/// The names of one folder.
pub(super) struct Names {
    taken: BTreeSet<OsString>,
    generated: Generated,
}

impl Names {
    /// No names yet but those of what is `generated`.
    pub fn new(generated: Generated) -> Self {
        Self { taken: generated.names.iter().map(OsString::from).collect(), generated }
    }

    /// Whether the file called `own` could get the name of what is generated for a recording; if so, it must be given
    /// its name after the recordings.
    pub fn comes_last(&self, own: &OsStr) -> bool {
        let stripped = without_suffix(Path::new(own)).map_or_else(|| own.to_owned(), OsString::from);
        self.generated.suffix.is_some_and(|suffix| stripped.as_bytes().ends_with(suffix.as_bytes()))
    }

    /// A name for the recording whose first file is called `own`, as with [`Names::give`].
    pub fn give_to_recording(&mut self, own: &OsStr) -> OsString {
        let name = self.give(own);
        if let Some(suffix) = self.generated.suffix {
            let mut beside = name.clone();
            beside.push(suffix);
            self.taken.insert(beside);
        }
        name
    }

    /// A name for the file called `own`: without the suffix; if that is taken, its own name; and if even that is taken,
    /// the first of them with a number. Names without a suffix must come first, and the others in their order.
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

    /// Reserves the name of the folder called `own`, which is used as it is.
    pub fn give_own(&mut self, own: &OsStr) -> OsString {
        self.taken.insert(own.to_owned());
        own.to_owned()
    }

    /// The order in which names are given.
    pub fn order(own: &OsStr) -> (bool, &OsStr) {
        (without_suffix(Path::new(own)).is_some(), own)
    }
}

/// `name` with a number before its extension.
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
        let mut given = Names::new(Generated::default());
        names.iter().map(|name| given.give(OsStr::new(name)).into_string().unwrap()).collect()
    }

    #[test]
    fn the_suffix_is_left_out_unless_two_names_would_be_the_same() {
        assert_eq!(given(vec!["film.mp4.reel", "a.reel", ".reel"]), [".reel", "a", "film.mp4"]);
        assert_eq!(given(vec!["..reel", "...reel", "....reel"]), ["...reel", "..reel", "..."]);
        assert_eq!(given(vec!["film.reel", "film"]), ["film", "film.reel"]);
        assert_eq!(given(vec!["a.reel.reel", "a", "a.reel"]), ["a", "a.reel", "a.reel.reel"]);
        // As from two named folders.
        assert_eq!(given(vec!["film.mp4.reel"; 4]), ["film.mp4", "film.mp4.reel", "film-2.mp4", "film-3.mp4"]);
        assert_eq!(given(vec![".x.reel"; 3]), [".x", ".x.reel", ".x-2"]);
    }

    #[test]
    fn no_stream_gets_a_name_that_is_generated() {
        let mut names = Names::new(Generated { names: &["index.json"], suffix: Some(".m3u8") });
        assert!(names.comes_last(OsStr::new("cam.m3u8.reel")) && !names.comes_last(OsStr::new("cam.reel")));
        assert_eq!(names.give(OsStr::new("index.json.reel")), "index.json.reel");
        assert_eq!(names.give_to_recording(OsStr::new("cam.reel")), "cam");
        assert_eq!(names.give(OsStr::new("cam.m3u8.reel")), "cam.m3u8.reel");
        assert_eq!(names.give(OsStr::new("other.m3u8.reel")), "other.m3u8");
    }
}
