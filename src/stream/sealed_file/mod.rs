//! Random access to the plaintext of a stream, from any number of threads.

mod opening;
mod search;
mod unfinished_end;

use std::{
    io::Read,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{Cursor, OpenedStream, ReadAt, StreamError, StreamFile, frame_cache::FrameCache, known_tags::KnownTags};
use crate::{
    container::{Features, FrameTag, Header, MAC_LENGTH},
    stage::{Chain, Frame, FrameBuffer, FrameFault, Verified},
};

/// The most frames that are cached.
const MOST_FRAMES: usize = 64;

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
