//! The files that are named, and those in the folders that are named.

use std::{
    collections::HashSet,
    fs::{self, FileType, Metadata},
    io,
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
};

use thiserror::Error;
use walkdir::WalkDir;

use super::{
    input::is_standard, naming::has_suffix, recognition::is_stream_at, standard_stream::standard_input,
    temporaries::is_temporary_name,
};

/// An input that was named or found.
#[derive(Debug)]
pub(crate) struct NamedInput {
    /// `None` for standard input, and for `-`.
    pub path: Option<PathBuf>,
    /// Its path below the named folder, including that folder's own name: its place in an output folder.
    pub below: PathBuf,
}

impl NamedInput {
    /// The input's metadata now, if the system gives it.
    pub fn metadata(&self) -> Option<Metadata> {
        match self.path.as_deref() {
            path if is_standard(path) => standard_input().and_then(|file| file.metadata()).ok(),
            path => path?.metadata().ok(),
        }
    }

    /// The bytes expected: `None` for a pipe, zero for something that the system does not let us see.
    pub fn size(&self) -> Option<u64> {
        self.metadata().map_or(Some(0), |metadata| metadata.is_file().then_some(metadata.len()))
    }

    fn named(path: &Path) -> Self {
        let below = path.file_name().map(PathBuf::from).unwrap_or_default();
        Self { path: Some(path.to_owned()), below }
    }
}

/// A kind of file, by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    Plaintext,
    Streams,
    /// A file that is a stream in name only counts as a damaged one.
    StreamsByContentOrName,
}

/// Why something below a folder is not an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unfit {
    Link,
    Stream,
    Plaintext,
    /// It is a stream by its name only.
    MisnamedPlaintext,
    Pipe,
    Socket,
    Device,
    /// A temporary file of a killed run, or of one that is still running.
    Temporary,
}

impl FileKind {
    /// Why the regular file at `path` is not of this kind, if it is not. A file that cannot be read counts as being of
    /// this kind, and the error is reported when its turn comes.
    fn excludes(self, path: &Path) -> Option<Unfit> {
        if is_temporary_name(path) {
            return Some(Unfit::Temporary);
        }
        match (self, is_stream_at(path).ok()?) {
            (Self::Plaintext, true) => Some(Unfit::Stream),
            (Self::Streams, false) if has_suffix(path) => Some(Unfit::MisnamedPlaintext),
            (Self::StreamsByContentOrName, false) if has_suffix(path) => None,
            (Self::Streams | Self::StreamsByContentOrName, false) => Some(Unfit::Plaintext),
            _ => None,
        }
    }
}

impl Unfit {
    /// Why something other than a regular file is not an input.
    fn special(kind: FileType) -> Self {
        if kind.is_symlink() {
            Self::Link
        } else if kind.is_fifo() {
            Self::Pipe
        } else if kind.is_socket() {
            Self::Socket
        } else {
            Self::Device
        }
    }
}

/// What was found for the names given.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub inputs: Vec<Result<NamedInput, WalkError>>,
    /// What was found below folders that is not an input, and why.
    pub passed_over: Vec<(PathBuf, Unfit)>,
    pub empty_folders: Vec<EmptyFolder>,
}

/// A folder with nothing in it.
#[derive(Debug)]
pub(crate) struct EmptyFolder {
    pub path: PathBuf,
    /// Like [`NamedInput::below`].
    pub below: PathBuf,
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
    #[error("contains no file of that kind")]
    NothingFound { folder: PathBuf, kind: FileKind },
}

/// The inputs that are `named`, or standard input if there are none. With a kind `below_folders`, a folder is replaced
/// by all regular files of that kind below it, in the order of their names. Anything that cannot be read is an error at
/// its place in the order.
pub(crate) fn expand(named: &[PathBuf], below_folders: Option<FileKind>) -> Found {
    let mut found = Found::default();
    if named.is_empty() {
        found.inputs.push(Ok(NamedInput { path: None, below: PathBuf::new() }));
    }
    let mut known = HashSet::new();
    for path in named {
        // A path that is named twice is still one input.
        if fs::canonicalize(path).is_ok_and(|place| !known.insert(place)) {
            continue;
        }
        match below_folders {
            Some(kind) if path.is_dir() => {
                let before = found.inputs.len();
                found.walk(path, kind);
                if found.inputs.len() == before {
                    found.inputs.push(Err(WalkError::NothingFound { folder: path.clone(), kind }));
                }
            }
            _ => found.inputs.push(Ok(NamedInput::named(path))),
        }
    }
    found
}

/// Whether the regular file at `path` is a stream, or has the name of one.
pub(crate) fn is_stream_of_folder(path: &Path) -> bool {
    FileKind::StreamsByContentOrName.excludes(path).is_none()
}

