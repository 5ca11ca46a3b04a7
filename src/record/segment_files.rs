//! Which files in a folder are segments, according to their headers; none of this is authenticated.

use std::{
    collections::HashMap,
    fs::{self, File, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::{
    container::SegmentRecord,
    files::walk::is_stream_of_folder,
    stream::{DescriptorInput, HeaderReadError, StreamHeader},
};

/// What the header of the file at `path` says about its place in a recording; `None` if it says nothing, or cannot be
/// read yet.
pub(crate) fn segment_at(path: &Path) -> Option<SegmentRecord> {
    read_segment(path).ok().flatten()
}

/// The same; `None` for a stream that is not a segment.
///
/// # Errors
///
/// Why no header can be read: with [`HeaderError::Cut`](crate::container::HeaderError::Cut), not all of it may have been
/// written yet.
pub(crate) fn read_segment(path: &Path) -> Result<Option<SegmentRecord>, HeaderReadError> {
    // Opening a pipe would block.
    if !path.metadata().map_err(HeaderReadError::Read)?.is_file() {
        return Err(HeaderReadError::Read(io::Error::other("it is not a regular file")));
    }
    let file = File::open(path).map_err(HeaderReadError::Read)?;
    let input = DescriptorInput::new(&file).map_err(HeaderReadError::Read)?;
    Ok(StreamHeader::read(input, Vec::new())?.header().segment())
}

/// Whether `streams` is not empty and may consist of segments: none has a header that can be read.
pub(crate) fn may_be_segments(streams: &[PathBuf]) -> bool {
    !streams.is_empty() && streams.iter().all(|path| read_segment(path).is_err())
}

/// The streams directly in `folder`, in the order of their names.
///
/// # Errors
///
/// The error that the system reports for the folder.
pub(crate) fn streams_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() && is_stream_of_folder(&entry.path()) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// The segments in a folder in which more may appear. The header of each file is read once; that of a file that is not
/// a segment, again when the file has changed.
pub(crate) struct SegmentFiles {
    folder: PathBuf,
    known: HashMap<PathBuf, Known>,
}

/// A file, as it was when its header was read.
struct Known {
    identity: FileIdentity,
    length: u64,
    modified: Option<SystemTime>,
    /// `None` if it is not a segment, or has no complete header yet.
    record: Option<SegmentRecord>,
}

impl Known {
    fn is_still(&self, now: &Self) -> bool {
        let is_unchanged = (self.length, self.modified) == (now.length, now.modified);
        self.identity == now.identity && (self.record.is_some() || is_unchanged)
    }
}

/// Tells a file from another one that got its name, or its inode, after it was removed.
#[derive(Clone, Copy, PartialEq, Eq)]
struct FileIdentity {
    inode: u64,
    created: Option<SystemTime>,
}

impl FileIdentity {
    fn of(metadata: &Metadata) -> Self {
        Self { inode: metadata.ino(), created: metadata.created().ok() }
    }
}

impl SegmentFiles {
    /// The segments of `folder`, nothing of which has been read yet.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), known: HashMap::new() }
    }

    /// The segments that are there now, by their numbers.
    ///
    /// # Errors
    ///
    /// The error that the system reports for the folder.
    pub fn look(&mut self) -> io::Result<Vec<(PathBuf, SegmentRecord)>> {
        let (mut segments, mut known) = (Vec::new(), HashMap::new());
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let Ok(metadata) = path.metadata() else { continue };
            let (identity, length, modified) = (FileIdentity::of(&metadata), metadata.len(), metadata.modified().ok());
            let mut now = Known { identity, length, modified, record: None };
            let before = self.known.remove(&path).filter(|before| before.is_still(&now));
            now.record = before.map_or_else(|| segment_at(&path), |before| before.record);
            segments.extend(now.record.map(|record| (path.clone(), record)));
            known.insert(path, now);
        }
        self.known = known;
        segments.sort_by(|(one, first), (other, second)| (first.number, one).cmp(&(second.number, other)));
        Ok(segments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_given_to_another_segment_is_read_again() {
        let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/recording");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cam.reel");
        let mut files = SegmentFiles::new(folder.path());
        for (name, number) in [("first.reel", 1), ("second.reel", 2)] {
            fs::copy(vectors.join(name), &path).unwrap();
            let found: Vec<_> = files.look().unwrap().into_iter().map(|(_, record)| record.number).collect();
            assert_eq!(found, [number]);
            fs::remove_file(&path).unwrap();
        }
        assert_eq!(files.look().unwrap(), []);
    }

    #[test]
    fn a_file_that_is_not_a_segment_is_read_again_only_when_it_has_changed() {
        let vector = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/recording/first.reel");
        let segment = fs::read(vector).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cam.reel");
        let mut files = SegmentFiles::new(folder.path());
        let mut write = |content: &[u8], modified: Option<SystemTime>| {
            fs::write(&path, content).unwrap();
            if let Some(modified) = modified {
                File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
            }
            files.look().unwrap().len()
        };
        let times = [1, 2].map(|seconds| Some(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds)));
        assert_eq!(write(&vec![0; segment.len()], times[0]), 0);
        // A change that does not show: the file is not read again.
        assert_eq!(write(&segment, times[0]), 0);
        assert_eq!(write(&segment, times[1]), 1);
        assert_eq!(write(&segment[..100], None), 1, "a segment stays one");
        fs::remove_file(&path).unwrap();
        assert_eq!(files.look().unwrap(), []);
        assert!(files.known.is_empty());
    }
}
