//! Recovering what is sound in a damaged, cut, extended or unfinished stream.

use std::{fs::File, io};

use super::{
    CiphertextFile, CiphertextSource, Opening, StreamSource, Workers,
    ledger::{StretchListener, Totals},
    sink::{SalvageOutput, SalvageSink},
    source::UnconfirmedSource,
};
use crate::{
    container::FrameTag,
    stage::Chain,
    stream::{Input, StreamError, StreamFile},
};

/// The frames of a stream to be salvaged.
pub enum SalvageInput<'a, I> {
    /// In a file, each at its own position; frames that cannot be read are skipped.
    AtPlaces(StreamFile<&'a File>),
    /// From an input that starts with the first frame, up to the point where it cannot be read.
    InOrder(I),
}

/// What was recovered from a stream.
#[derive(Debug)]
pub struct Salvaged {
    /// Frames and bytes.
    pub totals: Totals,
    /// The tag of the final frame, if that is sound.
    pub last: Option<FrameTag>,
    /// Whether something was seen after the final frame.
    pub is_extended: bool,
    /// The error that ended an input in order early.
    pub unreadable: Option<io::Error>,
}

impl Salvaged {
    /// Whether nothing is missing.
    pub fn is_whole(&self) -> bool {
        self.last.is_some() && self.totals.missing_frames == 0
    }
}

/// Moves every sound frame of `input`, opened with `chain`, to `output`, on all `workers`, and reports what is sound
/// and what is missing to `listener`. If no frame is sound, nothing is written to the output.
///
/// Every byte in the output was authenticated at its place. Tags must agree with each other, because anyone with the
/// stream's keys can forge frames: a frame counts as damaged if it overlaps the sound ones before it, claims a longer
/// gap than the missing frames can hold, or is marked final before others. So no output is longer than the stream.
///
/// ```
/// use std::{io::Write, num::NonZero};
///
/// use reelseal::{
///     keys::{Credential, KeyFile, Lock},
///     pipeline::{FilledOutput, Filling, SalvageInput, Stretch, StretchListener, Workers, salvage},
///     stream::{ReaderInput, StreamHeader, StreamOptions, Writer},
/// };
///
/// struct Unlisted;
///
/// impl StretchListener for Unlisted {
///     fn on_stretch(&self, _stretch: &Stretch) {}
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key_file = KeyFile::random()?;
/// let mut writer = Writer::create(Vec::new(), &Lock::with_key_file(&key_file), StreamOptions::default())?;
/// writer.write_all(&[7; 200_000])?;
/// let mut stream = writer.finish()?;
/// stream[100_000] ^= 1;
///
/// let header = StreamHeader::read(ReaderInput(stream.as_slice()), Vec::new())?;
/// let (opened, frames) = header.open(&mut Credential::from(&key_file))?;
/// let workers = Workers::new(NonZero::<usize>::MIN, opened.header().prefix.frame_size);
/// let mut film = Vec::new();
/// let output = FilledOutput::new(&mut film, Filling::Zeros);
/// let salvaged = salvage(SalvageInput::InOrder(frames), opened.chain(), output, &Unlisted, &workers)?;
/// assert_eq!((salvaged.is_whole(), salvaged.totals.missing_frames, film.len()), (false, 1, 200_000));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`StreamError::Write`], and other errors that are not about the stream's frames.
pub fn salvage<I: Input, O: SalvageOutput>(
    input: SalvageInput<'_, I>,
    chain: &Chain,
    output: O,
    listener: &dyn StretchListener,
    workers: &Workers<'_>,
) -> Result<Salvaged, StreamError> {
    let sink = SalvageSink::new(output, listener);
    let opening = Opening::salvaging(chain);
    let ended = {
        let source = match input {
            SalvageInput::AtPlaces(file) if file.frames() == 0 => None,
            SalvageInput::AtPlaces(file) => Some(StreamSource::AtPlaces(CiphertextFile::salvaged(file, &sink))),
            SalvageInput::InOrder(input) => {
                Some(StreamSource::InOrder(CiphertextSource::new(input, chain.frame_size())))
            }
        };
        source.map_or(Ok(()), |source| workers.run(&UnconfirmedSource(source), &opening, &sink))
    };
    let unreadable = match ended {
        Ok(()) => None,
        Err(StreamError::ReadFrame { error, .. }) => Some(error),
        // The end of the input, or of what could be a stream.
        Err(StreamError::EndBeforeFinalFrame { .. } | StreamError::CutFrame { .. } | StreamError::TooLong) => None,
        Err(error) => return Err(error),
    };
    let end = sink.finish().map_err(StreamError::Write)?;
    let is_extended = end.is_extended || end.last.is_some() && opening.found_extension();
    Ok(Salvaged { totals: end.totals, last: end.last, is_extended, unreadable })
}
