//! One stream, on one thread: opened, read, written, and its header rewritten.
//!
//! [`Writer`] encrypts what is written to it, [`Reader`] decrypts what it reads, and [`SealedFile`] reads at any
//! offset. Their parts are public for code that handles a stream in its own way: [`StreamHeader`] reads a header and
//! opens it, which gives an [`OpenedStream`], and [`StreamFile`] reads single frames of a stream that is in a file.

mod clock;
mod continuity;
mod cursor;
mod descriptor_output;
mod error;
mod frame_cache;
mod frame_filler;
mod frame_maker;
mod frame_reader;
mod header_read;
mod header_rewrite;
mod input;
mod known_tags;
#[cfg(test)]
mod model;
mod opened;
mod patched_reader;
mod pipe_size;
mod plaintext_frames;
mod read_at;
mod reader;
mod sealed_file;
mod stop;
mod stream_file;
mod sync;
mod verified_frames;
mod wake;
mod writer;

pub use clock::Clock;
pub use continuity::Continuity;
pub use cursor::Cursor;
pub use descriptor_output::DescriptorOutput;
pub use error::StreamError;
pub(crate) use frame_filler::{Arrived, FrameFiller};
pub(crate) use frame_maker::{Ending, FrameMaker};
pub(crate) use frame_reader::{FrameReader, received};
pub use header_read::{HeaderReadError, RefusedHeader, StreamHeader};
pub use header_rewrite::{HeaderRewrite, HeaderRewriteError};
pub use input::{DescriptorInput, Input, ReaderInput, Readiness, Resumed, Wait, skip};
pub(crate) use input::{Filled, fill, read_once};
pub use opened::{OpenError, OpenedStream};
pub use patched_reader::PatchedReader;
pub use pipe_size::widen_pipe;
pub(crate) use plaintext_frames::PlaintextFrames;
pub use read_at::ReadAt;
pub use reader::Reader;
pub use sealed_file::{SealedFile, VerifiedFrame};
pub use stop::Stop;
pub use stream_file::StreamFile;
pub use verified_frames::VerifiedFrames;
pub(crate) use wake::Wake;
pub use writer::{StreamOptions, Writer};
