//! Reading a stream's header, and no more of the input than necessary.

use std::io;

use thiserror::Error;

use super::{Filled, Input, Resumed, fill};
use crate::{
    container::{
        CopyNumber, Features, FoundHeader, Header, HeaderClaims, HeaderError, HeaderSearch, ParsedHeader, Search,
    },
    stage::{Chain, Stage},
};

/// Why no header was read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HeaderReadError {
    /// The input failed.
    #[error("reading failed")]
    Read(#[source] io::Error),
    /// The header is refused.
    #[error(transparent)]
    Refused(Box<RefusedHeader>),
    /// A stop was requested.
    #[error("stopped")]
    Stopped,
}

/// A refused header, and what can still be seen of it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{error}")]
pub struct RefusedHeader {
    /// Why it is refused.
    pub error: HeaderError,
    /// What the stream's first bytes claim, if they begin as a stream does.
    pub claims: Option<HeaderClaims>,
    /// The copy that counts, if one is sound.
    pub found: Option<FoundHeader>,
}

/// A header that was read from the start of an input, and the rest of that input.
///
/// ```
/// use reelseal::{
///     keys::{KeyFile, KeySlots, Lock, SlotKind},
///     stream::{ReaderInput, StreamHeader, StreamOptions, Writer},
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let lock = Lock::with_key_file(&KeyFile::random()?);
/// let stream = Writer::create(Vec::new(), &lock, StreamOptions::default())?.finish()?;
///
/// // This needs no secret, and none of it is authenticated.
/// let header = StreamHeader::read(ReaderInput(stream.as_slice()), Vec::new())?;
/// assert_eq!(header.header().prefix.frame_size.payload(), 65_536);
/// assert!(KeySlots::of(header.header())?.iter().all(|slot| slot.kind() == SlotKind::KeyFile));
/// # Ok(())
/// # }
/// ```
pub struct StreamHeader<I> {
    parsed: ParsedHeader,
    number: CopyNumber,
    other_generation: Option<u64>,
    private: Vec<Box<dyn Stage>>,
    input: Resumed<I>,
}

impl<I: Input> StreamHeader<I> {
    /// Reads the header at the start of `input`, for a reader with the private stages `private`: at most 128 KiB, and
    /// nothing after the header unless its first copy is damaged.
    ///
    /// # Errors
    ///
    /// [`HeaderReadError`].
    pub fn read(input: I, private: Vec<Box<dyn Stage>>) -> Result<Self, HeaderReadError> {
        let known = Chain::known_features(&private);
        Ok(Self { private, ..Self::read_knowing(input, known)? })
    }

    /// Reads the header of a stream that will not be opened, for a caller that knows the features `known`.
    pub(super) fn read_knowing(mut input: I, known: Features) -> Result<Self, HeaderReadError> {
        let (mut search, mut bytes, mut complete) = (HeaderSearch::default(), Vec::new(), false);
        let refused = |error, bytes: &[u8], found| {
            HeaderReadError::Refused(Box::new(RefusedHeader { error, claims: HeaderClaims::read(bytes), found }))
        };
        loop {
            match search.look(&bytes, complete).map_err(|error| refused(error, &bytes, None))? {
                Search::Found(found) => {
                    let parsed = found.copy.clone().parse(known);
                    let parsed = parsed.map_err(|error| refused(error, &bytes, Some(found.clone())))?;
                    let ahead = bytes.split_off(bytes.len().min(2 * found.copy.length().bytes()));
                    let FoundHeader { number, other_generation, .. } = found;
                    let input = Resumed::new(ahead, input);
                    return Ok(Self { parsed, number, other_generation, private: Vec::new(), input });
                }
                Search::Need(length) => {
                    let mut filled = bytes.len();
                    bytes.resize(length, 0);
                    let state = fill(&mut input, &mut bytes, &mut filled);
                    let state = state.map_err(HeaderReadError::Read)?;
                    bytes.truncate(filled);
                    match state {
                        Filled::Stopped => return Err(HeaderReadError::Stopped),
                        Filled::Ended => complete = true,
                        Filled::Full | Filled::Partly | Filled::NotReady => {}
                    }
                }
            }
        }
    }
}

impl<I> StreamHeader<I> {
    /// What the header says; nothing of it is authenticated.
    pub fn header(&self) -> &Header {
        self.parsed.header()
    }

    /// The copy that counts, with its fields.
    pub fn parsed(&self) -> &ParsedHeader {
        &self.parsed
    }

