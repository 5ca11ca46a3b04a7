//! Reading a stream's header, and no more of the input than that takes.

use std::io;

use thiserror::Error;

use super::{
    Input,
    input::{Filled, Wait, fill},
};
use crate::container::{FoundHeader, HeaderError, HeaderSearch, Search};

/// Why no header was read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HeaderReadError {
    /// The input failed.
    #[error("reading failed")]
    Read(#[source] io::Error),
    /// The header is refused.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// A stop was requested.
    #[error("stopped")]
    Stopped,
}

/// The header at the front of `input`, and what was read behind it: nothing, unless copy 1 is damaged. At most
/// 128 KiB are read.
///
/// # Errors
///
/// [`HeaderReadError`].
pub fn read_header(input: &mut impl Input) -> Result<(FoundHeader, Vec<u8>), HeaderReadError> {
    let (mut search, mut bytes, mut complete) = (HeaderSearch::default(), Vec::new(), false);
    loop {
        match search.look(&bytes, complete)? {
            Search::Found(found) => {
                let frames_start = 2 * found.copy.length().bytes();
                let behind = bytes.get(frames_start..).unwrap_or_default().to_vec();
                return Ok((found, behind));
            }
            Search::Need(length) => {
                let mut filled = bytes.len();
                bytes.resize(length, 0);
                let state =
                    fill(input, &mut bytes, &mut filled, Wait::ForInput, || {}).map_err(HeaderReadError::Read)?;
                bytes.truncate(filled);
                match state {
                    Filled::Stopped => return Err(HeaderReadError::Stopped),
                    Filled::Ended => complete = true,
                    Filled::Full | Filled::NotReady => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ReaderInput;
    use super::*;
    use crate::container::{CopyNumber, Features, FrameSize, Header, HeaderLength, IV_LENGTH, Prefix};

    fn stream() -> Vec<u8> {
        let prefix = Prefix { frame_size: FrameSize::MIN, features: Features::NONE, iv: [7; IV_LENGTH] };
        let header = Header { prefix, length: HeaderLength::MIN, generation: 1, records: Vec::new() };
        [header.encode(|_| [5; 32]).unwrap().repeat(2), vec![9; 1000]].concat()
    }

    #[test]
    fn a_sound_header_is_read_and_nothing_behind_it() {
        let stream = stream();
        let mut input = ReaderInput(stream.as_slice());
        let (found, behind) = read_header(&mut input).unwrap();
        assert_eq!((found.damaged(), behind.len(), input.0.len()), (None, 0, 1000));
    }

    #[test]
    fn what_the_search_for_copy_2_read_too_much_comes_back() {
        let mut stream = stream();
        stream[20] ^= 1;
        let mut input = ReaderInput(stream.as_slice());
        let (found, mut behind) = read_header(&mut input).unwrap();
        behind.extend(input.0);
        assert_eq!((found.damaged(), behind), (Some(CopyNumber::First), vec![9; 1000]));
    }

    #[test]
    fn an_empty_input_and_one_that_fails_are_told_apart() {
        let cut = read_header(&mut ReaderInput(io::empty())).unwrap_err();
        assert!(matches!(cut, HeaderReadError::Header(HeaderError::Cut)));
        let directory = std::fs::File::open("/").unwrap();
        assert!(matches!(read_header(&mut ReaderInput(directory)), Err(HeaderReadError::Read(_))));
    }
}
