//! Stages: what happens to one frame, in two directions.
//!
//! A stage seals and opens; the [`Chain`] seals forwards and opens backwards, so that the opening chain is the sealing one
//! mirrored. A new stage is one file here and one line in [`Chain::new`].

mod chain;
mod frame;
mod frame_authentication;
mod frame_encryption;
mod frame_tagging;

pub use chain::Chain;
pub use frame::{Clear, Frame, FrameBuffer, FrameParts, Received, Sealed, Verified};
pub use frame_authentication::FrameAuthentication;
pub use frame_encryption::FrameEncryption;
pub use frame_tagging::FrameTagging;

use thiserror::Error;

use crate::container::Features;

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum FrameFault {
    /// The MAC does not match: altered, or the stream was cut short or extended here.
    #[error("the frame does not authenticate")]
    Mac,
    /// The tag names another index.
    #[error("the frame is tagged as frame {0}")]
    Index(u64),
    /// The tag names an offset that does not belong to the index.
    #[error("the frame is tagged with a wrong offset, {0}")]
    Offset(u64),
    /// The tag names a length that cannot stand here.
    #[error("the frame is tagged with a wrong length, {0}")]
    Length(u32),
    /// The tag names a time that cannot stand here.
    #[error("the frame is tagged with a wrong time, {0}")]
    Time(i64),
    /// A full frame is marked as the final one.
    #[error("a full frame is marked final")]
    FinalButFull,
    /// The last, short frame is not marked as the final one, or is marked as interrupted without that.
    #[error("the last frame is not marked final")]
    NotFinal,
    /// Critical flags that version 1 does not define.
    #[error("the frame has unknown critical flags {0:#06x}")]
    UnknownFlags(u32),
    /// Bytes behind the payload of a live frame are not zero.
    #[error("the padding of the frame is not zero")]
    Padding,
}

/// A pure function on one frame, in two directions. It keeps the payload's length.
pub trait Stage: Send + Sync {
    /// The private feature bit that a stream of this stage carries, so that a reader without it refuses the stream.
    fn features(&self) -> Features {
        Features::NONE
    }

    /// Transforms a frame on its way out.
    fn seal(&self, frame: &mut FrameParts);

    /// Undoes [`Stage::seal`].
    ///
    /// # Errors
    ///
    /// [`FrameFault`] if the frame is to be refused.
    fn open(&self, frame: &mut FrameParts) -> Result<(), FrameFault>;
}
