//! Streaming, authenticated file encryption: a chunked reader, stages that each transform one frame, a writer.
//!
//! [`container`] says what the bytes mean; its page is the format's specification.

pub mod container;
