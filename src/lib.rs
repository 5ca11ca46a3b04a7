//! Streaming, authenticated file encryption: a chunked reader, stages that each transform one frame, a writer.
//!
//! Rooms, each importing only from those below it: [`pipeline`] (moving frames), [`stage`] (what happens to a frame), [`keys`] (from a passphrase or
//! key file to the stages' keys) and [`container`] (what the bytes mean; its page is the format's specification).

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
pub mod container;
pub mod keys;
pub mod pipeline;
pub mod stage;
