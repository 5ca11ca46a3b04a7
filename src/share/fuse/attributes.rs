//! What programs see of a file or folder without opening it.

use std::time::SystemTime;

use fuser::{FileAttr, FileType, INodeNo};

use crate::share::tree::{Attributes, SharedStream};

/// The read size that programs are advised to use.
pub(super) const BLOCK: u32 = 128 << 10;
/// The size of the blocks in which space is counted.
const COUNTED: u64 = 512;

/// The attributes of the folder `number`.
pub(super) fn of_folder(number: INodeNo, attributes: &Attributes) -> FileAttr {
    // The number of links is unknown: programs that use it to count subfolders then look for themselves.
    FileAttr { kind: FileType::Directory, ..of_file(number, attributes, 0) }
}

/// The attributes of the file `number`, which has `size` bytes.
pub(super) fn of_file(number: INodeNo, attributes: &Attributes, size: u64) -> FileAttr {
    FileAttr {
        ino: number,
        size,
        blocks: size.div_ceil(COUNTED),
        atime: attributes.accessed,
        mtime: attributes.modified,
        ctime: attributes.changed,
        crtime: SystemTime::UNIX_EPOCH,
        kind: FileType::RegularFile,
        perm: (attributes.mode & 0o7777) as u16,
        nlink: 1,
        uid: attributes.uid,
        gid: attributes.gid,
        rdev: 0,
        blksize: BLOCK,
        flags: 0,
    }
}

/// The size that is shown for `stream`. Without a proper end, it is more than can be read, so that a program that reads
/// up to that size gets the error.
pub(super) fn shown_size(stream: &SharedStream, claimed: Option<u64>) -> u64 {
    let length = stream.len();
    if stream.is_whole() { length } else { claimed.unwrap_or(0).max(length.saturating_add(1)) }
}
