//! Outputs of a salvage: plaintext, with each frame at its place in a file, or in order with or without zeros for what
//! is missing.

use std::{
    fs::File,
    io::{self, IoSlice, Write},
    os::unix::fs::FileExt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use rustix::io::pwritev;

use super::{FinalFrame, Outgoing, SalvageOutput, write_all};
use crate::stage::{Frame, Verified};

/// A file that takes each payload at its offset, in any order. Nothing is written where a payload is missing: that
/// reads as zeros and takes no space.
pub struct SparseOutput<'a> {
    file: &'a File,
    end: AtomicU64,
}

impl<'a> SparseOutput<'a> {
    /// Writes payloads to `file`, which is empty.
    pub fn new(file: &'a File) -> Self {
        Self { file, end: AtomicU64::new(0) }
    }
}

impl SalvageOutput for SparseOutput<'_> {
    const IN_TURN: bool = false;

    fn put(&self, frames: &[Frame<Verified>]) -> io::Result<()> {
        let Some((first, last)) = frames.first().zip(frames.last()) else { return Ok(()) };
        let offset = first.tag().offset;
        // One call for all of them: the writers of a file wait for each other at every call.
        write_all(frames.iter().map(Outgoing::bytes), |slices, written| {
            Ok(pwritev(self.file, slices, offset + written)?)
        })?;
        self.end.fetch_max(last.tag().end().unwrap_or(0), Ordering::Relaxed);
        Ok(())
    }

    fn put_last(&self, last: Option<&FinalFrame>) -> io::Result<()> {
        let mut end = self.end.load(Ordering::Relaxed);
        if let Some(FinalFrame { tag, payload }) = last {
            self.file.write_all_at(payload, tag.offset)?;
            end = end.max(tag.end().unwrap_or(0));
        }
        // The last frames may be empty, and come after missing ones.
        self.file.set_len(end)
    }
}

/// What is written where frames are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filling {
    /// Zeros, so that every byte that follows is at its place.
    Zeros,
    /// Nothing.
    Nothing,
}

/// An output that takes payloads in order.
pub struct FilledOutput<W> {
    writer: Mutex<(W, u64)>,
    filling: Filling,
}

impl<W: Write + Send> FilledOutput<W> {
    /// Writes payloads to `writer`, and `filling` where one is missing.
    pub fn new(writer: W, filling: Filling) -> Self {
        Self { writer: Mutex::new((writer, 0)), filling }
    }

    fn put_pieces<'a>(&self, offset: u64, end: u64, pieces: impl ExactSizeIterator<Item = &'a [u8]>) -> io::Result<()> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let (writer, at) = &mut *writer;
        if self.filling == Filling::Zeros {
            write_zeros(writer, offset.saturating_sub(*at))?;
        }
        *at = end;
        write_all(pieces, |slices: &[IoSlice<'_>], _| writer.write_vectored(slices))
    }
}

impl<W: Write + Send> SalvageOutput for FilledOutput<W> {
    const IN_TURN: bool = true;

    fn put(&self, frames: &[Frame<Verified>]) -> io::Result<()> {
        let Some((first, last)) = frames.first().zip(frames.last()) else { return Ok(()) };
        let end = last.tag().end().unwrap_or(0);
        self.put_pieces(first.tag().offset, end, frames.iter().map(Outgoing::bytes))
    }

    fn put_last(&self, last: Option<&FinalFrame>) -> io::Result<()> {
        let Some(FinalFrame { tag, payload }) = last else { return Ok(()) };
        self.put_pieces(tag.offset, tag.end().unwrap_or(0), [payload.as_slice()].into_iter())
    }
}

fn write_zeros(writer: &mut impl Write, mut count: u64) -> io::Result<()> {
    const ZEROS: &[u8] = &[0; 64 << 10];
    while count > 0 {
        let piece = usize::try_from(count).map_or(ZEROS, |count| ZEROS.get(..count).unwrap_or(ZEROS));
        writer.write_all(piece)?;
        count -= piece.len() as u64;
    }
    Ok(())
}
