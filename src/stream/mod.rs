//! One stream, without workers: opened, read and written in order, and its header rewritten.

mod clock;
mod descriptor_output;
mod error;
mod header_read;
mod header_rewrite;
mod input;
mod reader;
mod stop;
mod writer;

pub use clock::Clock;
pub use descriptor_output::DescriptorOutput;
pub use error::StreamError;
pub use header_read::{HeaderReadError, read_header};
pub use header_rewrite::{HeaderRewrite, HeaderRewriteError};
pub use input::{DescriptorInput, Input, ReaderInput, Readiness, Resumed, Wait};
pub(crate) use input::{Filled, fill};
pub use reader::{Reader, ReaderError};
pub use stop::Stop;
pub use writer::{StreamOptions, Writer};
