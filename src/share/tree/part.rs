//! The stream of one file, as a part of what is shared under one name.

use std::sync::Arc;

use super::{cuts::Cuts, descriptors::SourceFile, extent::Mark, fingerprint::Fingerprint, place::Place};
use crate::{record::SegmentFacts, stream::SealedFile};

/// A stream in one file.
pub(super) struct Part {
    /// Its position in the whole.
    pub start: u64,
    /// How many of its bytes are delivered.
    pub length: u64,
    pub sealed: Arc<SealedFile<SourceFile>>,
    /// What it says about its place in a recording.
    pub facts: Option<SegmentFacts>,
    pub cuts: Arc<Cuts>,
}

impl Part {
    pub fn place(&self) -> &Place {
        self.sealed.source().place()
    }

    pub fn fingerprint(&self) -> &Fingerprint {
        self.sealed.source().fingerprint()
    }

    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.length)
    }

    /// Whether the file now holds another stream: neither copy of its header, of which one may be damaged, has the
    /// prefix of this one.
    pub fn is_replaced(&self) -> bool {
        !self.sealed.is_in(self.sealed.source())
    }

    /// Its position in the recording, including segments that are not here.
    pub fn offset_in_recording(&self) -> u64 {
        self.facts.as_ref().map_or(0, |facts| facts.record.offset)
    }

    pub fn mark(&self) -> Mark {
        Mark { prefix: blake3::hash(&self.sealed.header().prefix.encode()).into(), end: self.end() }
    }
}
