//! One segment: a stream that grows under its final name.

use std::{
    ffi::{OsStr, OsString},
    io, mem,
    sync::{Arc, atomic::AtomicI64},
};

use super::{
    lineage::Lineage,
    next_segment::{NextSegment, NotMade},
    reserve::Reserve,
    segment_name::numbered,
    store::{SegmentFile, SegmentFolder, sync},
};
use crate::{
    container::{FRAME_OVERHEAD, Layout, Predecessor},
    keys::{LinkKey, NewStream},
    stage::{Chain, Clear, Frame, FrameBuffer},
    stream::{Clock, Ending, FrameMaker, StreamError},
};

/// A growing segment. Dropping it does not finish it.
pub(super) struct Segment<F> {
    name: OsString,
    file: Arc<F>,
    layout: Layout,
    chain: Chain,
    link: LinkKey,
    maker: FrameMaker,
    reserve: Reserve,
    /// How the stream ends so far.
    end: Predecessor,
    /// How many bytes have been written.
    length: u64,
    has_unsynced: bool,
    /// A frame was sealed that could not be written. Its index is used up: sealing another frame under it would reveal
    /// both, and a frame sealed after it could not be reached.
    is_spent: bool,
}

/// A frame that was not written.
pub(super) struct Unwritten {
    pub error: io::Error,
    /// Its plaintext, of this many bytes.
    pub buffer: FrameBuffer,
    pub length: usize,
}

impl<F: SegmentFile> Segment<F> {
    /// Creates the `next` segment of `lineage` in `folder`, under its name or, where that is taken, its name with a
    /// number. It has its header, and room for a frame and the final one, and is synced together with its folder. The
    /// first byte of its first frame arrived at `arrived`, in Unix microseconds.
    pub fn create<D: SegmentFolder<File = F>>(
        folder: &D,
        next: NextSegment<F>,
        lineage: &Lineage,
        arrived: i64,
    ) -> Result<Self, NotMade> {
        let NextSegment { name, stream: NewStream { mut header, keys }, file, reserve } = next;
        header.records.push((&lineage.next(&header.prefix, &keys.link)).into());
        let not_sealed = |error| NotMade { name: (&*name).into(), error: io::Error::other(error), was_there: false };
        let copies = keys.seal_header(&header).map_err(not_sealed)?;
        let is_named = file.is_none();
        let (name, file) = match file {
            Some(file) => (name.into(), file),
            None => take_name(&name, lineage.last_name(), |name| folder.create(name))?,
        };
        let layout = header.layout();
        let clock = Clock::System(Arc::new(AtomicI64::new(arrived)));
        let mut maker = FrameMaker::new(layout.frame_size, clock);
        maker.set_live();
        let chain = Chain::new(&keys, &header.prefix);
        let maker = maker.starting_at(0, arrived);
        let (link, end) = (keys.link, Predecessor::default());
        let mut segment = Self {
            name,
            file: Arc::new(file),
            layout,
            chain,
            link,
            maker,
            reserve,
            end,
            length: 0,
            has_unsynced: true,
            is_spent: false,
        };
        if let Err(error) = segment.begin(&copies) {
            return Err(segment.not_made(folder, is_named, error));
        }
        if !is_named {
            let (name, ()) = {
                let base = segment.name.to_string_lossy();
                take_name(&base, lineage.last_name(), |name| folder.give_name(&segment.file, name))?
            };
            segment.name = name;
        }
        match folder.sync(&segment.file) {
            Ok(()) => Ok(segment),
            Err(error) => Err(segment.not_made(folder, true, error)),
        }
    }

    fn not_made<D: SegmentFolder<File = F>>(self, folder: &D, is_named: bool, error: io::Error) -> NotMade {
        if is_named {
            // It holds no data.
            let _ = folder.remove(&self.name);
        }
        NotMade { name: self.name, error, was_there: true }
    }

