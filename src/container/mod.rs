#![doc = include_str!("SPEC.md")]

mod features;
mod frame_tag;
mod header;
mod header_search;
mod layout;
mod record;

pub use features::Features;
pub use frame_tag::{FrameTag, TagFlags};
pub use header::{
    CHECKSUM_LENGTH, Header, HeaderCopy, HeaderError, HeaderLength, IV_LENGTH, Mangling, PREFIX_LENGTH, Prefix, VERSION,
};
pub use header_search::{CopyNumber, FoundHeader, Search, search_header};
pub use layout::{Extent, FRAME_OVERHEAD, FrameSize, Layout, MAC_LENGTH, StreamCut, TAG_LENGTH};
pub use record::{
    KeyFileSlot, MAX_PASSPHRASE_SLOTS, PassphraseSlot, Record, RecordError, SALT_LENGTH, Slot, WRAPPED_KEY_LENGTH,
};
