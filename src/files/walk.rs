//! The files that are named, and those in the folders that are named.

use std::{
    collections::HashSet,
    fs::{self, Metadata},
    io,
    path::{Path, PathBuf},
};

use thiserror::Error;
use walkdir::WalkDir;

use super::{input::is_standard, naming::has_suffix, standard_stream::standard_input, temporaries::is_temporary_name};

/// An input that was named or found.
#[derive(Debug)]
pub(crate) struct NamedInput {
    /// `None` for standard input, as which `-` counts, too.
    pub path: Option<PathBuf>,
    /// Its path below what was named, the last part of that included: its place in an output folder.
    pub below: PathBuf,
}

impl NamedInput {
    /// What the input is now, if the system says.
    pub fn metadata(&self) -> Option<Metadata> {
        match self.path.as_deref() {
            path if is_standard(path) => standard_input().and_then(|file| file.metadata()).ok(),
            path => path?.metadata().ok(),
        }
    }

    /// The bytes that are to come: `None` for a stream, none of what the system does not let us see.
    pub fn size(&self) -> Option<u64> {
        self.metadata().map_or(Some(0), |metadata| metadata.is_file().then_some(metadata.len()))
    }

    fn named(path: &Path) -> Self {
        let below = path.file_name().map(PathBuf::from).unwrap_or_default();
        Self { path: Some(path.to_owned()), below }
    }
}

/// A kind of files, by their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    Plaintext,
    Streams,
}

impl FileKind {
    fn includes(self, path: &Path) -> bool {
        has_suffix(path) == (self == Self::Streams) && !is_temporary_name(path)
    }
}

/// Why a path gives no input.
#[derive(Debug, Error)]
pub(crate) enum WalkError {
    /// The system refuses access.
    #[error("cannot open")]
    Open {
        path: PathBuf,
        #[source]
        error: io::Error,
    },
    /// No file in the folder is of that kind.
    #[error("holds no file of that kind")]
    NothingFound { folder: PathBuf, kind: FileKind },
}

/// The inputs that are `named`, or standard input if none is. If there is a kind `below_folders`, a folder is replaced
/// by all regular files of that kind below it, in the order of their names. What cannot be read is an error at that
/// point, and `passed_over` is called for the files that are skipped.
pub(crate) fn expand(
    named: &[PathBuf],
    below_folders: Option<FileKind>,
    mut passed_over: impl FnMut(&Path),
) -> Vec<Result<NamedInput, WalkError>> {
    if named.is_empty() {
        return vec![Ok(NamedInput { path: None, below: PathBuf::new() })];
    }
    let mut inputs = Vec::new();
    let mut known = HashSet::new();
    for path in named {
        // Named twice, it is still one input.
        if fs::canonicalize(path).is_ok_and(|place| !known.insert(place)) {
            continue;
        }
        match below_folders {
            Some(kind) if path.is_dir() => {
                let before = inputs.len();
                walk(path, kind, &mut inputs, &mut passed_over);
                if inputs.len() == before {
                    inputs.push(Err(WalkError::NothingFound { folder: path.clone(), kind }));
                }
            }
            _ => inputs.push(Ok(NamedInput::named(path))),
        }
    }
    inputs
}

fn walk(
    folder: &Path,
    kind: FileKind,
    inputs: &mut Vec<Result<NamedInput, WalkError>>,
    passed_over: &mut impl FnMut(&Path),
) {
    let last = folder.file_name().map(Path::new).unwrap_or(Path::new(""));
    for entry in WalkDir::new(folder).sort_by_file_name() {
        match entry {
            Ok(entry) if entry.file_type().is_dir() => {}
            Ok(entry) if entry.file_type().is_file() && kind.includes(entry.path()) => {
                let below = entry.path().strip_prefix(folder).map(|path| last.join(path)).unwrap_or_default();
                inputs.push(Ok(NamedInput { path: Some(entry.into_path()), below }));
            }
            Ok(entry) => passed_over(entry.path()),
            Err(error) => {
                let path = error.path().unwrap_or(folder).to_owned();
                inputs.push(Err(WalkError::Open { path, error: error.into() }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_folder_stands_for_the_files_of_a_kind_below_it_in_order_and_links_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let clips = folder.path().join("clips");
        fs::create_dir_all(clips.join("day/night")).unwrap();
        for name in ["b", "a", "a.reel", ".reelseal-x.partial", "day/night/c"] {
            fs::write(clips.join(name), b"frames").unwrap();
        }
        symlink("b", clips.join("link")).unwrap();
        symlink("..", clips.join("loop")).unwrap();
        let mut passed_over = Vec::new();
        let inputs =
            expand(std::slice::from_ref(&clips), Some(FileKind::Plaintext), |path| passed_over.push(path.to_owned()));
        let below: Vec<_> = inputs.into_iter().map(|input| input.unwrap().below).collect();
        assert_eq!(below, ["clips/a", "clips/b", "clips/day/night/c"].map(PathBuf::from));
        assert_eq!(passed_over, [".reelseal-x.partial", "a.reel", "link", "loop"].map(|name| clips.join(name)));
        let streams = expand(std::slice::from_ref(&clips), Some(FileKind::Streams), |_| {});
        assert_eq!(
            streams.into_iter().map(|input| input.unwrap().below).collect::<Vec<_>>(),
            [PathBuf::from("clips/a.reel")]
        );
        let nothing = expand(&[clips.join("day")], Some(FileKind::Streams), |_| {}).remove(0).unwrap_err();
        assert!(matches!(nothing, WalkError::NothingFound { folder, .. } if folder == clips.join("day")));
    }

    #[test]
    fn a_file_stands_for_itself_and_nothing_for_standard_input() {
        let twice = ["/etc/passwd", "/etc/../etc/passwd"].map(PathBuf::from);
        assert_eq!(expand(&twice, None, |_| {}).len(), 1);
        let [file, dash] = expand(&["some/film".into(), "-".into()], None, |_| {}).try_into().unwrap();
        assert_eq!(file.unwrap().below, PathBuf::from("film"));
        assert!(is_standard(dash.unwrap().path.as_deref()));
        assert_eq!(expand(&[], Some(FileKind::Streams), |_| {}).remove(0).unwrap().path, None);
    }
}
