//! An opened stream, or the segments of a recording as one, read at any offset by any number of threads.

use std::{
    collections::BTreeSet,
    ops::Range,
    path::Path,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{
    Event, Listener, ReadFailure,
    extent::Extent,
    failure::frame_of,
    losses::{Loss, Losses},
    memory::{CachesFrames, Memory, SMALL_FRAME},
    part::Part,
    piece::{Bytes, Piece},
};
use crate::{container::Features, mutex::lock, record::chain::Break, stage::FrameBuffer, stream::StreamError};

/// How many bytes are copied at a time from frames that are too large for a slow reader to keep.
const PIECE: usize = 128 << 10;
/// How many failed frames are remembered, so that each is reported once.
const MOST_REPORTED: usize = 10_000;

/// An open stream. Its bytes are authenticated at their offsets. After the file has changed, the stream is dropped and
/// wiped along with its last reader.
pub(crate) struct SharedStream {
    parts: Vec<Part>,
    length: u64,
    end: End,
    etag: String,
    extent: Extent,
    has_large_frames: bool,
    memory: Arc<Memory>,
    losses: Arc<Losses>,
    listener: Arc<Listener>,
    /// The frames that could not be read, each by its part and index.
    failed: Mutex<BTreeSet<(usize, u64)>>,
    /// How many of them are damaged.
    damaged: AtomicUsize,
    me: Weak<dyn CachesFrames>,
}

/// How the stream ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With its final frame; of a recording, the last one.
    Whole,
    /// The final frame was never written, has not been written yet, or is damaged.
    Unfinished,
    /// The recording continues in a segment that is not here, or not yet.
    Continued,
    /// The next segment does not continue the last one.
    Broken(Break),
}

impl SharedStream {
    pub(super) fn new(
        parts: Vec<Part>,
        end: End,
        (memory, losses): (Arc<Memory>, Arc<Losses>),
        listener: Arc<Listener>,
    ) -> Arc<Self> {
        let length = parts.last().map_or(0, Part::end);
        let etag = etag(&parts, &end);
        let extent = Extent::new(parts.iter().map(Part::mark));
        let has_large_frames = parts.iter().any(|part| part.sealed.header().prefix.frame_size.wire() > SMALL_FRAME);
        let (failed, damaged) = (Mutex::default(), AtomicUsize::new(0));
        Arc::new_cyclic(|me: &Weak<Self>| {
            let me: Weak<dyn CachesFrames> = Weak::clone(me) as _;
            Self { parts, length, end, etag, extent, has_large_frames, memory, losses, listener, failed, damaged, me }
        })
    }

    /// The length of the plaintext; for a stream without a proper end, as far as it can be read.
    pub fn len(&self) -> u64 {
        self.length
    }

    pub fn end(&self) -> End {
        self.end.clone()
    }

    /// Whether reading at the end returns no bytes; otherwise it is an error.
    pub fn is_whole(&self) -> bool {
        self.end == End::Whole
    }

    /// Whether a reader may have to wait until others have read their frames.
    pub fn has_large_frames(&self) -> bool {
        self.has_large_frames
    }

    /// Identifies this content: it stays the same when the passphrase is changed, and no other content has it.
    pub fn etag(&self) -> &str {
        &self.etag
    }

    /// Tells this stream, once it has grown, from another one.
    pub fn extent(&self) -> &Extent {
        &self.extent
    }

    /// How many damaged frames readers have met so far.
    pub fn damaged_frames(&self) -> usize {
        self.damaged.load(Ordering::Relaxed)
    }

    /// The pieces of a recording, as ranges of the whole, and how long each took to arrive. While it `grows`, what
    /// comes after the last whole piece is left out, so that no piece ever changes.
    pub fn pieces(&self, grows: bool) -> Vec<(Range<u64>, Duration)> {
        let mut pieces = Vec::new();
        for (number, part) in (1..).zip(&self.parts) {
            let is_to_come = grows && number == self.parts.len() && !part.sealed.is_whole();
            let of_part = part.cuts.pieces(&part.sealed, part.length, is_to_come);
            pieces.extend(
                of_part.into_iter().map(|(range, time)| (part.start + range.start..part.start + range.end, time)),
            );
        }
        pieces
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Reads plaintext from the byte `offset` on into `area`, and returns how many bytes were read: fewer than
    /// `area.len()` only at the end or before a frame that cannot be read, and 0 only at or after the end.
    ///
    /// # Errors
    ///
    /// [`ReadFailure`] of the byte at `offset`: its frame is damaged, its file is gone, or the stream has no proper end
    /// and there are no more bytes.
    pub fn read_at(&self, area: &mut [u8], offset: u64) -> Result<usize, ReadFailure> {
        let mut read = 0;
        while let Some(room) = area.get_mut(read..).filter(|room| !room.is_empty()) {
            match self.read_of_one_part(room, offset.saturating_add(read as u64)) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(_) if read > 0 => break,
                Err(failure) => return Err(failure),
            }
        }
        Ok(read)
    }

