//! Stages: what happens to one frame, in two directions.
//!
//! A stage seals and opens. The [`Chain`] seals forwards and opens backwards, so that the opening chain is the mirror
//! image of the sealing one. A new stage is one file here and one line in `Chain::with_private`.
//!
//! # A stage of your own
//!
//! A stage that changes the payload takes a bit of [`Features::PRIVATE`]. The header carries it, so that a reader
//! without the stage refuses the stream instead of releasing what it does not understand:
//!
//! ```
//! use std::io::{Read, Write};
//!
//! use reelseal::{
//!     container::{Features, HeaderError},
//!     keys::{KeyFile, Lock},
//!     stream::{HeaderReadError, OpenError, Reader, StreamOptions, Writer},
//!     stage::{FrameFault, FrameParts, Stage},
//! };
//!
//! /// Each byte as its difference from the one before.
//! struct Delta;
//!
//! impl Stage for Delta {
//!     fn features(&self) -> Features {
//!         Features::from_bits(1 << 24)
//!     }
//!
//!     fn seal(&self, frame: &mut FrameParts) {
//!         let mut before = 0;
//!         for byte in frame.payload_mut() {
//!             (before, *byte) = (*byte, byte.wrapping_sub(before));
//!         }
//!     }
//!
//!     fn open(&self, frame: &mut FrameParts) -> Result<(), FrameFault> {
//!         let mut before: u8 = 0;
//!         for byte in frame.payload_mut() {
//!             before = before.wrapping_add(*byte);
//!             *byte = before;
//!         }
//!         Ok(())
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key_file = KeyFile::random()?;
//! let options = StreamOptions { private: vec![Box::new(Delta)], ..StreamOptions::default() };
//! let mut writer = Writer::create(Vec::new(), &Lock::with_key_file(&key_file), options)?;
//! writer.write_all(b"rising and falling")?;
//! let stream = writer.finish()?;
//!
//! let mut text = String::new();
//! Reader::open_with(stream.as_slice(), &mut key_file.clone().into(), vec![Box::new(Delta)])?.read_to_string(&mut text)?;
//! assert_eq!(text, "rising and falling");
//!
//! let stock = Reader::open(stream.as_slice(), &key_file);
//! let Err(OpenError::Header(HeaderReadError::Refused(refused))) = stock else { panic!("a stock reader opened it") };
//! assert_eq!(refused.error, HeaderError::UnknownFeatures(Features::from_bits(1 << 24)));
//! # Ok(())
//! # }
//! ```
//!
//! A stage that changes nothing and only observes needs no bit, and any reader can read its streams:
//! `examples/statistics_stage.rs` is one.

mod chain;
mod frame;
mod frame_authentication;
mod frame_encryption;
mod frame_memory;
mod frame_tagging;

pub use chain::{Chain, UnnamedStage};
pub use frame::{Clear, Frame, FrameBuffer, FrameParts, Received, Sealed, Verified};
pub use frame_authentication::FrameAuthentication;
pub use frame_encryption::FrameEncryption;
pub use frame_tagging::FrameTagging;

use thiserror::Error;

use crate::container::Features;

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameFault {
    /// The MAC does not match: the frame was altered, or the stream was cut short or extended here.
    #[error("the frame does not authenticate")]
    Mac,
    /// The tag names another index.
    #[error("the frame is tagged as frame {0}")]
    Index(u64),
    /// The tag names an offset that does not belong to the index.
    #[error("the frame is tagged with a wrong offset, {0}")]
    Offset(u64),
    /// The tag names a length that is impossible here.
    #[error("the frame is tagged with a wrong length, {0}")]
    Length(u32),
    /// The tag names a time that is impossible here.
    #[error("the frame is tagged with a wrong time, {0}")]
    Time(i64),
    /// A full frame is marked as the final one.
    #[error("a full frame is marked final")]
    FinalButFull,
    /// The last, short frame is not marked as the final one, or is marked as interrupted without being marked final.
    #[error("the last frame is not marked final")]
    NotFinal,
    /// The frame is marked as the final one, and sound frames follow it.
    #[error("the frame is marked final, and others follow it")]
    FinalButNotLast,
    /// Critical flags that version 1 does not define.
    #[error("the frame has unknown critical flags {0:#06x}")]
    UnknownFlags(u32),
    /// Bytes after the payload of a live frame are not zero.
    #[error("the padding of the frame is not zero")]
    Padding,
    /// A private stage refuses the payload, for this reason.
    #[error("the frame is refused: {0}")]
    Stage(&'static str),
}

/// A pure function on one frame, in two directions. The result depends on that frame alone: workers run a stage on many
/// frames at once and in any order, a frame may be opened more than once, and a frame that was sealed or opened may
/// never be delivered, because an earlier one failed. A private stage keeps the payload's length, and works on the
/// payload alone: [`FrameParts::payload_mut`].
pub trait Stage: Send + Sync {
    /// The private feature bit (24 to 31) that a stream of this stage carries, so that a reader without it refuses the
    /// stream; none if the stage changes no bytes.
    fn features(&self) -> Features {
        Features::NONE
    }

    /// Transforms a frame on its way out. It cannot refuse: every payload can be sealed.
    fn seal(&self, frame: &mut FrameParts);

    /// Undoes [`Stage::seal`]. A private stage is given only what was authenticated.
    ///
    /// # Errors
    ///
    /// [`FrameFault`] if the frame is to be refused: from a private stage, [`FrameFault::Stage`].
    fn open(&self, frame: &mut FrameParts) -> Result<(), FrameFault>;
}
