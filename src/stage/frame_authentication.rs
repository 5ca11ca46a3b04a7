//! Frame authentication: keyed BLAKE3 over the ciphertext and the index, checked before anything is decrypted.

use zeroize::Zeroizing;

use super::{FrameFault, FrameParts, Stage};
use crate::{container::MAC_LENGTH, keys::Key};

/// Puts a MAC after the ciphertext of a frame, and refuses a frame whose MAC does not match.
pub struct FrameAuthentication {
    key: Key,
}

impl FrameAuthentication {
    /// Authentication under `key`.
    pub fn new(key: &Key) -> Self {
        Self { key: key.clone() }
    }

    fn mac(&self, frame: &FrameParts) -> blake3::Hash {
        let mut hasher = Zeroizing::new(blake3::Hasher::new_keyed(self.key.bytes()));
        hasher.update(frame.text()).update(&frame.index().to_le_bytes());
        hasher.finalize()
    }
}

impl Stage for FrameAuthentication {
    fn seal(&self, frame: &mut FrameParts) {
        let mac = self.mac(frame);
        frame.mac_mut().copy_from_slice(mac.as_bytes());
    }

    fn open(&self, frame: &mut FrameParts) -> Result<(), FrameFault> {
        // Comparing a Hash with an array takes constant time; comparing it with a slice may not.
        match frame.mac().first_chunk::<MAC_LENGTH>() {
            Some(found) if self.mac(frame) == *found => Ok(()),
            _ => Err(FrameFault::Mac),
        }
    }
}
