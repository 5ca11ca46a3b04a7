//! The keys of the stages and of the header, from the file key.

use zeroize::Zeroizing;

use super::{Key, LinkKey};
use crate::container::{Header, ParsedHeader, Prefix, RecordError};

const FRAME_ENCRYPTION: &str = "reelseal v1 frame encryption";
const FRAME_AUTHENTICATION: &str = "reelseal v1 frame authentication";
const HEADER_AUTHENTICATION: &str = "reelseal v1 header authentication";
const RECORDING_LINK: &str = "reelseal v1 recording link";
const RECORDING_SEGMENT: &str = "reelseal v1 recording segment";

/// Independent keys: BLAKE3 derive_key over the file key and the stream's prefix.
#[derive(Clone, Debug)]
pub struct StageKeys {
    /// AES-256-CTR over tags and payloads.
    pub frame_encryption: Key,
    /// Keyed BLAKE3 over each frame's ciphertext and index.
    pub frame_authentication: Key,
    /// Keyed BLAKE3 over what links the segments of a recording.
    pub link: LinkKey,
    header_authentication: Key,
}

impl StageKeys {
    /// The keys of the stream that starts with `prefix`.
    pub fn derive(file_key: &Key, prefix: &Prefix) -> Self {
        let prefix = prefix.encode();
        let derive = |context| {
            let mut hasher = Zeroizing::new(blake3::Hasher::new_derive_key(context));
            hasher.update(file_key.bytes()).update(&prefix);
            Key::from_hash(hasher.finalize())
        };
        Self {
            frame_encryption: derive(FRAME_ENCRYPTION),
            frame_authentication: derive(FRAME_AUTHENTICATION),
            link: LinkKey { next: derive(RECORDING_LINK), own: derive(RECORDING_SEGMENT) },
            header_authentication: derive(HEADER_AUTHENTICATION),
        }
    }

    /// The header MAC over `authenticated`. Comparing the result takes constant time.
    pub fn header_mac(&self, authenticated: &[u8]) -> blake3::Hash {
        blake3::keyed_hash(self.header_authentication.bytes(), authenticated)
    }

    /// Whether `header` is authentic: its MAC verifies under these keys. In constant time.
    #[must_use]
    pub fn verify_header(&self, header: &ParsedHeader) -> bool {
        self.header_mac(header.authenticated()) == header.mac()
    }

    /// The beginning of a stream with `header`: both copies, authenticated.
    ///
    /// # Errors
    ///
    /// [`RecordError::NoRoom`] if the records do not fit into the header.
    pub fn seal_header(&self, header: &Header) -> Result<Vec<u8>, RecordError> {
        Ok(header.encode(|authenticated| *self.header_mac(authenticated).as_bytes())?.repeat(2))
    }
}
