//! The files in a recording's folder that are segments, according to their headers.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, statat, unlinkat};

use crate::{
    container::SegmentRecord,
    files::{folders::Folder, naming::SUFFIX},
    stream::{DescriptorInput, StreamHeader},
};

/// A segment's file, and what its header says.
pub(super) struct Found {
    pub name: OsString,
    pub record: SegmentRecord,
    /// How long it is. The room reserved for a growing segment does not count.
    pub size: u64,
    /// When it was last written, in Unix microseconds.
    pub modified: i64,
}

/// The segments in `folder`.
pub(super) fn survey(folder: &Folder) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for entry in Dir::read_from(folder)? {
        let name = OsStr::from_bytes(entry?.file_name().to_bytes()).to_owned();
        if name.as_bytes().ends_with(SUFFIX.as_bytes()) {
            found.extend(find(folder, &name));
        }
    }
    Ok(found)
}

/// The segment `name` in `folder`; `None` if it is not a segment, or is not there.
pub(super) fn find(folder: &Folder, name: &OsStr) -> Option<Found> {
    // Opening a pipe would block, and a link leads elsewhere.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    size_of(folder, name)?;
    let file: File = folder.open_file(name, flags, Mode::empty()).ok()?;
    let metadata = file.metadata().ok().filter(|metadata| metadata.is_file())?;
    let record = StreamHeader::read(DescriptorInput::new(&file).ok()?, Vec::new()).ok()?.header().segment()?;
    let modified = metadata.mtime().saturating_mul(1_000_000).saturating_add(metadata.mtime_nsec() / 1000);
    Some(Found { name: name.to_owned(), record, size: metadata.len(), modified })
}

/// How long the regular file `name` in `folder` is; `None` if it is not there, or is something else.
pub(super) fn size_of(folder: &Folder, name: &OsStr) -> Option<u64> {
    let status = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    let is_file = FileType::from_raw_mode(status.st_mode) == FileType::RegularFile;
    is_file.then(|| u64::try_from(status.st_size).unwrap_or(0))
}

/// Removes the file `name` from `folder`.
pub(super) fn remove(folder: &Folder, name: &OsStr) -> io::Result<()> {
    Ok(unlinkat(folder, name, AtFlags::empty())?)
}
