//! Which files of a folder are segments, as their headers say; nothing of that is authenticated.

use std::{
    collections::HashMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
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

/// The segments of a folder in which more may appear. Each is read once: a name is never given to another.
pub(crate) struct SegmentFiles {
    folder: PathBuf,
    known: HashMap<PathBuf, SegmentRecord>,
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
            let known = self.known.get(&path).copied().or_else(|| segment_at(&path));
            if let Some(record) = known {
                self.known.insert(path.clone(), record);
                segments.push((path, record));
            }
        }
        segments.sort_by(|(one, first), (other, second)| (first.number, one).cmp(&(second.number, other)));
        Ok(segments)
    }
}
