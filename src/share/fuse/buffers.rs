//! Reusable memory for answers: getting it from the system each time would take as long as decrypting.

use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

/// Bytes of a buffer: the most that the system asks for to fill its cache.
pub(super) const BUFFER: usize = 128 << 10;
/// Buffers that are kept for the next answers.
const MOST: usize = 32;

/// Buffers that are not in use. They are wiped when they are dropped.
#[derive(Default)]
pub(super) struct Buffers {
    spare: Mutex<Vec<Zeroizing<Vec<u8>>>>,
}

/// A buffer that is in use, of which a part is filled.
pub(super) struct Buffer {
    bytes: Zeroizing<Vec<u8>>,
    filled: usize,
    from: Arc<Buffers>,
}

impl Buffers {
    /// A buffer with room for `size` bytes.
    pub fn take(self: &Arc<Self>, size: usize) -> Buffer {
        let spare = if size <= BUFFER { self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop() } else { None };
        let bytes = spare.unwrap_or_else(|| Zeroizing::new(vec![0; size.max(BUFFER)]));
        Buffer { bytes, filled: 0, from: Arc::clone(self) }
    }
}

impl Buffer {
    /// Room for the first `size` bytes.
    pub fn room(&mut self, size: usize) -> &mut [u8] {
        self.bytes.get_mut(..size).unwrap_or_default()
    }

    /// Says how many bytes are filled.
    pub fn fill(&mut self, filled: usize) {
        self.filled = filled;
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.filled).unwrap_or_default()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.bytes.len() == BUFFER {
            let bytes = std::mem::take(&mut self.bytes);
            let mut spare = self.from.spare.lock().unwrap_or_else(PoisonError::into_inner);
            if spare.len() < MOST {
                spare.push(bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_used_again_unless_they_are_larger_than_others() {
        let buffers = Arc::new(Buffers::default());
        let spare = || buffers.spare.lock().unwrap().len();
        let (mut one, large) = (buffers.take(10), buffers.take(BUFFER + 1));
        one.room(10).fill(7);
        one.fill(3);
        assert_eq!(one.as_ref(), [7; 3]);
        drop(one);
        drop(large);
        assert_eq!(spare(), 1);
        let again = buffers.take(BUFFER);
        assert_eq!((spare(), again.as_ref().len()), (0, 0));
        let many: Vec<_> = (0..MOST + 9).map(|_| buffers.take(1)).collect();
        drop(many);
        assert_eq!(spare(), MOST);
    }
}
