//! A decrypting `std::io::Read`, on one thread.

use std::io::{self, Read};

use super::{Continuity, FrameReader, OpenError, OpenedStream, ReaderInput, Resumed, StreamError, StreamHeader, Wait};
use crate::{
    container::{CopyNumber, Header},
    keys::Credential,
    stage::{Frame, FrameBuffer, Stage, Verified},
};

/// Decrypts what it reads, in memory for one frame, and gives out only what was authenticated. A refused frame is an error
/// of kind [`io::ErrorKind::InvalidData`] around a [`StreamError`]; what was read until then is a true prefix. Only
/// `Ok(0)` for an area that is not empty says that the stream was whole.
///
/// The input's own errors are passed on as they are, except EINTR, after which reading goes on. Every error is for good: a
/// read after it is an error too, so that no end seems to follow.
pub struct Reader<R> {
    stream: OpenedStream,
    frames: FrameReader<Resumed<ReaderInput<R>>>,
    continuity: Continuity,
    empty: Vec<FrameBuffer>,
    state: State,
}

enum State {
    /// Room for the next frame.
    Waiting(FrameBuffer),
    /// A frame, its payload read up to a position.
    Giving(Frame<Verified>, usize),
    /// The final frame was given out.
    Ended,
    /// A read failed: an end must not seem to follow.
    Failed,
}

impl<R: Read + Send> Reader<R> {
    /// The stream at the front of `inner`, opened with `credential` by a reader that has the stages `private`. Reads the
    /// header, at most 128 KiB. A passphrase costs a scrypt run for each slot that is tried, within the credential's
    /// limits.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn new(inner: R, credential: &mut Credential, private: Vec<Box<dyn Stage>>) -> Result<Self, OpenError> {
        let (stream, input) = StreamHeader::read(ReaderInput(inner), private)?.open(credential)?;
        let prefix = stream.header().prefix;
        let frames = FrameReader::new(input, prefix.frame_size);
        let state = State::Waiting(FrameBuffer::new(prefix.frame_size));
        Ok(Self { stream, frames, continuity: Continuity::new(prefix.features), empty: Vec::with_capacity(1), state })
    }

    /// What the header says.
    pub fn header(&self) -> &Header {
        self.stream.header()
    }

    /// The header copy that is damaged, if one is.
    pub fn damaged_copy(&self) -> Option<CopyNumber> {
        self.stream.damaged_copy()
    }

    fn next_frame(&mut self, buffer: FrameBuffer) -> Result<Frame<Verified>, StreamError> {
        let index = self.frames.next_index();
        let refused = |fault| StreamError::Frame { index, fault };
        // An input that is waited for gives a frame or an error.
        self.empty.push(buffer);
        let frame = self.frames.next(&mut self.empty, Wait::ForInput)?.ok_or(StreamError::Stopped)?;
        let frame = self.stream.chain().open(frame).map_err(refused)?;
        self.continuity.check(frame.tag()).map_err(refused)?;
        Ok(frame)
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
                State::Waiting(buffer) => match self.next_frame(buffer) {
                    Ok(frame) => self.state = State::Giving(frame, 0),
                    Err(StreamError::Read(error) | StreamError::ReadFrame { error, .. }) => return Err(error),
                    Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
                },
                State::Giving(frame, given) => {
                    let mut left = frame.payload().get(given..).unwrap_or_default();
                    if left.is_empty() {
                        let is_final = frame.tag().flags.is_final();
                        self.state = if is_final { State::Ended } else { State::Waiting(frame.into_buffer()) };
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
    fn what_a_writer_wrote_a_reader_reads() {
        for length in [0, 1, 4095, 4096, 4097, 12_288, 100_000] {
            let stream = sealed(&plaintext(length));
            let mut reader = Reader::new(stream.as_slice(), &mut key_file().into(), Vec::new()).unwrap();
            let mut opened = Vec::new();
            reader.read_to_end(&mut opened).unwrap();
            assert!(opened == plaintext(length), "{length}");
        }
    }

    #[test]
    fn a_cut_stream_gives_its_whole_frames_and_then_errors_for_good() {
        let stream = sealed(&plaintext(10_000));
        let cut = &stream[..stream.len() - 1];
        let mut reader = Reader::new(cut, &mut key_file().into(), Vec::new()).unwrap();
        let mut opened = Vec::new();
        let error = reader.read_to_end(&mut opened).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(opened == plaintext(8192));
        assert!(reader.read(&mut [0; 10]).is_err());
    }
}
