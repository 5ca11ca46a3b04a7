//! The keys that link the segments of a recording.

use super::Key;
use crate::container::{Prefix, SegmentRecord};

/// Links a segment of a recording to the ones before and after it. Derived from the file key of one stream: whoever
/// knows only what new streams are locked with can neither make a link nor use one in another stream.
///
/// ```
/// use reelseal::{
///     container::{Features, Layout, Predecessor, SegmentRecord},
///     keys::{KeyFile, Lock},
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let lock = Lock::with_key_file(&KeyFile::random()?);
/// let features = Features::LIVE.union(Features::TIMED);
/// let new_stream = || lock.new_stream(Layout::default(), features);
/// let (first, second) = (new_stream()?, new_stream()?);
/// let (prefix, own, before) = (second.header.prefix, second.keys.link, first.keys.link);
///
/// let mut record =
///     SegmentRecord { recording: [5; 16], number: 1, offset: 11, predecessor: Predecessor::default(), link: [0; 32] };
/// record.link = before.link(&record, &prefix, &own).into();
/// assert!(before.verify(&record, &prefix, &own));
/// assert!(!own.verify(&record, &prefix, &own));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct LinkKey {
    /// The key of the next segment's link.
    pub(super) next: Key,
    /// What the link of this segment itself covers.
    pub(super) own: Key,
}

impl LinkKey {
    /// The link that `record` must carry in the stream that starts with `prefix` and has the key `of`, if that stream
    /// follows the stream of this key. It is keyed BLAKE3 over the record's other fields, the prefix, and a key that
    /// only the new stream's file key gives: record, prefix and link alone can be copied into any stream. Comparing the
    /// result takes constant time.
    pub fn link(&self, record: &SegmentRecord, prefix: &Prefix, of: &Self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(self.next.bytes());
        hasher.update(&record.linked_fields()).update(&prefix.encode()).update(of.own.bytes());
        hasher.finalize()
    }

    /// Whether both were derived from the same file key and prefix. In constant time.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        blake3::Hash::from_bytes(*self.next.bytes()) == blake3::Hash::from_bytes(*other.next.bytes())
    }

    /// Whether the stream with this `record` and `prefix`, and the key `of`, was made as the next one by whoever made
    /// the stream of this key.
    #[must_use]
    pub fn verify(&self, record: &SegmentRecord, prefix: &Prefix, of: &Self) -> bool {
        self.link(record, prefix, of) == record.link
    }
}
