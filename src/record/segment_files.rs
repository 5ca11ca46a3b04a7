//! Which files of a folder are segments, as their headers say; nothing of that is authenticated.

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
    stream::{DescriptorInput, StreamHeader},
};

/// What the header of the file at `path` says of its place in a recording; `None` if it says nothing, or has no header yet.
pub(crate) fn segment_at(path: &Path) -> Option<SegmentRecord> {
    // A pipe would make us wait.
    let file = path.metadata().ok().filter(|metadata| metadata.is_file()).and_then(|_| File::open(path).ok())?;
    StreamHeader::read(DescriptorInput::new(&file).ok()?, Vec::new()).ok()?.header().segment()
}

/// The streams that are directly in `folder`, in the order of their names.
///
/// # Errors
///
/// What the system says of the folder.
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

/// The segments of a folder in which more may appear. The header of each is read once.
pub(crate) struct SegmentFiles {
    folder: PathBuf,
    known: HashMap<PathBuf, (FileIdentity, SegmentRecord)>,
}

/// What tells a file from another that got its name, or its inode, after it was removed.
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
    /// Those of `folder`, nothing of which has been read.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), known: HashMap::new() }
    }

    /// The segments that are there now, by their numbers.
    ///
    /// # Errors
    ///
    /// What the system says of the folder.
    pub fn look(&mut self) -> io::Result<Vec<(PathBuf, SegmentRecord)>> {
        let mut segments = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let Ok(identity) = path.metadata().map(|metadata| FileIdentity::of(&metadata)) else { continue };
            let known = self.known.get(&path).filter(|(known, _)| *known == identity).map(|(_, record)| *record);
            if let Some(record) = known.or_else(|| segment_at(&path)) {
                self.known.insert(path.clone(), (identity, record));
                segments.push((path, record));
            }
        }
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
}
