//! An opened stream: its authenticated header, and the chain that opens its frames.

use thiserror::Error;

use super::{HeaderReadError, Resumed, StreamError, StreamHeader};
use crate::{
    container::{CopyNumber, Header},
    keys::{Credential, KeySlot, LinkKey, UnlockError, Unlocked, unlock},
    stage::Chain,
};

/// Why a stream was not opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// No header was read.
    #[error(transparent)]
    Header(#[from] HeaderReadError),
    /// The header did not open.
    #[error(transparent)]
    Unlock(#[from] UnlockError),
    /// The stream's length cannot be trusted: its final frame is missing or does not authenticate.
    #[error(transparent)]
    Stream(#[from] StreamError),
}

/// A stream whose header was read, unlocked and authenticated, in that order.
pub struct OpenedStream {
    header: Header,
    damaged_copy: Option<CopyNumber>,
    slot: KeySlot,
    chain: Chain,
    link: LinkKey,
}

impl<I> StreamHeader<I> {
    /// Opens the stream with `credential`. Returns the opened stream, and the input from its first frame on. A
    /// passphrase costs a scrypt run for each slot that is tried, within the credential's limits.
    ///
    /// # Errors
    ///
    /// [`UnlockError`].
    pub fn open(self, credential: &mut Credential) -> Result<(OpenedStream, Resumed<I>), UnlockError> {
        let Unlocked { keys, slot, .. } = unlock(self.parsed(), credential)?;
        let damaged_copy = self.damaged_copy();
        let (parsed, private, input) = self.into_parts();
        let header = parsed.into_header();
        let chain = Chain::opening(&keys, &header.prefix, private);
        Ok((OpenedStream { header, damaged_copy, slot, chain, link: keys.link }, input))
    }
}

impl OpenedStream {
    /// What the header says.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The header copy that is damaged, if one is.
    pub fn damaged_copy(&self) -> Option<CopyNumber> {
        self.damaged_copy
    }

    /// The key slot that opened.
    pub fn slot(&self) -> &KeySlot {
        &self.slot
    }

    /// The key that links the next segment to this one, if this is a segment of a recording.
    pub fn link(&self) -> &LinkKey {
        &self.link
    }

    /// The chain that opens the stream's frames.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }
}
