//! The memory of a frame: from the heap or, if the frame is large, from the system, which gets it back as soon as it is
//! freed.
//!
//! An allocator keeps freed memory for later requests, in each thread's share of the heap: frames of 16 MiB that are
//! read by many threads would add up.

use std::ops::{Deref, DerefMut};

use memmap2::MmapMut;

/// From this many bytes on, memory comes from the system. Below that, the heap is faster.
const LARGE: usize = 1 << 19;

/// Memory that is all zeros at first.
pub(super) enum FrameMemory {
    Heap(Vec<u8>),
    System(MmapMut),
}

impl FrameMemory {
    /// `length` bytes.
    pub fn new(length: usize) -> Self {
        let mapped = if length >= LARGE { MmapMut::map_anon(length).ok() } else { None };
        mapped.map_or_else(|| Self::Heap(vec![0; length]), Self::System)
    }
}

impl Deref for FrameMemory {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Heap(bytes) => bytes,
            Self::System(bytes) => bytes,
        }
    }
}

impl DerefMut for FrameMemory {
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Heap(bytes) => bytes,
            Self::System(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_of_both_kinds_is_zeros_of_the_length_and_can_be_written() {
        for (length, is_large) in [(LARGE - 1, false), (LARGE, true)] {
            let mut memory = FrameMemory::new(length);
            assert_eq!(matches!(memory, FrameMemory::System(_)), is_large);
            assert!(memory.len() == length && memory.iter().all(|byte| *byte == 0));
            memory[length - 1] = 7;
            assert_eq!(memory.last(), Some(&7));
        }
    }
}
