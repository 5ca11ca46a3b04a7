//! Random access to the plaintext of a stream, from any number of threads.

use std::{
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    Cursor, OpenError, OpenedStream, ReadAt, ReaderInput, StreamError, StreamFile, StreamHeader,
    frame_cache::FrameCache, known_tags::KnownTags,
};
use crate::{
    container::{FRAME_OVERHEAD, Features, FrameTag, Header},
    keys::Credential,
    stage::{Chain, Frame, FrameBuffer, FrameFault, Stage, Verified},
};

/// Bytes of the cached frames, unless that is fewer than [`LEAST_FRAMES`].
const CACHE_BYTES: usize = 4 << 20;
/// The most frames that are cached.
const MOST_FRAMES: usize = 64;
/// Frames that are always cached, 48 MiB of the largest: one with its two neighbours, or enough for two or three threads
/// that read at different offsets.
const LEAST_FRAMES: usize = 3;
/// Tags that are remembered, some 64 KiB: the upper levels of a search, and the neighbours of the frames being read.
const KNOWN_TAGS: usize = 1024;

/// A stream that can be read at any offset. It can be shared by threads: a frame is read, authenticated and decrypted
/// once, however many of them ask for it at the same time.
///
/// Opening one authenticates the header and the final frame, so the length is a promise. A stream without a final frame
/// is opened with [`SealedFile::open_unfinished`], which promises nothing about the end.
///
/// Every byte that it returns was authenticated at its offset. A damaged frame is an error only for the reads that need
/// it. In a live stream, where the offset of a frame comes from its tag, the neighbouring frames must agree with it.
/// Nothing more is checked: anyone who has the stream's keys can forge one that [`Reader`](super::Reader), which checks
/// every frame in order, would refuse.
///
/// The cache holds at most 64 frames and at most 4 MiB, or three frames if these are larger. Frames that are being
/// read, or that a caller holds, come on top of that.
///
/// ```
/// use std::{
///     io::{Read, Seek, SeekFrom, Write},
///     sync::Arc,
/// };
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
/// let film = Arc::new(SealedFile::open(encrypted, &mut key_file.into(), Vec::new())?);
/// assert_eq!(film.len(), 300_014);
///
/// let mut scene = [0; 4];
/// film.read_exact_at(&mut scene, 300_010)?;
/// assert_eq!(&scene, b"cene");
///
/// let mut cursor = film.cursor();
/// cursor.seek(SeekFrom::End(-5))?;
/// let mut rest = String::new();
/// cursor.read_to_string(&mut rest)?;
/// assert_eq!(rest, "scene");
/// # Ok(())
/// # }
/// ```
pub struct SealedFile<R> {
    stream: OpenedStream,
    file: StreamFile<R>,
    /// How many frames there are.
    frames: u64,
    /// The plaintext bytes in them.
    length: u64,
    is_whole: bool,
    cache: FrameCache<SealedFrame, SharedError>,
    tags: KnownTags,
    /// The frame that was read last: the next read is probably near it.
    near: AtomicU64,
}

/// An authenticated frame of a stream, decrypted. Wiped when it is dropped.
pub struct SealedFrame(Frame<Verified>);

/// An error for every thread that waited for the same frame.
struct SharedError(StreamError);

impl Clone for SharedError {
    fn clone(&self) -> Self {
        Self(self.0.duplicate())
    }
}