    /// Which of the two copies counts.
    pub fn number(&self) -> CopyNumber {
        self.number
    }

    /// The other copy, if that is damaged.
    pub fn damaged_copy(&self) -> Option<CopyNumber> {
        if self.other_generation.is_none() { Some(self.number.other()) } else { None }
    }

    /// The generation of a copy, or `None` if that copy is damaged.
    pub fn generation_of(&self, copy: CopyNumber) -> Option<u64> {
        if copy == self.number { Some(self.header().generation) } else { self.other_generation }
    }

    /// What the header says, and the rest of the input, for a caller that does not open the stream.
    pub fn into_header(self) -> (Header, Resumed<I>) {
        (self.parsed.into_header(), self.input)
    }

    /// The header, the stages that were given with it, and the rest of the input.
    pub(super) fn into_parts(self) -> (ParsedHeader, Vec<Box<dyn Stage>>, Resumed<I>) {
        (self.parsed, self.private, self.input)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::super::ReaderInput;
    use super::*;
    use crate::container::{FrameSize, HeaderLength, IV_LENGTH, Prefix};

    fn stream() -> Vec<u8> {
        let prefix = Prefix { frame_size: FrameSize::MIN, features: Features::NONE, iv: [7; IV_LENGTH] };
        let header = Header { prefix, length: HeaderLength::MIN, generation: 1, records: Vec::new() };
        [header.encode(|_| [5; 32]).unwrap().repeat(2), vec![9; 1000]].concat()
    }

    fn refused(stream: &[u8], known: Features) -> RefusedHeader {
        match StreamHeader::read_knowing(ReaderInput(stream), known).err() {
            Some(HeaderReadError::Refused(refused)) => *refused,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_sound_header_is_read_and_nothing_after_it() {
        let stream = stream();
        let mut input = stream.as_slice();
        let header = StreamHeader::read(ReaderInput(&mut input), Vec::new()).unwrap();
        assert_eq!((header.damaged_copy(), header.number()), (None, CopyNumber::First));
        drop(header);
        assert_eq!(input.len(), 1000);
    }

    #[test]
    fn bytes_that_the_search_for_copy_2_read_too_far_are_not_lost() {
        let mut stream = stream();
        stream[20] ^= 1;
        let header = StreamHeader::read(ReaderInput(stream.as_slice()), Vec::new()).unwrap();
        assert_eq!(header.damaged_copy(), Some(CopyNumber::First));
        assert_eq!([CopyNumber::First, CopyNumber::Second].map(|copy| header.generation_of(copy)), [None, Some(1)]);
        let (_, _, mut input) = header.into_parts();
        let mut rest = Vec::new();
        while {
            Input::read(&mut input, {
                rest.resize(rest.len() + 1, 0);
                rest.last_mut().map(std::slice::from_mut).unwrap()
            })
            .unwrap()
        } == 1
        {}
        assert_eq!(rest, [vec![9; 1000], vec![0]].concat());
    }

    #[test]
    fn an_empty_input_and_one_that_fails_have_their_own_errors() {
        assert_eq!(refused(b"", Features::NONE).error, HeaderError::Cut);
        let directory = std::fs::File::open("/").unwrap();
        let failed = StreamHeader::read(ReaderInput(directory.take(9)), Vec::new());
        assert!(matches!(failed.err(), Some(HeaderReadError::Read(_))));
    }

    #[test]
    fn a_refused_header_still_shows_what_can_be_seen() {
        let mut stream = stream();
        stream[12] = 4;
        let (copy, _) = stream.split_at(512);
        let unknown = blake3::hash(&copy[..496]);
        let mut copy = copy.to_vec();
        copy[496..].copy_from_slice(&unknown.as_bytes()[..16]);
        let shown = refused(&copy.repeat(2), Features::NONE);
        assert_eq!(shown.error, HeaderError::UnknownFeatures(Features::from_bits(4)));
        assert_eq!(shown.claims.unwrap().features, Features::from_bits(4));
        assert_eq!(shown.found.unwrap().number, CopyNumber::First);
        copy[400] ^= 1;
        let shown = refused(&copy.repeat(2), Features::NONE);
        assert_eq!((shown.error, shown.found), (HeaderError::Damaged, None));
        assert_eq!(shown.claims.unwrap().header_length, Some(HeaderLength::MIN));
        assert_eq!(refused(b"hello", Features::NONE).claims, None);
    }
}
