//! A sink that writes nothing: it compares verified payloads with what a file holds.

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

/// Compares each payload with the bytes of a file at its offset, in any order. Bytes that the file has beyond the
/// stream's length are not looked at.
pub struct ComparisonSink<'a> {
    file: &'a File,
    differs: AtomicBool,
    /// Room to read into, one a worker.
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
