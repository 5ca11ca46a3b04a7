//! Random access to one stream: any byte of its plaintext, by any number of threads.

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

/// Bytes of the frames that are kept, unless these are fewer than [`LEAST_FRAMES`].
const CACHE_BYTES: usize = 4 << 20;
/// Frames that are kept at the most.
const MOST_FRAMES: usize = 64;
/// Frames that are kept in any case, 48 MiB of the largest: one with its neighbours, or for two or three who read at
/// different places.
const LEAST_FRAMES: usize = 3;
/// Tags that are remembered, some 64 KiB: the upper levels of a search, and the neighbours of what is read.
const KNOWN_TAGS: usize = 1024;

/// A stream that is read at any place. Shared by threads, it reads, authenticates and decrypts a frame once, however many of
/// them ask for it at the same time.
///
/// It is made only by authenticating the header and the final frame, so that its length is a promise; or, for a stream that
/// has no final frame, by [`SealedFile::open_unfinished`], which promises nothing of the end.
///
/// Nothing is given out that was not authenticated at its place. A damaged frame is an error for the reads that need it,
/// and for no others. In a live stream, where a frame's tag says which place that is, the frames beside it must agree. No
/// more is checked than that: whoever has the stream's keys can forge one of which a reader in order gives out less.
///
/// In memory for at most 64 frames and 4 MiB of them, or for three frames that are larger, besides those that are being read
/// or that a caller holds.
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
    /// A frame near which the next read probably is.
    near: AtomicU64,
}

/// An authenticated frame of a stream, decrypted. Wiped when it is dropped.
pub struct SealedFrame(Frame<Verified>);

/// An error that all who waited for the same frame hear of.
struct SharedError(StreamError);

impl Clone for SharedError {
    fn clone(&self) -> Self {
        Self(self.0.duplicate())
    }
}

impl<R: ReadAt> SealedFile<R> {
    /// The stream that `source` holds from its first byte on, opened with `credential` by a reader that has the stages
    /// `private`. Reads and authenticates the header and the final frame. A passphrase costs a scrypt run for each slot
    /// that is tried, within the credential's limits.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; of a stream without its final frame, [`OpenError::Stream`].
    pub fn open(source: R, credential: &mut Credential, private: Vec<Box<dyn Stage>>) -> Result<Self, OpenError> {
        let (stream, file) = open(source, credential, private)?;
        Ok(Self::of(stream, file)?)
    }

    /// As [`SealedFile::open`], for a stream whose final frame was never written, or is still to be: what there is of it
    /// ends with the last sound frame, and reading on from there is an error. [`SealedFile::frames`] says how many frames
    /// that is. A frame before it may still be damaged, which only reading it shows. A stream that has its final frame after
    /// all is whole.
    ///
    /// The last sound frame is searched for, from the end: if frames are missing before it, some sound ones after the gap may
    /// be left out.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; of a source that gives no sound frame and fails, [`OpenError::Stream`].
    pub fn open_unfinished(
        source: R,
        credential: &mut Credential,
        private: Vec<Box<dyn Stage>>,
    ) -> Result<Self, OpenError> {
        let (stream, file) = open(source, credential, private)?;
        Ok(Self::of_unfinished(stream, file)?)
    }

    /// The stream `stream`, whose frames are in `file`. Authenticates the final frame.
    ///
    /// # Errors
    ///
    /// [`StreamError`] of the final frame.
    pub fn of(stream: OpenedStream, file: StreamFile<R>) -> Result<Self, StreamError> {
        let last = file.verify_final_frame(stream.chain())?;
        let frames = file.last_index() + 1;
        Self::ending_with(stream, file, frames, last, true)
    }

    /// As [`SealedFile::of`], for a stream without its final frame, as [`SealedFile::open_unfinished`] has it.
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

    /// The plaintext's length in bytes; of an unfinished stream, what there is of it.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there is no plaintext.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// How many frames there are, the final one included.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Whether the stream has its final frame.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// The frame at `index`, authenticated: kept from before, or read and decrypted now.
    ///
    /// # Errors
    ///
    /// [`StreamError`] of that frame. [`StreamError::NoSuchFrame`] after the final one; after the last one of an
    /// unfinished stream, [`StreamError::EndBeforeFinalFrame`].
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

    /// Reads plaintext at `offset`, in bytes, into `area`, and gives how many bytes that were: fewer than `area` holds only
    /// at the end, or before a frame that cannot be given out; 0 at and after the end.
    ///
    /// # Errors
    ///
    /// [`StreamError`] of the frame that holds the byte at `offset`; at the end of an unfinished stream,
    /// [`StreamError::EndBeforeFinalFrame`].
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

    /// Fills `area` with the plaintext at `offset`, in bytes.
    ///
    /// # Errors
    ///
    /// [`StreamError`] of the first frame that cannot be given out; [`StreamError::NoSuchFrame`] if the plaintext ends
    /// before.
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

