//! Random access to the plaintext of a stream, from any number of threads.

mod search;
mod unfinished_end;

use std::{
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use unfinished_end::sound_frames;

use super::{
    Cursor, OpenError, OpenedStream, ReadAt, ReaderInput, StreamError, StreamFile, StreamHeader,
    frame_cache::FrameCache, known_tags::KnownTags,
};
use crate::{
    container::{Features, FrameTag, Header, MAC_LENGTH, PREFIX_LENGTH},
    keys::Credential,
    stage::{Chain, Frame, FrameBuffer, FrameFault, Stage, Verified},
};

/// Bytes of the cached frames, unless that is fewer than [`LEAST_FRAMES`]. More than a second-level cache holds would
/// make every buffer cold by the time it is used again.
const CACHE_BYTES: usize = 1 << 20;
/// The most frames that are cached.
const MOST_FRAMES: usize = 64;
/// Frames that are always cached, 48 MiB of the largest: one with its two neighbours, or enough for two or three
/// threads that read at different offsets.
const LEAST_FRAMES: usize = 3;
/// Tags that are remembered, some 64 KiB: the upper levels of a search, and the neighbours of the frames being read.
const KNOWN_TAGS: usize = 1024;

/// A stream that can be read at any offset. It can be shared by threads: a frame is read, authenticated and decrypted
/// once, however many of them ask for it at the same time.
///
/// Opening one authenticates the header and the final frame, so the length is authentic. A stream without a final frame
/// is opened with [`SealedFile::open_unfinished`], which promises nothing about the end.
///
/// Every byte that it returns was authenticated at its offset. A damaged frame is an error only for the reads that need
/// it. In a live stream, where the offset of a frame comes from its tag, the neighbouring frames must agree with it.
/// Nothing more is checked: anyone who has the stream's keys can forge one that [`Reader`](super::Reader), which checks
/// every frame in order, would refuse.
///
/// The cache holds at most 64 frames and at most 1 MiB, or three frames if these are larger. Frames that are being
/// read, or that a caller holds, come on top of that.
///
/// ```
/// use std::io::{Read, Seek, SeekFrom, Write};
///
/// use reelseal::{
///     keys::{KeyFile, Lock},
///     stream::{SealedFile, StreamOptions, Writer},
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key_file = KeyFile::random()?;
/// let mut writer = Writer::create(tempfile::tempfile()?, &Lock::with_key_file(&key_file), StreamOptions::default())?;
/// writer.write_all(&[7; 300_000])?;
/// writer.write_all(b"the last scene")?;
/// let encrypted = writer.finish()?;
///
/// let film = SealedFile::open(encrypted, &key_file)?;
/// assert_eq!(film.len(), 300_014);
///
/// let mut scene = [0; 4];
/// film.read_exact_at(&mut scene, 300_010)?;
/// assert_eq!(&scene, b"cene");
///
/// let mut film = film.into_cursor();
/// film.seek(SeekFrom::End(-5))?;
/// let mut rest = String::new();
/// film.read_to_string(&mut rest)?;
/// assert_eq!(rest, "scene");
/// # Ok(())
/// # }
/// ```
pub struct SealedFile<R> {
    stream: Arc<OpenedStream>,
    file: StreamFile<R>,
    /// How many frames there are.
    frames: u64,
    /// The plaintext bytes in them.
    length: u64,
    is_whole: bool,
    last: Option<(FrameTag, [u8; MAC_LENGTH])>,
    cache: FrameCache<VerifiedFrame, SharedError>,
    tags: KnownTags,
    /// The frame that was read last: the next read is probably near it.
    near: AtomicU64,
}

/// An authenticated frame of a stream, decrypted. Wiped when it is dropped.
pub struct VerifiedFrame(Frame<Verified>);

/// An error for every thread that waited for the same frame.
struct SharedError(StreamError);

impl Clone for SharedError {
    fn clone(&self) -> Self {
        Self(self.0.duplicate())
    }
}

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
            let read = FromStart(source, position).read_exact(&mut prefix);
            read.is_ok() && prefix == expected
        })
    }

    /// Sets the size of the cache: as many frames as fit into `bytes`, but at least one.
    #[must_use]
    pub fn with_cache_of(mut self, bytes: usize) -> Self {
        let most = bytes / self.file.layout().frame_size.wire();
        self.cache = FrameCache::new(most.clamp(1, MOST_FRAMES));
        self
    }

    /// Drops and wipes the cached frames, and forgets everything else about frames.
    pub fn forget_frames(&self) {
        self.cache.clear();
        self.tags.clear();
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

    /// What the header says.
    pub fn header(&self) -> &Header {
        self.stream.header()
    }

    /// The opened stream.
    pub fn stream(&self) -> &OpenedStream {
        &self.stream
    }

    /// Where its frames are read from.
    pub fn stream_file(&self) -> &StreamFile<R> {
        &self.file
    }

    /// What it was made from.
    pub fn source(&self) -> &R {
        self.file.source()
    }

    /// The tag and MAC of the final frame or, in an unfinished stream, of its last sound one.
    pub fn last_frame(&self) -> Option<&(FrameTag, [u8; MAC_LENGTH])> {
        self.last.as_ref()
    }

    /// The chain that opens the stream's frames.
    pub fn chain(&self) -> &Chain {
        self.stream.chain()
    }

    /// The length of the plaintext in bytes; of an unfinished stream, up to the end of its last sound frame.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there is no plaintext.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The number of frames, the final one included.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Whether the stream has its final frame.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// The frame at `index`, authenticated: from the cache, or read and decrypted now.
    ///
    /// # Errors
    ///
    /// [`StreamError`] of that frame; [`StreamError::NoSuchFrame`] after the final frame;
    /// [`StreamError::EndBeforeFinalFrame`] after the last frame of an unfinished stream.
    pub fn frame(&self, index: u64) -> Result<Arc<VerifiedFrame>, StreamError> {
        self.check_index(index)?;
        let load = |evicted: Option<VerifiedFrame>| {
            let buffer =
                evicted.map_or_else(|| FrameBuffer::new(self.file.layout().frame_size), VerifiedFrame::into_buffer);
            self.load(index, buffer).map_err(SharedError)
        };
        self.cache.get(index, load).map_err(|shared| shared.0)
    }

    /// Reads, authenticates and decrypts the frame at `index` into `buffer`, bypassing the cache: for a caller that
    /// reads whole frames in order and recycles its buffers, as from [`VerifiedFrame::into_buffer`].
    ///
    /// # Errors
    ///
    /// Those of [`SealedFile::frame`].
    pub fn frame_in(&self, buffer: FrameBuffer, index: u64) -> Result<VerifiedFrame, StreamError> {
        self.check_index(index)?;
        self.load(index, buffer)
    }

    /// Reads plaintext from the byte `offset` on into `area`, and returns how many bytes were read: fewer than
    /// `area.len()` only at the end or before a frame that cannot be read, and 0 only at or after the end.
    ///
    /// # Errors
    ///
    /// [`StreamError`] of the frame that holds the byte at `offset`; [`StreamError::EndBeforeFinalFrame`] at or after
    /// the end of an unfinished stream.
    pub fn read_at(&self, area: &mut [u8], offset: u64) -> Result<usize, StreamError> {
        let mut read = 0;
        while let Some(room) = area.get_mut(read..).filter(|room| !room.is_empty()) {
            match self.read_of_one_frame(room, offset.saturating_add(read as u64)) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(_) if read > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    /// Fills `area` with the plaintext from the byte `offset` on.
    ///
    /// # Errors
    ///
    /// [`StreamError`] of the first frame that cannot be read; [`StreamError::NoSuchFrame`] if the plaintext ends
    /// before `area` is full, or [`StreamError::EndBeforeFinalFrame`] if the stream is unfinished.
    pub fn read_exact_at(&self, area: &mut [u8], offset: u64) -> Result<(), StreamError> {
        let mut read = 0;
        while let Some(room) = area.get_mut(read..).filter(|room| !room.is_empty()) {
            match self.read_of_one_frame(room, offset.saturating_add(read as u64))? {
                0 => return Err(StreamError::NoSuchFrame { index: self.frames }),
                more => read += more,
            }
        }
        Ok(())
    }

    /// The index of the frame that holds the plaintext byte at `offset`; `None` at or after the end. In a live stream
    /// this is a search that reads several frames, including that one and its neighbours. Their tags must agree;
    /// damaged frames are skipped.
    ///
    /// # Errors
    ///
    /// [`StreamError`] of the frame that should hold the byte; [`StreamError::Frame`] if a tag contradicts its
    /// neighbours; [`StreamError::EndBeforeFinalFrame`] at or after the end of an unfinished stream.
    pub fn frame_at_offset(&self, offset: u64) -> Result<Option<u64>, StreamError> {
        if offset >= self.length {
            return if self.is_whole { Ok(None) } else { Err(StreamError::EndBeforeFinalFrame { index: self.frames }) };
        }
        if !self.has(Features::LIVE) {
            return Ok(Some(offset / self.payload()));
        }
        let tag = match self.near_offset(offset) {
            Some(tag) => tag,
            None => self.search_offset(offset)?,
        };
        self.check_neighbours(&tag)?;
        Ok(Some(tag.index))
    }

    /// The index of the last frame whose time is at or before `time`, in Unix microseconds; `None` if the first frame
    /// is later. This is a search that reads several frames, whose tags must agree; damaged frames are skipped. In a
    /// stream without times, every time is 0.
    ///
    /// # Errors
    ///
    /// [`StreamError::Frame`] if a tag contradicts its neighbours.
    pub fn frame_at_time(&self, time: i64) -> Result<Option<u64>, StreamError> {
        let (at, _) = self.last_where(|tag| tag.time <= time)?;
        at.iter().try_for_each(|tag| self.check_neighbours(tag))?;
        Ok(at.map(|tag| tag.index))
    }

    /// A seekable reader, positioned at the first byte. Several cursors can share the file.
    pub fn cursor(self: &Arc<Self>) -> Cursor<R> {
        Cursor::new(Arc::clone(self))
    }

    /// The file as a seekable reader, positioned at the first byte.
    pub fn into_cursor(self) -> Cursor<R> {
        Cursor::new(Arc::new(self))
    }

    fn has(&self, feature: Features) -> bool {
        self.header().prefix.features.contains(feature)
    }

    /// Payload bytes of a full frame.
    fn payload(&self) -> u64 {
        self.file.layout().frame_size.payload() as u64
    }

    fn check_index(&self, index: u64) -> Result<(), StreamError> {
        match index < self.frames {
            true => Ok(()),
            false if self.is_whole => Err(StreamError::NoSuchFrame { index }),
            false => Err(StreamError::EndBeforeFinalFrame { index }),
        }
    }

    fn load(&self, index: u64, mut buffer: FrameBuffer) -> Result<VerifiedFrame, StreamError> {
        // A full frame overwrites the whole buffer; a shorter one does not.
        if self.file.wire_length(index) < self.file.layout().frame_size.wire() {
            buffer.wipe();
        }
        let frame = self.file.read(buffer, index)?;
        let frame = self.stream.chain().open(frame).map_err(|fault| StreamError::Frame { index, fault })?;
        self.check_capacity(frame.tag())?;
        self.tags.insert(*frame.tag());
        Ok(VerifiedFrame(frame))
    }

    /// Reads from the byte `offset` on into `area`, no further than the end of the frame that holds it; returns 0 only
    /// at or after the end.
    fn read_of_one_frame(&self, area: &mut [u8], offset: u64) -> Result<usize, StreamError> {
        let Some(index) = self.frame_at_offset(offset)? else { return Ok(0) };
        let frame = self.frame(index)?;
        self.near.store(index, Ordering::Relaxed);
        // The source may have replaced the frame by another authentic one since its tag was remembered.
        let from = offset.checked_sub(frame.tag().offset).and_then(|from| usize::try_from(from).ok());
        let payload = from.and_then(|from| frame.payload().get(from..)).filter(|payload| !payload.is_empty());
        let mut payload = payload.ok_or_else(|| out_of_step(index, offset))?;
        payload.read(area).map_err(StreamError::Read)
    }

    /// Refuses a tag that claims more plaintext before or after its frame than the frames there can hold.
    fn check_capacity(&self, tag: &FrameTag) -> Result<(), StreamError> {
        let most_before = tag.index.saturating_mul(self.payload());
        let most_after = (self.frames - 1).saturating_sub(tag.index).saturating_mul(self.payload());
        let after = tag.end().and_then(|end| self.length.checked_sub(end));
        if tag.offset <= most_before && after.is_some_and(|after| after <= most_after) {
            return Ok(());
        }
        Err(StreamError::Frame { index: tag.index, fault: FrameFault::Offset(tag.offset) })
    }
}

/// No sound frame holds the byte at `offset`, which frame `index` should.
fn out_of_step(index: u64, offset: u64) -> StreamError {
    StreamError::Frame { index, fault: FrameFault::Offset(offset) }
}

fn open<R: ReadAt>(
    source: R,
    credential: &mut Credential,
    private: Vec<Box<dyn Stage>>,
) -> Result<(OpenedStream, StreamFile<R>), OpenError> {
    let (stream, _) = StreamHeader::read(ReaderInput(FromStart(&source, 0)), private)?.open(credential)?;
    let size = source.size().map_err(StreamError::Read)?;
    let file = StreamFile::new(source, size, 0, stream.header().layout());
    Ok((stream, file))
}

/// Reads a source in order, from its first byte on.
struct FromStart<'a, R>(&'a R, u64);

impl<R: ReadAt> Read for FromStart<'_, R> {
    fn read(&mut self, area: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read_at(area, self.1)?;
        self.1 += read as u64;
        Ok(read)
    }
}

impl VerifiedFrame {
    /// The authenticated tag.
    pub fn tag(&self) -> &FrameTag {
        self.0.tag()
    }

    /// The authenticated payload.
    pub fn payload(&self) -> &[u8] {
        self.0.payload()
    }

    /// The buffer, for another frame. It still holds the plaintext.
    pub fn into_buffer(self) -> FrameBuffer {
        self.0.into_buffer()
    }
}
