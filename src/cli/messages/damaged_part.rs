//! Where in a stream the reported damage is, as data.

use serde::Serialize;

/// Where in a stream the reported damage is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(in crate::cli) struct DamagedPart {
    /// Indexes of frames.
    pub frames: Span,
    /// Bytes of the stream.
    pub bytes: Span,
    /// Bytes of the plaintext, where they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plaintext: Option<Span>,
}

/// A range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(in crate::cli) struct Span {
    pub first: u64,
    /// The end, which is not included, if it is known.
    pub end: Option<u64>,
}

impl Span {
    pub fn new(first: u64, end: u64) -> Self {
        Self { first, end: Some(end) }
    }

    pub fn from(first: u64) -> Self {
        Self { first, end: None }
    }
}