    /// The index of the frame that holds the plaintext byte at `offset`; `None` at and after the end. In a live stream
    /// this reads some frames, that one and its neighbours among them, whose tags must agree with each other; damaged ones
    /// are stepped past.
    ///
    /// # Errors
    ///
    /// [`StreamError`] of the frame that should hold the byte; of one whose tag lies, [`StreamError::Frame`]; after the
    /// end of an unfinished stream, [`StreamError::EndBeforeFinalFrame`].
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

    /// The tag of the frame of a live stream that holds the byte at `offset`, by a search in all of them.
    fn search_offset(&self, offset: u64) -> Result<FrameTag, StreamError> {
        let (at, missing) = self.last_where(|tag| tag.offset <= offset)?;
        match (at, missing) {
            (Some(tag), _) if tag.end().is_some_and(|end| offset < end) => Ok(tag),
            // It is in one of the frames that were stepped past.
            (_, Some(index)) => self.frame(index).and(Err(out_of_step(index, offset))),
            (at, None) => Err(out_of_step(at.map_or(0, |tag| tag.index), offset)),
        }
    }

    /// The index of the last frame whose time is not after `time`, in Unix microseconds; `None` if even the first is. Reads
    /// some frames, whose tags must agree with each other; damaged ones are stepped past.
    ///
    /// # Errors
    ///
    /// [`StreamError`] of reading; of a frame whose tag lies, [`StreamError::Frame`].
    pub fn frame_at_time(&self, time: i64) -> Result<Option<u64>, StreamError> {
        let (at, _) = self.last_where(|tag| tag.time <= time)?;
        at.iter().try_for_each(|tag| self.check_neighbours(tag))?;
        Ok(at.map(|tag| tag.index))
    }

    /// A reader that can seek, at the first byte.
    pub fn cursor(self: &Arc<Self>) -> Cursor<R> {
        Cursor::new(Arc::clone(self))
    }

    fn has(&self, feature: Features) -> bool {
        self.header().prefix.features.contains(feature)
    }

    /// P.
    fn payload(&self) -> u64 {
        self.file.layout().frame_size.payload() as u64
    }

    fn load(&self, index: u64, evicted: Option<SealedFrame>) -> Result<SealedFrame, StreamError> {
        let frame_size = self.file.layout().frame_size;
        let buffer = match evicted.map(|frame| frame.0.into_buffer()) {
            // Overwritten from end to end by what is read.
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

    /// The plaintext bytes of `area` that are in the frame that holds the one at `offset`; 0 at the end.
    fn read_of_one_frame(&self, area: &mut [u8], offset: u64) -> Result<usize, StreamError> {
        let Some(index) = self.frame_at_offset(offset)? else { return Ok(0) };
        let frame = self.frame(index)?;
        self.near.store(index, Ordering::Relaxed);
        let from = usize::try_from(offset.saturating_sub(frame.tag().offset)).unwrap_or(usize::MAX);
        let mut payload = frame.payload().get(from..).unwrap_or_default();
        payload.read(area).map_err(StreamError::Read)
    }

    /// The tag of the frame of a live stream that holds the byte at `offset`, if that is the one read last or one soon after
    /// it.
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

    /// The tag of the last sound frame for which `is_before` holds, which it does for all frames up to some place and for
    /// none after it; and the index of the frame after that one, if it is damaged.
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

    /// The tag of the frame at `index`: remembered, or read now.
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
                    // The source has become shorter.
                    | StreamError::EndBeforeFinalFrame { .. },
                ) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Refuses the tag of a frame if the frames beside it, where they are sound, do not continue it. A tag that has passed
    /// is remembered: a neighbour that is damaged is not read again for every read of the frame.
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

    /// Refuses the frame of tag `blamed` unless `after` can come after `before`, with the frames that are between them;
    /// `before` is `None` for the front of the stream.
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

    /// Refuses a tag with more before or after its frame than the frames there can hold.
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

/// Reads a source in order from its start.
struct FromStart<'a, R>(&'a R, u64);

impl<R: ReadAt> Read for FromStart<'_, R> {
    fn read(&mut self, area: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read_at(area, self.1)?;
        self.1 += read as u64;
        Ok(read)
    }
}

/// How many frames there are up to the last sound one, and that one. Looks from the end backwards, in steps that double, and
/// then between the last two: after a loss of power a few of the last frames may be missing, in whatever room was reserved
/// for them. If that comes to the front without having met a sound frame, the first frames are looked at one by one: some of
/// them may be lost, too.
fn sound_frames<R: ReadAt>(
    stream: &OpenedStream,
    file: &StreamFile<R>,
) -> Result<(u64, Option<Frame<Verified>>), StreamError> {
    const AT_THE_FRONT: u64 = 256;
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
    // Of those from `end` on, none was found sound.
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
        found = (0..count.min(AT_THE_FRONT)).find_map(|index| verified(index).map(|frame| (index, frame)));
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
