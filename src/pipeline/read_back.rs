//! Reading a stream back, to compare it with the plaintext that it was made from.

use std::fs::File;

use super::{CiphertextFile, ComparisonSink, Opening, Workers};
use crate::{
    container::Layout,
    stage::Chain,
    stream::{StreamError, StreamFile},
};

/// Whether the stream that starts at the first byte of the file `stream`, with this `layout` and opened with `chain`,
/// is whole and decrypts to exactly the content of the file `plaintext`.
///
/// # Errors
///
/// [`StreamError`] of the stream's lowest damaged frame, or of reading either file.
pub fn decrypts_to(
    stream: &File,
    layout: Layout,
    chain: &Chain,
    plaintext: &File,
    workers: &Workers<'_>,
) -> Result<bool, StreamError> {
    let size = stream.metadata().map_err(StreamError::Read)?.len();
    let stream = StreamFile::new(stream, size, 0, layout);
    let length = plaintext.metadata().map_err(StreamError::Read)?.len();
    if stream.verify_final_frame(chain)?.tag().end() != Some(length) {
        return Ok(false);
    }
    let sink = ComparisonSink::new(plaintext);
    workers.run(&CiphertextFile::new(stream), &Opening::new(chain), &sink)?;
    Ok(sink.is_same())
}
