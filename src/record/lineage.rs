//! What a recorder knows of its segments so far, to link the next one to them.

use std::ffi::{OsStr, OsString};

use crate::{
    container::{Predecessor, Prefix, RECORDING_ID_LENGTH, SegmentRecord},
    keys::LinkKey,
};

/// The segments of a recording so far.
pub(super) struct Lineage {
    recording: [u8; RECORDING_ID_LENGTH],
    /// How many segments there are.
    segments: u64,
    /// The total length of their plaintexts.
    offset: u64,
    /// The name of the last of them.
    name: Option<OsString>,
    /// How the last of them ended, and its key.
    last: Option<(Predecessor, LinkKey)>,
}

impl Lineage {
    /// The recording with this id, with no segment yet.
    pub fn new(recording: [u8; RECORDING_ID_LENGTH]) -> Self {
        Self { recording, segments: 0, offset: 0, name: None, last: None }
    }

    /// The record of the next segment, whose stream starts with `prefix` and has this `key`.
    pub fn next(&self, prefix: &Prefix, key: &LinkKey) -> SegmentRecord {
        let predecessor = self.last.as_ref().map(|(predecessor, _)| *predecessor).unwrap_or_default();
        let (recording, number, offset) = (self.recording, self.segments + 1, self.offset);
        let record = SegmentRecord { recording, number, offset, predecessor, link: [0; 32] };
        match &self.last {
            Some((_, last)) => SegmentRecord { link: *last.link(&record, prefix, key).as_bytes(), ..record },
            None => record,
        }
    }

    /// Notes how the segment that was next has ended, with its name, the `length` of its plaintext and its `key`.
    pub fn ended(&mut self, name: OsString, length: u64, end: Predecessor, key: LinkKey) {
        self.name = Some(name);
        self.segments += 1;
        self.offset += length;
        self.last = Some((end, key));
    }

    /// The name of the last segment.
    pub fn last_name(&self) -> Option<&OsStr> {
        self.name.as_deref()
    }

    /// How many segments have ended, and the total length of their plaintexts.
    pub fn sums(&self) -> (u64, u64) {
        (self.segments, self.offset)
    }
}