    /// At most `most` bytes from the byte `offset` on, without copying them if they are in one frame: the rest of its
    /// frame, or fewer. Empty at or after the end.
    ///
    /// # Errors
    ///
    /// Those of [`SharedStream::read_at`].
    pub fn piece_at(&self, offset: u64, most: u64) -> Result<Option<Piece>, ReadFailure> {
        let Some((number, part)) = self.part_at(offset)? else { return Ok(None) };
        let (sealed, place) = (&part.sealed, offset - part.start);
        let most = usize::try_from(most.min(part.end() - offset)).unwrap_or(usize::MAX);
        let memory = Arc::clone(&self.memory);
        let frame_size = sealed.header().prefix.frame_size;
        if frame_size.wire() > SMALL_FRAME {
            let mut copy = vec![0; most.min(PIECE)];
            let read = self.read_of_one_part(&mut copy, offset)?;
            return Ok(Some(Piece { bytes: Bytes::Copied(copy), within: 0..read, memory }));
        }
        let failed = |error| self.failed(number, error);
        let missing = || StreamError::NoSuchFrame { index: sealed.frames() };
        let index = sealed.frame_at_offset(place).and_then(|index| index.ok_or_else(missing)).map_err(failed)?;
        let is_live = sealed.header().prefix.features.contains(Features::LIVE);
        // The tag is remembered even if the frame is not cached.
        self.memory.uses_cache(&self.me, frame_size.wire());
        let bytes = if is_live {
            // Searching for its position has put it into the cache.
            Bytes::Cached(sealed.frame(index).map_err(failed)?)
        } else {
            let buffer = self.memory.spare(frame_size).unwrap_or_else(|| FrameBuffer::new(frame_size));
            Bytes::Own(Some(sealed.frame_in(buffer, index).map_err(failed)?), frame_size)
        };
        let (frame_offset, payload) = match &bytes {
            Bytes::Own(Some(frame), _) => (frame.tag().offset, frame.payload().len()),
            Bytes::Cached(frame) => (frame.tag().offset, frame.payload().len()),
            _ => (0, 0),
        };
        // Another authentic frame may have been put there since the tag was remembered.
        let from = place.checked_sub(frame_offset).and_then(|from| usize::try_from(from).ok());
        let from = from.filter(|from| *from < payload).ok_or_else(|| failed(missing()))?;
        Ok(Some(Piece { bytes, within: from..payload.min(from.saturating_add(most)), memory }))
    }

    fn read_of_one_part(&self, area: &mut [u8], offset: u64) -> Result<usize, ReadFailure> {
        let Some((number, part)) = self.part_at(offset)? else { return Ok(0) };
        let most = usize::try_from(part.end() - offset).unwrap_or(usize::MAX).min(area.len());
        let wire = part.sealed.header().prefix.frame_size.wire();
        // Other streams drop their frames only once this frame is about to be read: while it waits, it holds none.
        let _admitted = self.memory.admit(wire);
        self.memory.uses_cache(&self.me, wire);
        let read = part.sealed.read_at(area.get_mut(..most).unwrap_or_default(), offset - part.start);
        read.map_err(|error| self.failed(number, error))
    }

    /// The part that has the byte at `offset`, and its index; `None` at or after the end.
    fn part_at(&self, offset: u64) -> Result<Option<(usize, &Part)>, ReadFailure> {
        let number = self.parts.partition_point(|part| part.end() <= offset);
        match (self.parts.get(number), self.parts.last()) {
            (Some(part), _) => Ok(Some((number, part))),
            (None, Some(last)) if !self.is_whole() => {
                self.losses.note(Loss::MissingEnd);
                let error = StreamError::EndBeforeFinalFrame { index: last.sealed.frames() };
                Err(ReadFailure { path: last.place().path().to_owned(), error })
            }
            (None, _) => Ok(None),
        }
    }

    fn failed(&self, number: usize, error: StreamError) -> ReadFailure {
        let Some(part) = self.parts.get(number) else { return ReadFailure { path: Default::default(), error } };
        let path = part.place().path();
        let loss = match Loss::of(&error) {
            Loss::Damage if part.is_replaced() => Loss::Replaced,
            loss => loss,
        };
        self.losses.note(loss);
        let mut failed = lock(&self.failed);
        let is_new = failed.len() < MOST_REPORTED && failed.insert((number, frame_of(&error).unwrap_or(u64::MAX)));
        drop(failed);
        if is_new {
            self.damaged.fetch_add(usize::from(loss == Loss::Damage), Ordering::Relaxed);
            (self.listener)(Event::Damaged { path, layout: part.sealed.header().layout(), error: &error });
        }
        ReadFailure { path: path.to_owned(), error }
    }
}

impl CachesFrames for SharedStream {
    fn forget_frames(&self) {
        self.parts.iter().for_each(|part| part.sealed.forget_frames());
    }
}

/// An identifier of the content, from each part's prefix, which is never rewritten, and the MAC of its last frame,
/// which depends on the file key and on the number of bytes.
fn etag(parts: &[Part], end: &End) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&part.sealed.header().prefix.encode());
        hasher.update(&part.length.to_le_bytes());
        hasher.update(&part.sealed.frames().to_le_bytes());
        if let Some((_, mac)) = part.sealed.last_frame() {
            hasher.update(mac);
        }
    }
    hasher.update(&[u8::from(*end == End::Whole)]);
    hasher.finalize().to_hex().get(..32).unwrap_or_default().to_owned()
}

impl std::fmt::Debug for SharedStream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.parts.first().map(|part| part.place().path()).unwrap_or(Path::new(""));
        write!(formatter, "SharedStream({}, {} bytes, {:?})", path.display(), self.length, self.end)
    }
}