impl Found {
    fn walk(&mut self, folder: &Path, kind: FileKind) {
        let last = folder.file_name().map(Path::new).unwrap_or(Path::new(""));
        let below = |path: &Path| path.strip_prefix(folder).map(|path| last.join(path)).unwrap_or_default();
        // A folder is empty if the next entry is not inside it.
        let mut maybe_empty: Option<PathBuf> = None;
        for entry in WalkDir::new(folder).sort_by_file_name().into_iter().map(Some).chain([None]) {
            let next = entry.as_ref().and_then(|entry| match entry {
                Ok(entry) => Some(entry.path()),
                Err(error) => error.path(),
            });
            if let Some(path) = maybe_empty.take()
                && next.is_none_or(|next| !next.starts_with(&path))
            {
                let below = below(&path);
                self.empty_folders.push(EmptyFolder { path, below });
            }
            match entry {
                Some(Ok(entry)) if entry.file_type().is_dir() => maybe_empty = Some(entry.into_path()),
                Some(Ok(entry)) => {
                    let is_file = entry.file_type().is_file();
                    let path = entry.path();
                    let unfit = if is_file { kind.excludes(path) } else { Some(Unfit::special(entry.file_type())) };
                    match unfit {
                        Some(unfit) => self.passed_over.push((entry.into_path(), unfit)),
                        None => {
                            let below = below(path);
                            self.inputs.push(Ok(NamedInput { path: Some(entry.into_path()), below }));
                        }
                    }
                }
                Some(Err(error)) => {
                    let path = error.path().unwrap_or(folder).to_owned();
                    self.inputs.push(Err(WalkError::Open { path, error: error.into() }));
                }
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::{fs::symlink, net::UnixListener};

    use super::*;

    const STREAM: &[u8] = b"\x89RSL\r\n\x1a\nand what comes after it";

    fn below(found: Found) -> Vec<PathBuf> {
        found.inputs.into_iter().map(|input| input.unwrap().below).collect()
    }

    #[test]
    fn a_folder_gives_the_files_of_a_kind_below_it_in_order_and_all_else_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let clips = folder.path().join("clips");
        fs::create_dir_all(clips.join("day/night")).unwrap();
        for name in ["b", "a", "x.reel", ".reelseal-x.partial", "day/night/c"] {
            fs::write(clips.join(name), b"frames").unwrap();
        }
        for name in ["a.reel", "stream"] {
            fs::write(clips.join(name), STREAM).unwrap();
        }
        symlink("b", clips.join("link")).unwrap();
        symlink("..", clips.join("loop")).unwrap();
        let _socket = UnixListener::bind(clips.join("socket")).unwrap();
        let expand = |kind| expand(std::slice::from_ref(&clips), Some(kind));
        let plaintext = expand(FileKind::Plaintext);
        let passed_over = [
            (".reelseal-x.partial", Unfit::Temporary),
            ("a.reel", Unfit::Stream),
            ("link", Unfit::Link),
            ("loop", Unfit::Link),
            ("socket", Unfit::Socket),
            ("stream", Unfit::Stream),
        ];
        assert_eq!(plaintext.passed_over, passed_over.map(|(name, unfit)| (clips.join(name), unfit)));
        assert_eq!(below(plaintext), ["clips/a", "clips/b", "clips/day/night/c", "clips/x.reel"].map(PathBuf::from));
        let streams = expand(FileKind::Streams);
        assert!(streams.passed_over.contains(&(clips.join("x.reel"), Unfit::MisnamedPlaintext)));
        assert!(streams.passed_over.contains(&(clips.join("a"), Unfit::Plaintext)));
        assert_eq!(below(streams), ["clips/a.reel", "clips/stream"].map(PathBuf::from));
        let by_name_too = expand(FileKind::StreamsByContentOrName);
        assert_eq!(below(by_name_too), ["clips/a.reel", "clips/stream", "clips/x.reel"].map(PathBuf::from));
        let nothing = super::expand(&[clips.join("day")], Some(FileKind::Streams)).inputs.remove(0).unwrap_err();
        assert!(matches!(nothing, WalkError::NothingFound { folder, .. } if folder == clips.join("day")));
    }

    #[test]
    fn folders_with_nothing_in_them_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let clips = folder.path().join("clips");
        for name in ["a", "b/deep", "b.more", "c/full", "z"] {
            fs::create_dir_all(clips.join(name)).unwrap();
        }
        fs::write(clips.join("c/full/film"), b"frames").unwrap();
        fs::write(clips.join("b.more/film.reel"), STREAM).unwrap();
        let found = expand(std::slice::from_ref(&clips), Some(FileKind::Plaintext));
        let empty: Vec<_> = found.empty_folders.into_iter().map(|folder| folder.below).collect();
        assert_eq!(empty, ["clips/a", "clips/b/deep", "clips/z"].map(PathBuf::from));
    }

    #[test]
    fn a_file_gives_itself_and_no_name_gives_standard_input() {
        let twice = ["/etc/passwd", "/etc/../etc/passwd"].map(PathBuf::from);
        assert_eq!(expand(&twice, None).inputs.len(), 1);
        let [file, dash] = expand(&["some/film".into(), "-".into()], None).inputs.try_into().unwrap();
        assert_eq!(file.unwrap().below, PathBuf::from("film"));
        assert!(is_standard(dash.unwrap().path.as_deref()));
        assert_eq!(expand(&[], Some(FileKind::Streams)).inputs.remove(0).unwrap().path, None);
    }
}
