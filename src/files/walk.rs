//! The inputs of a run: what was named, and, where that was asked for, what stands in the folders that were named.

use std::{
    collections::HashSet,
    fs::{self, Metadata},
    path::{Path, PathBuf},
};

use walkdir::WalkDir;

use super::{
    input::{is_standard, open_failure, standard_input},
    naming::{SUFFIX, has_suffix},
    temporaries::is_temporary_name,
};
use crate::cli::messages::{display_name::display_path, failure::Failure, report};

/// An input that was named or found.
#[derive(Debug)]
pub(crate) struct NamedInput {
    /// `None` for standard input, which `-` stands for, too.
    pub path: Option<PathBuf>,
    /// Where it stands below what was named, the last part of that included: its place in an output folder.
    pub below: PathBuf,
}

impl NamedInput {
    /// What the input is now, if it can be looked at.
    pub fn metadata(&self) -> Option<Metadata> {
        match self.path.as_deref() {
            path if is_standard(path) => standard_input().and_then(|file| file.metadata()).ok(),
            path => path?.metadata().ok(),
        }
    }

    /// The bytes that are to come: `None` for a stream, none of what cannot be looked at.
    pub fn size(&self) -> Option<u64> {
        self.metadata().map_or(Some(0), |metadata| metadata.is_file().then_some(metadata.len()))
    }

    fn named(path: &Path) -> Self {
        let below = path.file_name().map(PathBuf::from).unwrap_or_default();
        Self { path: Some(path.to_owned()), below }
    }
}

/// Whether standard input is read: if nothing is named, or `-`, which goes alone.
pub(crate) fn reads_standard_input(named: &[PathBuf]) -> Result<bool, Failure> {
    let is_named = named.iter().any(|path| is_standard(Some(path)));
    if is_named && named.len() > 1 {
        return Err(Failure::usage("cannot be one of several inputs")
            .about("standard input")
            .with_hint("give it a run of its own"));
    }
    Ok(named.is_empty() || is_named)
}

/// What a command looks for in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Plaintext,
    Streams,
}

impl Wanted {
    fn is(self, path: &Path) -> bool {
        has_suffix(path) == (self == Self::Streams) && !is_temporary_name(path)
    }

    fn hint(self) -> String {
        let passed_over = if self == Self::Streams { "does not end" } else { "ends" };
        format!("a file whose name {passed_over} in {SUFFIX} is passed over, and links are not followed")
    }
}

/// What `named` stands for: standard input if that is nothing. If `recursive`, a folder stands for all regular files
/// below it that are `wanted`, in the order of their names; what could not be looked at is a failure in its place.
pub(crate) fn expand(named: &[PathBuf], recursive: bool, wanted: Wanted) -> Vec<Result<NamedInput, Failure>> {
    if named.is_empty() {
        return vec![Ok(NamedInput { path: None, below: PathBuf::new() })];
    }
    let mut inputs = Vec::new();
    let mut known = HashSet::new();
    for path in named {
        // Named twice, it is one input all the same.
        if fs::canonicalize(path).is_ok_and(|place| !known.insert(place)) {
            continue;
        }
        if recursive && path.is_dir() {
            let before = inputs.len();
            walk(path, wanted, &mut inputs);
            if inputs.len() == before {
                inputs.push(Err(nothing_found(path, wanted)));
            }
        } else {
            inputs.push(Ok(NamedInput::named(path)));
        }
    }
    inputs
}

fn walk(folder: &Path, wanted: Wanted, inputs: &mut Vec<Result<NamedInput, Failure>>) {
    let last = folder.file_name().map(Path::new).unwrap_or(Path::new(""));
    for entry in WalkDir::new(folder).sort_by_file_name() {
        match entry {
            Ok(entry) if entry.file_type().is_dir() => {}
            Ok(entry) if entry.file_type().is_file() && wanted.is(entry.path()) => {
                let below = entry.path().strip_prefix(folder).map(|path| last.join(path)).unwrap_or_default();
                inputs.push(Ok(NamedInput { path: Some(entry.into_path()), below }));
            }
            Ok(entry) => report::detail(&format!("{}: passed over", display_path(entry.path()))),
            Err(error) => {
                let name = error.path().map_or_else(|| display_path(folder), display_path);
                inputs.push(Err(open_failure(&name, error.into())));
            }
        }
    }
}

fn nothing_found(folder: &Path, wanted: Wanted) -> Failure {
    Failure::usage("holds no file for this command").about(display_path(folder)).with_hint(wanted.hint())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_folder_stands_for_the_wanted_files_below_it_in_order_and_links_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let clips = folder.path().join("clips");
        fs::create_dir_all(clips.join("day/night")).unwrap();
        for name in ["b", "a", "a.reel", ".reelseal-x.partial", "day/night/c"] {
            fs::write(clips.join(name), b"frames").unwrap();
        }
        symlink("b", clips.join("link")).unwrap();
        symlink("..", clips.join("loop")).unwrap();
        let inputs = expand(std::slice::from_ref(&clips), true, Wanted::Plaintext);
        let below: Vec<_> = inputs.into_iter().map(|input| input.unwrap().below).collect();
        assert_eq!(below, ["clips/a", "clips/b", "clips/day/night/c"].map(PathBuf::from));
        let streams = expand(std::slice::from_ref(&clips), true, Wanted::Streams);
        assert_eq!(
            streams.into_iter().map(|input| input.unwrap().below).collect::<Vec<_>>(),
            [PathBuf::from("clips/a.reel")]
        );
        assert!(expand(&[clips.join("day")], true, Wanted::Streams).remove(0).is_err());
    }

    #[test]
    fn a_file_stands_for_itself_and_nothing_for_standard_input() {
        let twice = ["/etc/passwd", "/etc/../etc/passwd"].map(PathBuf::from);
        assert_eq!(expand(&twice, false, Wanted::Plaintext).len(), 1);
        let [file, dash] = expand(&["some/film".into(), "-".into()], false, Wanted::Plaintext).try_into().unwrap();
        assert_eq!(file.unwrap().below, PathBuf::from("film"));
        assert!(is_standard(dash.unwrap().path.as_deref()));
        assert_eq!(expand(&[], true, Wanted::Streams).remove(0).unwrap().path, None);
    }
}
