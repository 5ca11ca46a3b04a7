//! A sink that writes nothing: it compares verified payloads with the content of a file.

use std::{
    fs::File,
    io::{self, ErrorKind},
    os::unix::fs::FileExt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::Sink;
use crate::stage::{Frame, Verified};

/// Compares each payload with the bytes of a file at its offset, in any order. Bytes of the file beyond the stream's
/// length are ignored.
pub struct ComparisonSink<'a> {
    file: &'a File,
    differs: AtomicBool,
    /// Buffers to read into, one per worker.
    rooms: Mutex<Vec<Vec<u8>>>,
}

impl<'a> ComparisonSink<'a> {
    /// Compares with `file`.
    pub fn new(file: &'a File) -> Self {
        Self { file, differs: AtomicBool::new(false), rooms: Mutex::default() }
    }

    /// Whether every payload so far was the same as the file's bytes.
    pub fn is_same(&self) -> bool {
        !self.differs.load(Ordering::Acquire)
    }

    fn compare(&self, frame: &Frame<Verified>, room: &mut Vec<u8>) -> io::Result<bool> {
        let payload = frame.payload();
        room.resize(payload.len(), 0);
        match self.file.read_exact_at(room, frame.tag().offset) {
            Ok(()) => Ok(room == payload),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl Sink<Verified> for ComparisonSink<'_> {
    const IN_TURN: bool = false;

    fn write(&self, frames: &[Frame<Verified>]) -> io::Result<()> {
        let mut room = self.rooms.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        for frame in frames {
            if !self.compare(frame, &mut room)? {
                self.differs.store(true, Ordering::Release);
            }
        }
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner).push(room);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        container::{FRAME_OVERHEAD, Features, FrameSize, FrameTag, IV_LENGTH, Prefix, TagFlags},
        keys::{Key, StageKeys},
        stage::{Chain, FrameBuffer},
    };

    /// A verified frame, the first and last of its stream, with this payload.
    fn verified(payload: &[u8]) -> Frame<Verified> {
        let prefix = Prefix { frame_size: FrameSize::MIN, features: Features::NONE, iv: [7; IV_LENGTH] };
        let chain = Chain::new(&StageKeys::derive(&Key::from_bytes([1; 32]), &prefix), &prefix);
        let mut buffer = FrameBuffer::new(FrameSize::MIN);
        buffer.payload_area()[..payload.len()].copy_from_slice(payload);
        let tag = FrameTag { length: payload.len() as u32, flags: TagFlags::FINAL, ..FrameTag::default() };
        let buffer = chain.seal(Frame::clear(buffer, tag)).into_buffer();
        chain.open(Frame::received(buffer, 0, payload.len() + FRAME_OVERHEAD).unwrap()).unwrap()
    }

    fn is_same(content: &[u8], payloads: &[&[u8]]) -> bool {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(content, 0).unwrap();
        let sink = ComparisonSink::new(&file);
        for payload in payloads {
            sink.write(&[verified(payload)]).unwrap();
        }
        sink.is_same()
    }

    #[test]
    fn payloads_equal_the_bytes_of_the_file_or_differ_permanently() {
        assert!(is_same(b"frames", &[b"frames"]) && is_same(b"frames and more", &[b"frames"]));
        assert!(!is_same(b"framed", &[b"frames"]) && !is_same(b"frame", &[b"frames"]));
        assert!(!is_same(b"frames", &[b"framed", b"frames"]));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_an_error_and_not_a_difference() {
        let folder = File::open("/").unwrap();
        assert!(ComparisonSink::new(&folder).write(&[verified(b"frames")]).is_err());
    }
}
