//! The content of a tree: folders and files, with the metadata of their sources.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::Metadata,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{OpenFailure, fingerprint::Fingerprint, place::Place};

/// Identifies a node for as long as the tree exists.
pub(crate) type NodeId = u64;

/// The node of the whole tree.
pub(crate) const ROOT: NodeId = 1;

/// A folder or a file.
#[derive(Debug)]
pub(crate) struct Node {
    pub id: NodeId,
    pub parent: NodeId,
    pub name: OsString,
    pub attributes: Attributes,
    pub content: Content,
}

/// What is in a node.
#[derive(Debug)]
pub(crate) enum Content {
    Folder(BTreeMap<OsString, NodeId>),
    File(FileEntry),
}

/// The metadata of the .reel file, of a recording's last segment, or of the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attributes {
    /// The permission bits.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub modified: SystemTime,
    pub accessed: SystemTime,
    /// When content or metadata last changed.
    pub changed: SystemTime,
}

/// A stream, or a recording.
#[derive(Clone, Debug)]
pub(crate) struct FileEntry {
    /// The length of the plaintext as the file's size and header claim it. A live stream claims no length.
    pub claimed: Option<u64>,
    /// Whether a recorder may still add to it: it is a recording, and no later segment of it exists here.
    #[cfg_attr(not(feature = "serve"), allow(dead_code, reason = "only playlists depend on it"))]
    pub may_grow: bool,
    pub(super) source: FileSource,
}

/// The source files of one name.
#[derive(Clone, Debug)]
pub(super) enum FileSource {
    Stream(Place),
    /// Segments of one recording with consecutive numbers: the first, and all of them.
    Recording(Place, Arc<[Place]>),
}

impl Node {
    /// The file, if it is one.
    pub fn file(&self) -> Option<&FileEntry> {
        match &self.content {
            Content::File(file) => Some(file),
            Content::Folder(_) => None,
        }
    }
}

impl FileEntry {
    /// The source file; for a recording, that of its first segment.
    pub fn path(&self) -> &Path {
        self.source.first().path()
    }

    /// Whether this is a recording, of one segment or more.
    pub fn is_recording(&self) -> bool {
        matches!(self.source, FileSource::Recording(..))
    }
}

impl FileSource {
    /// The stream, or the first segment.
    pub fn first(&self) -> &Place {
        match self {
            Self::Stream(place) | Self::Recording(place, _) => place,
        }
    }

    pub fn places(&self) -> &[Place] {
        match self {
            Self::Stream(place) => std::slice::from_ref(place),
            Self::Recording(_, places) => places,
        }
    }

    /// What the files are like now.
    pub fn fingerprints(&self) -> Result<Vec<Fingerprint>, OpenFailure> {
        self.places().iter().map(|place| place.metadata().map(|metadata| Fingerprint::of(&metadata))).collect()
    }
}

impl Attributes {
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            mode: metadata.mode() & 0o7777,
            uid: metadata.uid(),
            gid: metadata.gid(),
            modified: time(metadata.mtime(), metadata.mtime_nsec()),
            accessed: time(metadata.atime(), metadata.atime_nsec()),
            changed: time(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// The time of the last change, in whole seconds since 1970.
    pub fn modified_seconds(&self) -> u64 {
        self.modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
    }
}

/// The time that is `seconds` and `nanoseconds` after the first moment of 1970, or before it.
fn time(seconds: i64, nanoseconds: i64) -> SystemTime {
    let epoch = SystemTime::UNIX_EPOCH;
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let second = if seconds < 0 { epoch.checked_sub(whole) } else { epoch.checked_add(whole) };
    let part = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(0));
    second.and_then(|second| second.checked_add(part)).unwrap_or(epoch)
}
