//! The tags of authenticated frames, remembered after the frames have left the cache.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::container::FrameTag;

/// Remembers the tags of a fixed number of frames, mostly those seen last.
pub(super) struct KnownTags {
    most: usize,
    /// Each at its index modulo the number of slots. Empty until there is one to remember: of many open streams, few
    /// are read.
    tags: Mutex<Vec<Option<KnownTag>>>,
}

#[derive(Clone, Copy)]
struct KnownTag {
    tag: FrameTag,
    agrees: bool,
}

impl KnownTags {
    /// Room for `most` tags, but at least one.
    pub fn new(most: usize) -> Self {
        Self { most: most.max(1), tags: Mutex::default() }
    }

    /// Forgets all of them.
    pub fn clear(&self) {
        *self.lock() = Vec::new();
    }

    /// The tag of the frame at `index`, if it is remembered.
    pub fn get(&self, index: u64) -> Option<FrameTag> {
        self.known(index).map(|known| known.tag)
    }

    /// Whether the tag of the frame at `index` is remembered as agreeing with its neighbours.
    pub fn agrees(&self, index: u64) -> bool {
        self.known(index).is_some_and(|known| known.agrees)
    }

    /// Remembers the `tag` of an authenticated frame.
    pub fn insert(&self, tag: FrameTag) {
        self.put(tag, false);
    }

    /// Remembers a tag that agrees with its neighbours.
    pub fn insert_agreeing(&self, tag: FrameTag) {
        self.put(tag, true);
    }

    fn known(&self, index: u64) -> Option<KnownTag> {
        let tags = self.lock();
        let known = (*tags.get(place(self.most, index))?)?;
        (known.tag.index == index).then_some(known)
    }

    fn put(&self, tag: FrameTag, agrees: bool) {
        let mut tags = self.lock();
        if tags.is_empty() {
            tags.resize(self.most, None);
        }
        let place = place(self.most, tag.index);
        if let Some(known) = tags.get_mut(place) {
            let agreed = known.is_some_and(|known| known.tag == tag && known.agrees);
            *known = Some(KnownTag { tag, agrees: agrees || agreed });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<KnownTag>>> {
        self.tags.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(most: usize, index: u64) -> usize {
    (index % most as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(index: u64) -> FrameTag {
        FrameTag { index, offset: index.wrapping_mul(7), ..FrameTag::default() }
    }

    #[test]
    fn a_tag_is_remembered_until_another_one_overwrites_it() {
        let known = KnownTags::new(4);
        (0..5).for_each(|index| known.insert(tag(index)));
        assert_eq!([0, 1, 4, 5].map(|index| known.get(index)), [None, Some(tag(1)), Some(tag(4)), None]);
        known.insert(tag(u64::MAX));
        assert_eq!((known.get(3), known.get(u64::MAX)), (None, Some(tag(u64::MAX))));
        known.clear();
        assert_eq!([1, 4, u64::MAX].map(|index| known.get(index)), [None; 3]);
    }

    #[test]
    fn agreement_is_remembered_and_forgotten_with_the_tag() {
        let known = KnownTags::new(4);
        known.insert(tag(1));
        assert!(!known.agrees(1));
        known.insert_agreeing(tag(1));
        known.insert(tag(1));
        assert!(known.agrees(1) && !known.agrees(5));
        known.insert(tag(5));
        known.insert(tag(1));
        assert!(!known.agrees(1));
    }
}
