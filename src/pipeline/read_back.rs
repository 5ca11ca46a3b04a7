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
/// ```
/// use std::{
///     io::{Seek, SeekFrom, Write},
///     num::NonZero,
/// };
///
/// use reelseal::{
///     keys::{Credential, KeyFile, Lock},
///     pipeline::{Workers, decrypts_to},
///     stream::{ReaderInput, StreamHeader, StreamOptions, Writer},
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key_file = KeyFile::random()?;
/// let mut film = tempfile::tempfile()?;
/// film.write_all(b"first steps")?;
/// let mut writer = Writer::create(tempfile::tempfile()?, &Lock::with_key_file(&key_file), StreamOptions::default())?;
/// writer.write_all(b"first steps")?;
/// let stream = writer.finish()?;
///
/// (&stream).seek(SeekFrom::Start(0))?;
/// let (opened, _) = StreamHeader::read(ReaderInput(&stream), Vec::new())?.open(&mut Credential::from(&key_file))?;
/// let layout = opened.header().layout();
/// let workers = Workers::new(NonZero::<usize>::MIN, layout.frame_size);
/// assert!(decrypts_to(&stream, layout, opened.chain(), &film, &workers)?);
/// film.write_all(b", and more")?;
/// assert!(!decrypts_to(&stream, layout, opened.chain(), &film, &workers)?);
/// # Ok(())
/// # }
/// ```
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
