#![doc = include_str!("SPEC.md")]
//!
//! # In this crate
//!
//! No input or output, no threads, no secrets: [`search_header`] finds the [`HeaderCopy`] that counts, which parses into a
//! [`ParsedHeader`]; [`Layout`] says where each frame is.
//!
//! ```
//! use reelseal::container::{FrameSize, HeaderLength, Layout};
//!
//! let layout = Layout { frame_size: FrameSize::default(), header_length: HeaderLength::default() };
//! assert_eq!(layout.frame_position(0), 2 * 4096);
//! assert_eq!(layout.frame_position(3), 2 * 4096 + 3 * (65_536 + 64));
//! assert_eq!(layout.stream_length(100_000), Some(2 * 4096 + 100_000 + 2 * 64));
//! ```

mod features;
mod field;
mod frame_tag;
mod header;
mod header_claims;
mod header_copy;
mod header_length;
mod header_search;
mod layout;
mod recipient_slot;
mod record;
mod resealing;
mod segment_record;

pub use features::Features;
pub use frame_tag::{FrameTag, TagFlags};
pub use header::{CHECKSUM_LENGTH, Header, HeaderError, IV_LENGTH, Mangling, PREFIX_LENGTH, Prefix, VERSION};
pub use header_claims::HeaderClaims;
pub use header_copy::{HeaderCopy, ParsedHeader};
pub use header_length::HeaderLength;
pub use header_search::{CopyNumber, FoundHeader, HeaderSearch, Search, search_header};
pub use layout::{Extent, FRAME_OVERHEAD, FrameSize, Layout, MAC_LENGTH, StreamCut, TAG_LENGTH};
pub(crate) use recipient_slot::SHORTEST_BODY;
pub use recipient_slot::{
    MAX_RECIPIENT_BODY, MAX_RECIPIENT_SLOTS, MAX_STANZAS, RecipientSlot, RecipientSlotError, Stanza,
};
pub use record::{
    KeyFileSlot, MAX_PASSPHRASE_SLOTS, PassphraseSlot, Record, RecordError, SALT_LENGTH, Slot, WRAPPED_KEY_LENGTH,
};
pub use resealing::Resealing;
pub use segment_record::{Predecessor, RECORDING_ID_LENGTH, SegmentRecord};
