//! The ends of a run: what is read, where the result goes, and files that appear whole or not at all.

pub(super) mod ends;
pub(super) mod input;
pub(super) mod inputs;
pub(super) mod opened_input;
pub(super) mod output;
pub(super) mod precious;
pub(super) mod read_back;
pub(super) mod side_by_side;
pub(super) mod suffix;
pub(super) mod transfer;
pub(super) mod whole_file;
