//! A decrypting `std::io::Read`, on one thread.

use std::io::{self, Read};

use super::{OpenError, ReaderInput, StreamError, StreamHeader, VerifiedFrames};
use crate::{
    container::{CopyNumber, Header},
    keys::Credential,
    stage::{Frame, Stage, Verified},
};

/// Decrypts what it reads, one frame at a time, and returns only what was authenticated. A refused frame is an error of
/// kind [`io::ErrorKind::InvalidData`] wrapping a [`StreamError`]; what was read before is a prefix of the plaintext.
/// Only `Ok(0)` for a buffer that is not empty means that the stream was whole.
///
/// The input's own errors are passed on as they are, except EINTR, after which reading goes on. Every error is
/// permanent: a later read fails too, so that an error is never followed by what looks like the end.
///
/// ```
/// use std::io::{self, Write};
///
/// use reelseal::{
///     keys::{KeyFile, Lock},
///     stream::{Reader, StreamError, StreamOptions, Writer},
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key_file = KeyFile::random()?;
/// let mut writer = Writer::create(Vec::new(), &Lock::with_key_file(&key_file), StreamOptions::default())?;
/// writer.write_all(&[7; 200_000])?;
/// let mut stream = writer.finish()?;
/// stream.truncate(150_000);
///
/// let mut film = Vec::new();
/// let error = io::copy(&mut Reader::open(stream.as_slice(), &key_file)?, &mut film).unwrap_err();
/// assert_eq!(error.kind(), io::ErrorKind::InvalidData);
/// assert!(error.get_ref().is_some_and(|error| error.is::<StreamError>()));
/// assert_eq!(film, [7; 2 * 65_536]);
/// # Ok(())
/// # }
/// ```
pub struct Reader<R> {
    frames: VerifiedFrames<ReaderInput<R>>,
    state: State,
}

enum State {
    /// The next frame is to be read.
    Waiting,
    /// A frame, its payload read up to a position.
    Giving(Frame<Verified>, usize),
    /// The final frame has been read.
    Ended,
    /// A read failed, and every later one will fail, too.
    Failed,
}

impl<R: Read + Send> Reader<R> {
    /// Opens the stream at the start of `inner` with a [`KeyFile`](crate::keys::KeyFile) or a reference to one, a
    /// [`Passphrase`](crate::keys::Passphrase), identities, or a [`Credential`] with limits of its own. Reads the
    /// header, at most 128 KiB. A passphrase costs a scrypt run for each slot that is tried.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open(inner: R, credential: impl Into<Credential>) -> Result<Self, OpenError> {
        Self::open_with(inner, &mut credential.into(), Vec::new())
    }

    /// Like [`Reader::open`], with a `credential` that is used for several streams, so that scrypt runs once for all
    /// that share a salt and a cost, and with the private stages `private`.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open_with(inner: R, credential: &mut Credential, private: Vec<Box<dyn Stage>>) -> Result<Self, OpenError> {
        let (stream, input) = StreamHeader::read(ReaderInput(inner), private)?.open(credential)?;
        Ok(Self { frames: VerifiedFrames::new(stream, input), state: State::Waiting })
    }

    /// What the header says.
    pub fn header(&self) -> &Header {
        self.frames.stream().header()
    }

    /// The header copy that is damaged, if one is.
    pub fn damaged_copy(&self) -> Option<CopyNumber> {
        self.frames.stream().damaged_copy()
    }
}

impl<R: Read + Send> Read for Reader<R> {
    fn read(&mut self, area: &mut [u8]) -> io::Result<usize> {
        if area.is_empty() {
            return Ok(0);
        }
        loop {
            match std::mem::replace(&mut self.state, State::Failed) {
                State::Failed => return Err(io::Error::other(StreamError::FailedBefore)),
                State::Ended => {
                    self.state = State::Ended;
                    return Ok(0);
                }
                State::Waiting => match self.frames.next_frame() {
                    Ok(frame) => self.state = State::Giving(frame, 0),
                    Err(error) => return Err(error.into_read_error()),
                },
                State::Giving(frame, given) => {
                    let mut left = frame.payload().get(given..).unwrap_or_default();
                    if left.is_empty() {
                        self.state = if frame.tag().flags.is_final() { State::Ended } else { State::Waiting };
                        self.frames.give_back(frame);
                        continue;
                    }
                    let read = left.read(area)?;
                    self.state = State::Giving(frame, given + read);
                    return Ok(read);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::{Clock, Writer};
    use super::*;
    use crate::{
        container::{Features, FrameSize, HeaderLength, IV_LENGTH, Prefix, Slot},
        keys::{Key, KeyFile, StageKeys, new_key_file_slot},
    };

    fn key_file() -> KeyFile {
        KeyFile::from_key(Key::from_bytes([4; 32]))
    }

    fn sealed(plaintext: &[u8]) -> Vec<u8> {
        let prefix = Prefix { frame_size: FrameSize::MIN, features: Features::TIMED, iv: [7; IV_LENGTH] };
        let file_key = Key::from_bytes([9; 32]);
        let slot = Slot::KeyFile(new_key_file_slot(&file_key, &key_file(), [3; 32]));
        let records = vec![(&slot).into()];
        let header = Header { prefix, length: HeaderLength::default(), generation: 1, records };
        let keys = StageKeys::derive(&file_key, &prefix);
        let mut writer = Writer::new(Vec::new(), &header, &keys, Vec::new(), Clock::Fixed(5)).unwrap();
        for piece in plaintext.chunks(1000) {
            writer.write_all(piece).unwrap();
        }
        writer.finish().unwrap()
    }

    fn plaintext(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at % 251) as u8).collect()
    }

    #[test]
    fn a_reader_reads_what_a_writer_wrote() {
        for length in [0, 1, 4095, 4096, 4097, 12_288, 100_000] {
            let stream = sealed(&plaintext(length));
            let mut reader = Reader::open(stream.as_slice(), key_file()).unwrap();
            let mut opened = Vec::new();
            reader.read_to_end(&mut opened).unwrap();
            assert!(opened == plaintext(length), "{length}");
        }
    }

    #[test]
    fn a_cut_stream_gives_its_whole_frames_and_then_only_errors() {
        let stream = sealed(&plaintext(10_000));
        let cut = &stream[..stream.len() - 1];
        let mut reader = Reader::open(cut, key_file()).unwrap();
        let mut opened = Vec::new();
        let error = reader.read_to_end(&mut opened).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(opened == plaintext(8192));
        assert!(reader.read(&mut [0; 10]).is_err());
    }
}
