//! From an input to its output: both are opened, the stream is moved, the input removed.

pub(super) mod ends;
pub(super) mod inputs;
pub(super) mod opened_input;
pub(super) mod read_back;
pub(super) mod side_by_side;
pub(super) mod transfer;