    /// Its layout: the length of the header depends on the key slots.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    fn begin(&mut self, copies: &[u8]) -> io::Result<()> {
        let length = copies.len() + self.layout.frame_size.wire() + FRAME_OVERHEAD;
        self.reserve.ensure(&*self.file, 0, length as u64)?;
        write_all(&*self.file, copies, 0)?;
        self.length = copies.len() as u64;
        self.sync()
    }

    pub fn name(&self) -> &OsStr {
        &self.name
    }

    /// How many frames have been written.
    pub fn frames(&self) -> u64 {
        self.end.frames
    }

    /// The plaintext bytes of the frames that have been written.
    pub fn plaintext(&self) -> u64 {
        self.maker.offset()
    }

    /// Makes sure of room for another frame and the final one.
    pub fn make_room(&mut self) -> io::Result<()> {
        let length = self.layout.frame_size.wire() + FRAME_OVERHEAD;
        self.reserve.ensure(&*self.file, self.length, length as u64)
    }

    /// Makes sure of room for the `next` segment as well, unless that has reserved its room already. What is reserved
    /// is released with the rest of the reserve.
    pub fn make_room_for(&mut self, next: &NextSegment<F>) -> io::Result<()> {
        if next.file.is_some() {
            return Ok(());
        }
        let length = self.layout.frame_size.wire() + FRAME_OVERHEAD;
        self.reserve.ensure(&*self.file, self.length, length as u64 + next.least_length())
    }

    /// Notes that the first byte of the next frame has just arrived; returns the time, in Unix microseconds.
    pub fn arrived(&mut self) -> i64 {
        self.maker.arrived();
        self.maker.clock().now()
    }

    /// Writes a frame with the first `length` payload bytes of `buffer`, and returns the buffer.
    pub fn append(&mut self, buffer: FrameBuffer, length: usize) -> Result<FrameBuffer, Unwritten> {
        let before = self.maker.clone();
        match self.write(buffer, |maker, buffer| maker.next(buffer, length)) {
            Err(unwritten) => {
                self.maker = before;
                Err(unwritten)
            }
            written => written,
        }
    }

    /// Writes the final frame, which is empty, and returns its buffer.
    pub fn finish(&mut self, buffer: FrameBuffer, ending: Ending) -> (FrameBuffer, io::Result<()>) {
        match self.write(buffer, |maker, buffer| maker.last(buffer, 0, ending)) {
            Ok(buffer) => {
                self.end.is_final = true;
                (buffer, Ok(()))
            }
            Err(Unwritten { error, buffer, .. }) => (buffer, Err(error)),
        }
    }

    /// Releases what is left of the reserve.
    pub fn give_back(&self) {
        // If this fails, the room stays unavailable to others until the file is removed.
        let _ = self.file.truncate(self.length);
    }

    /// Removes what was written of a frame after the last whole one. The segment stays unfinished.
    pub fn abandon(&mut self) {
        self.is_spent = true;
        self.give_back();
        // The failure to write is reported anyway.
        let _ = self.sync();
    }

    /// Waits until everything that was written is on the disk.
    pub fn sync(&mut self) -> io::Result<()> {
        if self.has_unsynced {
            sync(&*self.file)?;
            self.has_unsynced = false;
        }
        Ok(())
    }

    /// Its file, if there is anything to sync, which is then up to the caller.
    pub fn take_unsynced(&mut self) -> Option<Arc<F>> {
        mem::take(&mut self.has_unsynced).then(|| Arc::clone(&self.file))
    }

    /// Whether somebody has removed it.
    pub fn is_removed(&self) -> bool {
        self.file.is_removed()
    }

    /// How it ends now, the key that links another segment to it, and its file.
    pub fn into_end(self) -> (Predecessor, LinkKey, Arc<F>) {
        (self.end, self.link, self.file)
    }

    fn write(
        &mut self,
        buffer: FrameBuffer,
        make: impl FnOnce(&mut FrameMaker, FrameBuffer) -> Result<Frame<Clear>, StreamError>,
    ) -> Result<FrameBuffer, Unwritten> {
        if self.is_spent || self.end.is_final {
            let error = io::Error::other(StreamError::FailedBefore);
            return Err(Unwritten { error, buffer, length: 0 });
        }
        let empty = || FrameBuffer::new(self.layout.frame_size);
        let frame = match make(&mut self.maker, buffer) {
            Ok(frame) => self.chain.seal(frame),
            Err(error) => return Err(Unwritten { error: io::Error::other(error), buffer: empty(), length: 0 }),
        };
        if let Err(error) = write_all(&*self.file, frame.wire(), self.length) {
            self.is_spent = true;
            let (index, wire_length) = (frame.index(), frame.wire_length());
            let frame = Frame::received(frame.into_buffer(), index, wire_length);
            let opened = frame.and_then(|frame| self.chain.open(frame).ok());
            let (length, buffer) =
                opened.map_or_else(|| (0, empty()), |frame| (frame.payload().len(), frame.into_buffer()));
            return Err(Unwritten { error, buffer, length });
        }
        self.length += frame.wire_length() as u64;
        self.end = Predecessor { frames: self.end.frames + 1, mac: frame.mac(), is_final: false };
        self.has_unsynced = true;
        Ok(frame.into_buffer())
    }
}

/// Gives a file the first name that is free, by calling `take`. Names up to the one that was given `before` are not
/// used again, even if they are free: a copy elsewhere would be taken for another segment.
fn take_name<T>(
    name: &str,
    before: Option<&OsStr>,
    mut take: impl FnMut(&OsStr) -> io::Result<T>,
) -> Result<(OsString, T), NotMade> {
    let mut last = OsString::from(name);
    let given = numbered(name).position(|name| Some(&*name) == before).map_or(0, |position| position + 1);
    for name in numbered(name).skip(given) {
        match take(&name) {
            Ok(taken) => return Ok((name, taken)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = name,
            Err(error) => return Err(NotMade { name, error, was_there: false }),
        }
    }
    Err(NotMade { name: last, error: io::ErrorKind::AlreadyExists.into(), was_there: false })
}

/// Writes all of `bytes` at `position`. After a short write, the rest of the same bytes follows.
fn write_all(file: &impl SegmentFile, mut bytes: &[u8], mut position: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(bytes, position) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = bytes.get(written..).unwrap_or_default();
                position += written as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
