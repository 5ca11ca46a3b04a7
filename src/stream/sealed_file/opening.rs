//! Opening a stream to be read at any offset: a whole one, one that is still growing, or the same one once more.

use std::{
    io::{self, Read},
    sync::{Arc, atomic::AtomicU64},
};

use super::{MOST_FRAMES, SealedFile, unfinished_end::sound_frames};
use crate::{
    container::PREFIX_LENGTH,
    keys::Credential,
    stage::{Frame, FrameFault, Stage, Verified},
    stream::{
        OpenError, OpenedStream, ReadAt, ReaderInput, StreamError, StreamFile, StreamHeader, frame_cache::FrameCache,
        known_tags::KnownTags,
    },
};

/// Bytes of the cached frames, unless that is fewer than [`LEAST_FRAMES`]. More than a second-level cache holds would
/// make every buffer cold by the time it is used again.
const CACHE_BYTES: usize = 1 << 20;
/// Frames that are always cached, 48 MiB of the largest: one with its two neighbours, or enough for two or three
/// threads that read at different offsets.
const LEAST_FRAMES: usize = 3;
/// Tags that are remembered, some 64 KiB: the upper levels of a search, and the neighbours of the frames being read.
const KNOWN_TAGS: usize = 1024;

impl<R: ReadAt> SealedFile<R> {
    /// Opens the stream that starts at the first byte of `source` with a [`KeyFile`](crate::keys::KeyFile) or a
    /// reference to one, a [`Passphrase`](crate::keys::Passphrase), identities, or a [`Credential`] with limits of its
    /// own. Reads and authenticates the header and the final frame. A passphrase costs a scrypt run for each slot that
    /// is tried.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; [`OpenError::Stream`] for a stream without its final frame.
    pub fn open(source: R, credential: impl Into<Credential>) -> Result<Self, OpenError> {
        Self::open_with(source, &mut credential.into(), Vec::new())
    }

    /// Like [`SealedFile::open`], with a `credential` that is used for several streams, so that scrypt runs once for
    /// all that share a salt and a cost, and with the private stages `private`.
    ///
    /// # Errors
    ///
    /// Those of [`SealedFile::open`].
    pub fn open_with(source: R, credential: &mut Credential, private: Vec<Box<dyn Stage>>) -> Result<Self, OpenError> {
        let (stream, file) = open(source, credential, private)?;
        Ok(Self::of(stream, file)?)
    }

    /// Like [`SealedFile::open`], for a stream whose final frame was never written or has not been written yet. It ends
    /// with its last sound frame, and reading past that is an error. [`SealedFile::frames`] says how many frames there
    /// are up to that one. An earlier frame may still be damaged; only reading it shows that. A stream that does have
    /// its final frame is whole.
    ///
    /// The last sound frame is found by a search from the end. If frames are missing before it, sound frames after the
    /// gap may be left out.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; [`OpenError::Stream`] if no frame is sound and some cannot be read.
    pub fn open_unfinished(source: R, credential: impl Into<Credential>) -> Result<Self, OpenError> {
        Self::open_unfinished_with(source, &mut credential.into(), Vec::new())
    }

    /// Like [`SealedFile::open_with`], but for a stream as in [`SealedFile::open_unfinished`].
    ///
    /// # Errors
    ///
    /// Those of [`SealedFile::open_unfinished`].
    pub fn open_unfinished_with(
        source: R,
        credential: &mut Credential,
        private: Vec<Box<dyn Stage>>,
    ) -> Result<Self, OpenError> {
        let (stream, file) = open(source, credential, private)?;
        Ok(Self::of_unfinished(stream, file)?)
    }

    /// Like [`SealedFile::open`], for a `stream` that is already open and whose frames are in `file`. Authenticates the
    /// final frame.
    ///
    /// # Errors
    ///
    /// [`StreamError`] of the final frame.
    pub fn of(stream: impl Into<Arc<OpenedStream>>, file: StreamFile<R>) -> Result<Self, StreamError> {
        let stream = stream.into();
        let last = file.verify_final_frame(stream.chain())?;
        let frames = file.last_index() + 1;
        Self::ending_with(stream, file, frames, last, true)
    }

