//! The key that links the segments of a recording.

use super::Key;
use crate::container::{Prefix, SegmentRecord};

/// Links the next segment of a recording to the stream whose file key this was derived from. Knowing only what new
/// streams are locked with, nobody can make a link.
#[derive(Clone, Debug)]
pub struct LinkKey(pub(super) Key);

impl LinkKey {
    /// The link that `record` must carry in the stream that starts with `prefix`, if that stream follows the stream of
    /// this key. Keyed BLAKE3 over the record's other fields and the prefix; equality of the result is in constant
    /// time.
    pub fn link(&self, record: &SegmentRecord, prefix: &Prefix) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(self.0.bytes());
        hasher.update(&record.linked_fields()).update(&prefix.encode());
        hasher.finalize()
    }

    /// Whether both were derived from the same file key and prefix. In constant time.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        blake3::Hash::from_bytes(*self.0.bytes()) == blake3::Hash::from_bytes(*other.0.bytes())
    }

    /// Whether the stream with this `record` and `prefix` was made by whoever made the stream of this key, as the next
    /// one.
    #[must_use]
    pub fn verify(&self, record: &SegmentRecord, prefix: &Prefix) -> bool {
        self.link(record, prefix) == record.link
    }
}