impl<R: ReadAt> SealedFile<R> {
    /// Opens the stream that starts at the first byte of `source`, with `credential` and the private stages `private`.
    /// Reads and authenticates the header and the final frame. A passphrase costs a scrypt run for each slot that is
    /// tried, within the credential's limits.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; of a stream without its final frame, [`OpenError::Stream`].
    pub fn open(source: R, credential: &mut Credential, private: Vec<Box<dyn Stage>>) -> Result<Self, OpenError> {
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
    pub fn open_unfinished(
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
    pub fn of(stream: OpenedStream, file: StreamFile<R>) -> Result<Self, StreamError> {
        let last = file.verify_final_frame(stream.chain())?;
        let frames = file.last_index() + 1;
        Self::ending_with(stream, file, frames, last, true)
    }

    /// Like [`SealedFile::open_unfinished`], for a `stream` that is already open and whose frames are in `file`.
    ///
    /// # Errors
    ///
    /// [`StreamError::ReadFrame`] if no frame is sound and some cannot be read.
    pub fn of_unfinished(stream: OpenedStream, file: StreamFile<R>) -> Result<Self, StreamError> {
        let (frames, last) = sound_frames(&stream, &file)?;
        match last {
            Some(last) => {
                let is_whole = last.tag().flags.is_final();
                Self::ending_with(stream, file, frames, last, is_whole)
            }
            None => Ok(Self::new(stream, file, 0, 0, false)),
        }
    }

    fn ending_with(
        stream: OpenedStream,
        file: StreamFile<R>,
        frames: u64,
        last: Frame<Verified>,
        is_whole: bool,
    ) -> Result<Self, StreamError> {
        let (index, tag) = (last.index(), *last.tag());
        let lying = StreamError::Frame { index, fault: FrameFault::Offset(tag.offset) };
        let length = tag.end().ok_or(lying)?;
        let sealed = Self::new(stream, file, frames, length, is_whole);
        sealed.check_capacity(&tag)?;
        Ok(sealed)
    }

    fn new(stream: OpenedStream, file: StreamFile<R>, frames: u64, length: u64, is_whole: bool) -> Self {
        let most = (CACHE_BYTES / file.layout().frame_size.wire()).clamp(LEAST_FRAMES, MOST_FRAMES);
        let (cache, tags, near) = (FrameCache::new(most), KnownTags::new(KNOWN_TAGS), AtomicU64::new(0));
        Self { stream, file, frames, length, is_whole, cache, tags, near }
    }

    /// What the header says.
    pub fn header(&self) -> &Header {
        self.stream.header()
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
    pub fn frame(&self, index: u64) -> Result<Arc<SealedFrame>, StreamError> {
        if index >= self.frames {
            return Err(if self.is_whole {
                StreamError::NoSuchFrame { index }
            } else {
                StreamError::EndBeforeFinalFrame { index }
            });
        }
        self.cache.get(index, |evicted| self.load(index, evicted).map_err(SharedError)).map_err(|shared| shared.0)
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
    /// [`StreamError`] of the first frame that cannot be read; [`StreamError::NoSuchFrame`] if the plaintext ends before
    /// `area` is full.
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

    /// The tag of the frame of a live stream that holds the byte at `offset`, found by a binary search over all frames.
    fn search_offset(&self, offset: u64) -> Result<FrameTag, StreamError> {
        let (at, missing) = self.last_where(|tag| tag.offset <= offset)?;
        match (at, missing) {
            (Some(tag), _) if tag.end().is_some_and(|end| offset < end) => Ok(tag),
            // The byte is in one of the damaged frames that were skipped.
            (_, Some(index)) => self.frame(index).and(Err(out_of_step(index, offset))),
            (at, None) => Err(out_of_step(at.map_or(0, |tag| tag.index), offset)),
        }
    }

    /// The index of the last frame whose time is at or before `time`, in Unix microseconds; `None` if the first frame is
    /// later. This is a search that reads several frames, whose tags must agree; damaged frames are skipped. In a stream
    /// without times, every time is 0.
    ///
    /// # Errors
    ///
    /// [`StreamError::Frame`] if a tag contradicts its neighbours.
    pub fn frame_at_time(&self, time: i64) -> Result<Option<u64>, StreamError> {
        let (at, _) = self.last_where(|tag| tag.time <= time)?;
        at.iter().try_for_each(|tag| self.check_neighbours(tag))?;
        Ok(at.map(|tag| tag.index))
    }

    /// A seekable reader, positioned at the first byte.
    pub fn cursor(self: &Arc<Self>) -> Cursor<R> {
        Cursor::new(Arc::clone(self))
    }

    fn has(&self, feature: Features) -> bool {
        self.header().prefix.features.contains(feature)
    }

    /// Payload bytes of a full frame.
    fn payload(&self) -> u64 {
        self.file.layout().frame_size.payload() as u64
    }

    fn load(&self, index: u64, evicted: Option<SealedFrame>) -> Result<SealedFrame, StreamError> {
        let frame_size = self.file.layout().frame_size;
        let buffer = match evicted.map(|frame| frame.0.into_buffer()) {
            // The read overwrites all of it.
            Some(buffer) if self.file.wire_length(index) == frame_size.wire() => buffer,
            Some(mut buffer) => {
                buffer.wipe();
                buffer
            }
            None => FrameBuffer::new(frame_size),
        };
        let frame = self.file.read(buffer, index)?;
        let frame = self.stream.chain().open(frame).map_err(|fault| StreamError::Frame { index, fault })?;
        self.check_capacity(frame.tag())?;
        self.tags.insert(*frame.tag());
        Ok(SealedFrame(frame))
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

    /// The tag of the frame of a live stream that holds the byte at `offset`, if that is the frame read last or one of
    /// the two after it.
    fn near_offset(&self, offset: u64) -> Option<FrameTag> {
        let near = self.near.load(Ordering::Relaxed);
        for index in (near..self.frames).take(3) {
            let tag = self.tag(index).ok().filter(|tag| tag.offset <= offset)?;
            if offset < tag.end()? {
                return Some(tag);
            }
        }
        None
    }

    /// The tag of the last sound frame for which `is_before` holds, which is true up to some frame and false after it;
    /// and, if the frame after that one is damaged, its index.
    fn last_where(
        &self,
        is_before: impl Fn(&FrameTag) -> bool,
    ) -> Result<(Option<FrameTag>, Option<u64>), StreamError> {
        let (mut low, mut high): (Option<FrameTag>, Option<FrameTag>) = (None, None);
        loop {
            let first = low.map_or(0, |tag| tag.index + 1);
            let end = high.map_or(self.frames, |tag| tag.index);
            if first >= end {
                return Ok((low, None));
            }
            let middle = first + (end - first) / 2;
            let Some(tag) = self.sound_tag((middle..end).chain((first..middle).rev()))? else {
                return Ok((low, Some(first)));
            };
            self.check_order(low.as_ref(), &tag, &tag)?;
            if let Some(high) = &high {
                self.check_order(Some(&tag), high, &tag)?;
            }
            if is_before(&tag) { low = Some(tag) } else { high = Some(tag) }
        }
    }

    /// The tag of the frame at `index`, remembered or read now.
    fn tag(&self, index: u64) -> Result<FrameTag, StreamError> {
        match self.tags.get(index) {
            Some(tag) => Ok(tag),
            None => self.frame(index).map(|frame| *frame.tag()),
        }
    }

    /// The tag of the first of these frames that is sound.
    fn sound_tag(&self, indexes: impl Iterator<Item = u64>) -> Result<Option<FrameTag>, StreamError> {
        for index in indexes {
            match self.tag(index) {
                Ok(tag) => return Ok(Some(tag)),
                Err(
                    StreamError::Frame { .. }
                    | StreamError::ReadFrame { .. }
                    | StreamError::CutFrame { .. }
                    // The source has been truncated.
                    | StreamError::EndBeforeFinalFrame { .. },
                ) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Refuses the tag of a frame if it contradicts that of a sound neighbour. A tag that passed is remembered, so that a
    /// damaged neighbour is not read again each time the frame is read.
    fn check_neighbours(&self, tag: &FrameTag) -> Result<(), StreamError> {
        if self.tags.agrees(tag.index) {
            return Ok(());
        }
        if let Some(before) = tag.index.checked_sub(1).map(|index| self.sound_tag([index].into_iter())) {
            self.check_order(before?.as_ref(), tag, tag)?;
        }
        if tag.index + 1 < self.frames
            && let Some(after) = self.sound_tag([tag.index + 1].into_iter())?
        {
            self.check_order(Some(tag), &after, tag)?;
        }
        self.tags.insert_agreeing(*tag);
        Ok(())
    }

    /// Refuses the frame with the tag `blamed` unless `after` can follow `before`, given the number of frames between
    /// them. `before` is `None` for the start of the stream.
    fn check_order(&self, before: Option<&FrameTag>, after: &FrameTag, blamed: &FrameTag) -> Result<(), StreamError> {
        let refused = |fault| Err(StreamError::Frame { index: blamed.index, fault });
        let (end, between) = match before {
            Some(before) => {
                if before.time > after.time {
                    return refused(FrameFault::Time(blamed.time));
                }
                (before.end(), after.index.saturating_sub(before.index + 1))
            }
            None => (Some(0), after.index),
        };
        let gap = end.and_then(|end| after.offset.checked_sub(end));
        match gap {
            Some(gap) if gap <= between.saturating_mul(self.payload()) => Ok(()),
            _ => refused(FrameFault::Offset(blamed.offset)),
        }
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

/// The number of frames up to the last sound one, and that frame. Steps back from the end, doubling the step until a
/// frame is sound, and then bisects: after a power failure, a few of the last frames may be missing from the space
/// reserved for them. If no such step finds a sound frame, the first frames are tried one by one, as some of them may
/// be missing too.
fn sound_frames<R: ReadAt>(
    stream: &OpenedStream,
    file: &StreamFile<R>,
) -> Result<(u64, Option<Frame<Verified>>), StreamError> {
    const FIRST_FRAMES: u64 = 256;
    let mut unreadable = None;
    let mut verified = |index| match file.read(FrameBuffer::new(file.layout().frame_size), index) {
        Ok(frame) => stream.chain().open(frame).ok(),
        Err(error @ StreamError::ReadFrame { .. }) => {
            unreadable.get_or_insert(error);
            None
        }
        Err(_) => None,
    };
    let last = file.last_index();
    let count = last + u64::from(file.wire_length(last) >= FRAME_OVERHEAD);
    let (mut end, mut step) = (count, 1_u64);
    // No frame from `end` on was found sound.
    let mut found = None;
    while end > 0 && found.is_none() {
        let index = end.saturating_sub(step);
        found = verified(index).map(|frame| (index, frame));
        if found.is_none() {
            (end, step) = (index, step.saturating_mul(2));
        }
    }
    if found.is_none() {
        end = count;
        found = (0..count.min(FIRST_FRAMES)).find_map(|index| verified(index).map(|frame| (index, frame)));
    }
    let Some((mut index, mut frame)) = found else { return unreadable.map_or(Ok((0, None)), Err) };
    while index + 1 < end {
        let middle = index + (end - index) / 2;
        match verified(middle) {
            Some(sound) => (index, frame) = (middle, sound),
            None => end = middle,
        }
    }
    Ok((index + 1, Some(frame)))
}

impl SealedFrame {
    /// The authenticated tag.
    pub fn tag(&self) -> &FrameTag {
        self.0.tag()
    }

    /// The authenticated payload.
    pub fn payload(&self) -> &[u8] {
        self.0.payload()
    }
}