    /// Like [`SealedFile::open_unfinished`], for a `stream` that is already open and whose frames are in `file`.
    ///
    /// # Errors
    ///
    /// [`StreamError::ReadFrame`] if no frame is sound and some cannot be read.
    pub fn of_unfinished(stream: impl Into<Arc<OpenedStream>>, file: StreamFile<R>) -> Result<Self, StreamError> {
        let stream = stream.into();
        let (frames, last) = sound_frames(&stream, &file)?;
        match last {
            Some(last) => {
                let is_whole = last.tag().flags.is_final();
                Self::ending_with(stream, file, frames, last, is_whole)
            }
            None => Ok(Self::new(stream, file, 0, 0, false)),
        }
    }

    /// The same stream as `source` holds it now, opened with the known keys: for a stream that has grown, or whose
    /// header was rewritten. `None` if `source` holds another stream.
    ///
    /// ```
    /// use std::io::Write;
    ///
    /// use reelseal::{
    ///     keys::{KeyFile, Lock},
    ///     stream::{SealedFile, StreamOptions, Writer},
    /// };
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let key_file = KeyFile::random()?;
    /// let file = tempfile::tempfile()?;
    /// let options = StreamOptions { live: true, ..StreamOptions::default() };
    /// let mut writer = Writer::create(file.try_clone()?, &Lock::with_key_file(&key_file), options)?;
    /// writer.write_all(b"first")?;
    /// writer.flush()?;
    /// let film = SealedFile::open_unfinished(&file, &key_file)?;
    /// assert_eq!(film.len(), 5);
    ///
    /// writer.write_all(b" steps")?;
    /// writer.finish()?;
    /// let film = film.reopened(&file)?.ok_or("another stream")?;
    /// assert_eq!((film.len(), film.is_whole()), (11, true));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`SealedFile::of_unfinished`].
    pub fn reopened(&self, source: R) -> Result<Option<Self>, StreamError> {
        if !self.is_in(&source) {
            return Ok(None);
        }
        let size = source.size().map_err(StreamError::Read)?;
        let file = StreamFile::new(source, size, 0, self.header().layout());
        Self::of_unfinished(Arc::clone(&self.stream), file).map(Some)
    }

    /// Whether `source` holds this stream now, as far as its prefix says. Either copy of its header may be damaged.
    pub fn is_in(&self, source: &R) -> bool {
        let expected = self.header().prefix.encode();
        [0, self.header().length.bytes() as u64].into_iter().any(|position| {
            let mut prefix = [0; PREFIX_LENGTH];
            let read = InOrder(source, position).read_exact(&mut prefix);
            read.is_ok() && prefix == expected
        })
    }

    fn ending_with(
        stream: Arc<OpenedStream>,
        file: StreamFile<R>,
        frames: u64,
        last: Frame<Verified>,
        is_whole: bool,
    ) -> Result<Self, StreamError> {
        let (index, tag) = (last.index(), *last.tag());
        let lying = StreamError::Frame { index, fault: FrameFault::Offset(tag.offset) };
        let length = tag.end().ok_or(lying)?;
        let sealed = Self { last: Some((tag, last.mac())), ..Self::new(stream, file, frames, length, is_whole) };
        sealed.check_capacity(&tag)?;
        Ok(sealed)
    }

    fn new(stream: Arc<OpenedStream>, file: StreamFile<R>, frames: u64, length: u64, is_whole: bool) -> Self {
        let most = (CACHE_BYTES / file.layout().frame_size.wire()).clamp(LEAST_FRAMES, MOST_FRAMES);
        let (cache, tags, near) = (FrameCache::new(most), KnownTags::new(KNOWN_TAGS), AtomicU64::new(0));
        Self { stream, file, frames, length, is_whole, last: None, cache, tags, near }
    }
}

fn open<R: ReadAt>(
    source: R,
    credential: &mut Credential,
    private: Vec<Box<dyn Stage>>,
) -> Result<(OpenedStream, StreamFile<R>), OpenError> {
    let (stream, _) = StreamHeader::read(ReaderInput(InOrder(&source, 0)), private)?.open(credential)?;
    let size = source.size().map_err(StreamError::Read)?;
    let file = StreamFile::new(source, size, 0, stream.header().layout());
    Ok((stream, file))
}

/// Reads a source in order, from some position on.
struct InOrder<'a, R>(&'a R, u64);

impl<R: ReadAt> Read for InOrder<'_, R> {
    fn read(&mut self, area: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read_at(area, self.1)?;
        self.1 += read as u64;
        Ok(read)
    }
}
