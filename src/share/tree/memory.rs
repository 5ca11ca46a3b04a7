//! A bound on the memory that frames take, however many streams are read and however large their frames are.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Condvar, Mutex, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::{container::FrameSize, mutex::lock, stage::FrameBuffer};

/// The size on the wire up to which frames are read without waiting: that of the default frame size.
pub(super) const SMALL_FRAME: usize = (1 << 16) + 64;
/// The total size of larger frames that may be read at the same time; one frame is always allowed.
const LARGE_FRAMES: usize = 8 << 20;
/// The total size of cached frames over all streams, unless more is allowed; those of one stream are always allowed.
const CACHES: usize = 16 << 20;
/// The same, for one stream: more if frames are large, or else each of a few readers would decrypt its frame again for
/// every part.
const CACHE_OF_SMALL: usize = 4 * SMALL_FRAME;
const CACHE_OF_LARGE: usize = 4 << 20;

/// Bytes of buffers that are kept for the next frames, for each frame size: as many as some thirty readers use.
const SPARE: usize = 4 << 20;

/// A stream that caches frames.
pub(super) trait CachesFrames: Send + Sync {
    /// Empties its caches.
    fn forget_frames(&self);
}

/// What all streams of a tree share.
pub(super) struct Memory {
    in_reading: Mutex<usize>,
    freed: Condvar,
    /// Buffers of small frames, by log2 of the frame size.
    spare: Mutex<HashMap<u8, Vec<FrameBuffer>>>,
    /// The streams that have cached frames, with their bytes; the one used last is at the end.
    cached: Mutex<VecDeque<(Weak<dyn CachesFrames>, usize)>>,
    /// The bytes that those may take together.
    most_cached: AtomicUsize,
}

/// A frame that is being read.
pub(super) struct InReading<'a> {
    memory: &'a Memory,
    bytes: usize,
}

impl Default for Memory {
    fn default() -> Self {
        let most_cached = AtomicUsize::new(CACHES);
        Self {
            in_reading: Mutex::default(),
            freed: Condvar::new(),
            spare: Mutex::default(),
            cached: Mutex::default(),
            most_cached,
        }
    }
}

impl Memory {
    /// Lets the caches of all streams together hold `bytes`.
    pub fn cache_at_most(&self, bytes: usize) {
        self.most_cached.store(bytes, Ordering::Relaxed);
    }

    /// The number of bytes that a stream with frames of `wire` bytes caches.
    pub fn cache_of(wire: usize) -> usize {
        if wire > SMALL_FRAME { CACHE_OF_LARGE } else { CACHE_OF_SMALL }
    }

    /// Waits until a frame of `wire` bytes may be read.
    pub fn admit(&self, wire: usize) -> InReading<'_> {
        let bytes = if wire > SMALL_FRAME { wire } else { 0 };
        let mut used = lock(&self.in_reading);
        while bytes > 0 && *used > 0 && *used + bytes > LARGE_FRAMES {
            used = self.freed.wait(used).unwrap_or_else(PoisonError::into_inner);
        }
        *used += bytes;
        InReading { memory: self, bytes }
    }

    /// A buffer that is not in use.
    pub fn spare(&self, frame_size: FrameSize) -> Option<FrameBuffer> {
        lock(&self.spare).get_mut(&frame_size.log2())?.pop()
    }

    /// Takes a buffer back; it is wiped when it is used again or dropped.
    pub fn give_back(&self, buffer: FrameBuffer, frame_size: FrameSize) {
        let mut spare = lock(&self.spare);
        let buffers = spare.entry(frame_size.log2()).or_default();
        if buffers.len() < SPARE / frame_size.wire() {
            buffers.push(buffer);
        }
    }

    /// Notes that `stream`, whose frames take `wire` bytes, has frames in its caches, and makes other streams forget
    /// theirs if there are too many.
    pub fn uses_cache(&self, stream: &Weak<dyn CachesFrames>, wire: usize) {
        let mut cached = lock(&self.cached);
        if cached.back().is_some_and(|(last, _)| last.ptr_eq(stream)) {
            return;
        }
        cached.retain(|(known, _)| !known.ptr_eq(stream) && known.strong_count() > 0);
        cached.push_back((Weak::clone(stream), Self::cache_of(wire).max(wire)));
        let (mut forgetting, most) = (Vec::new(), self.most_cached.load(Ordering::Relaxed));
        while cached.len() > 1 && cached.iter().map(|(_, bytes)| bytes).sum::<usize>() > most {
            forgetting.extend(cached.pop_front());
        }
        drop(cached);
        forgetting.iter().filter_map(|(stream, _)| stream.upgrade()).for_each(|stream| stream.forget_frames());
    }
}

impl Drop for InReading<'_> {
    fn drop(&mut self) {
        if self.bytes > 0 {
            *lock(&self.memory.in_reading) -= self.bytes;
            self.memory.freed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use super::*;

    #[test]
    fn small_frames_never_wait_and_large_ones_until_there_is_room() {
        let memory = Memory::default();
        let largest = memory.admit((16 << 20) + 64);
        drop(memory.admit(SMALL_FRAME));
        thread::scope(|scope| {
            let (sender, receiver) = mpsc::channel();
            let memory = &memory;
            scope.spawn(move || {
                let _admitted = memory.admit(1 << 20);
                sender.send(*lock(&memory.in_reading)).unwrap();
            });
            drop(largest);
            assert_eq!(receiver.recv().unwrap(), 1 << 20);
        });
        assert_eq!(*lock(&memory.in_reading), 0);
    }
}
