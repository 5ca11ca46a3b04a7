//! The next segment, made in advance: everything that can fail for want of room, while the one before it still grows.

use std::{ffi::OsString, io};

use super::{
    reserve::Reserve,
    store::{SegmentFile, SegmentFolder},
};
use crate::{container::FRAME_OVERHEAD, keys::NewStream};

/// What another segment needs, made while the one before it can still be ended as the last one.
pub(super) struct NextSegment<F> {
    pub name: String,
    pub stream: NewStream,
    /// `None` where the file system has no files without a name: the file can then be created only once the one before
    /// has ended.
    pub file: Option<F>,
    pub reserve: Reserve,
}

impl<F: SegmentFile> NextSegment<F> {
    /// A segment that is to have this `name`, with room for its header, one frame and the final one.
    pub fn new<D: SegmentFolder<File = F>>(folder: &D, name: String, stream: NewStream) -> Result<Self, NotMade> {
        let mut next = Self { name, stream, file: None, reserve: Reserve::default() };
        let length = next.least_length();
        let made = folder.create_unnamed().and_then(|file| {
            file.as_ref().map_or(Ok(()), |file| next.reserve.ensure(file, 0, length))?;
            Ok(file)
        });
        match made {
            Ok(file) => Ok(Self { file, ..next }),
            Err(error) => Err(NotMade { name: next.name.into(), error, was_there: false }),
        }
    }

    /// The length of its header, one frame and the final one.
    pub fn least_length(&self) -> u64 {
        self.stream.header.layout().frame_position(1).saturating_add(FRAME_OVERHEAD as u64)
    }

    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A segment that could not be made.
pub(super) struct NotMade {
    pub name: OsString,
    pub error: io::Error,
    /// Whether the file was created, but could not be written or synced.
    pub was_there: bool,
}
