//! The ends of a run: what is read, where the result goes, and files that appear whole or not at all.

pub(super) mod ends;
pub(super) mod inputs;
pub(super) mod read_back;
pub(super) mod side_by_side;
pub(super) mod stream_header;
pub(super) mod transfer;
