//! An encrypting `std::io::Write`, on one thread.

use std::{
    error::Error,
    io::{self, Write},
};

use super::{Clock, Ending, FrameMaker, StreamError};
use crate::{
    container::{Features, FrameSize, Header, HeaderLength, Layout, Prefix},
    keys::{Lock, StageKeys},
    stage::{Chain, Clear, Frame, FrameBuffer, Stage},
};

/// Options of a new stream. The default: frames of 64 KiB, header copies of 4096 bytes, not live, no times, no private
/// stages.
#[derive(Default)]
pub struct StreamOptions {
    /// Payload bytes of a full frame.
    pub frame_size: FrameSize,
    /// Bytes of a header copy, of which there are two: room for the slots of the lock, and for more to be added.
    pub header_length: HeaderLength,
    /// Whether a frame may be written before it is full, by [`Writer::flush`].
    pub live: bool,
    /// Where each frame's time is taken from, if it carries one.
    pub clock: Clock,
    /// Private stages, in the order in which they seal. A reader needs the same ones.
    pub private: Vec<Box<dyn Stage>>,
}

/// Encrypts what is written to it, one frame at a time. Only [`Writer::finish`] and [`Writer::finish_interrupted`]
/// write the final frame: a writer that is dropped without it leaves a truncated stream, which every reader refuses.
///
/// ```
/// use std::{fs::File, io};
///
/// use reelseal::{
///     keys::{KeyFile, Lock},
///     stream::{StreamOptions, Writer},
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let (key, film, sealed) = (folder.path().join("key"), folder.path().join("film"), folder.path().join("film.reel"));
/// # std::fs::write(&key, KeyFile::random()?.to_text().as_bytes())?;
/// # std::fs::write(&film, [7; 100_000])?;
/// let key_file = KeyFile::parse(&std::fs::read(key)?)?;
/// let output = File::create_new(sealed)?;
/// let mut writer = Writer::create(output, &Lock::with_key_file(&key_file), StreamOptions::default())?;
/// io::copy(&mut File::open(film)?, &mut writer)?;
/// writer.finish()?.sync_all()?;
/// # Ok(())
/// # }
/// ```
pub struct Writer<W> {
    inner: W,
    chain: Chain,
    maker: FrameMaker,
    frame_size: FrameSize,
    live: bool,
    // `None` only after a failed write: a frame index is encrypted only once, so the write cannot be repeated.
    buffer: Option<FrameBuffer>,
    filled: usize,
}

impl<W: Write> Writer<W> {
    /// Starts a new stream in `inner` that opens with the secrets of `lock`. Writes both copies of the header.
    ///
    /// # Errors
    ///
    /// The error of `inner`; [`io::ErrorKind::Other`] wrapping a [`LockError`](crate::keys::LockError);
    /// [`io::ErrorKind::InvalidInput`] if the slots of the lock do not fit into the header.
    pub fn create(inner: W, lock: &Lock, options: StreamOptions) -> io::Result<Self> {
        let StreamOptions { frame_size, header_length, live, clock, private } = options;
        let live = if live { Features::LIVE } else { Features::NONE };
        let features = live.union(clock.features()).union(Chain::private_features(&private));
        let stream = lock.new_stream(Layout { frame_size, header_length }, features).map_err(io::Error::other)?;
        Self::new(inner, &stream.header, &stream.keys, private, clock)
    }

    /// Starts a new stream in `inner` with a given header and keys, where [`Writer::create`] is not enough. Writes
    /// `header` under `keys`, which [`StageKeys::derive`] gives for the header's prefix. **A file key and IV must never
    /// be used twice:** the two plaintexts would give each other away.
    ///
    /// # Errors
    ///
    /// The error of `inner`; [`io::ErrorKind::InvalidInput`] if the records do not fit into the header, if the prefix
    /// lacks the features of a private stage, if it is timed and there is no clock, or if there is a clock and it is
    /// not timed.
    pub fn new(
        mut inner: W,
        header: &Header,
        keys: &StageKeys,
        private: Vec<Box<dyn Stage>>,
        clock: Clock,
    ) -> io::Result<Self> {
        let invalid = |error: Box<dyn Error + Send + Sync>| io::Error::new(io::ErrorKind::InvalidInput, error);
        let chain = Chain::sealing(keys, &header.prefix, private).map_err(|error| invalid(error.into()))?;
        let is_timed = header.prefix.features.contains(Features::TIMED);
        if is_timed != (clock.features() == Features::TIMED) {
            return Err(invalid("a stream has times if and only if there is a clock".into()));
        }
        let copies = keys.seal_header(header).map_err(|error| invalid(error.into()))?;
        inner.write_all(&copies)?;
        let Prefix { frame_size, features, .. } = header.prefix;
        let live = features.contains(Features::LIVE);
        let mut maker = FrameMaker::new(frame_size, clock);
        if live {
            maker.set_live();
        }
        let buffer = Some(FrameBuffer::new(frame_size));
        Ok(Self { inner, chain, maker, frame_size, live, buffer, filled: 0 })
    }

    /// Writes the final frame, and returns `inner`, flushed. A writer that is dropped without this leaves a stream that
    /// every reader refuses. In a live stream with times, the final frame is a separate, empty one, since its time is
    /// that of the end.
    ///
    /// # Errors
    ///
    /// The error of `inner`; [`StreamError::TooLong`] and [`StreamError::FailedBefore`] in an error of kind
    /// [`io::ErrorKind::Other`]. The stream is lost then.
    pub fn finish(self) -> io::Result<W> {
        self.end(Ending::Finished)
    }

    /// Like [`Writer::finish`], for a stream whose input was interrupted: the final frame carries the flag
    /// [`INTERRUPTED`](crate::container::TagFlags::INTERRUPTED). The stream is whole even so.
    ///
    /// # Errors
    ///
    /// Those of [`Writer::finish`].
    pub fn finish_interrupted(self) -> io::Result<W> {
        self.end(Ending::Interrupted)
    }

    fn end(mut self, ending: Ending) -> io::Result<W> {
        if self.maker.ends_empty() {
            self.end_frame()?;
        }
        self.seal(|maker, buffer, length| maker.last(buffer, length, ending))?;
        self.inner.flush()?;
        Ok(self.inner)
    }

    /// Writes the frame that was started, if any, as it is.
    fn end_frame(&mut self) -> io::Result<()> {
        if self.filled == 0 { Ok(()) } else { self.seal(FrameMaker::next) }
    }

    fn seal(
        &mut self,
        make: impl FnOnce(&mut FrameMaker, FrameBuffer, usize) -> Result<Frame<Clear>, StreamError>,
    ) -> io::Result<()> {
        let buffer = self.buffer.take().ok_or_else(|| io::Error::other(StreamError::FailedBefore))?;
        let frame = make(&mut self.maker, buffer, self.filled).map_err(io::Error::other)?;
        let frame = self.chain.seal(frame);
        self.inner.write_all(frame.wire())?;
        self.filled = 0;
        self.buffer = Some(frame.into_buffer());
        Ok(())
    }
}

impl<W: Write> Write for Writer<W> {
    /// Takes as much of `bytes` as the frame has room for, and writes the frame to `inner` once it is full.
    ///
    /// # Errors
    ///
    /// Those of [`Writer::finish`]. After a failed write every later one fails too, as a frame is encrypted only once.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(buffer) = &mut self.buffer else { return Err(io::Error::other(StreamError::FailedBefore)) };
        if self.filled == 0 && !bytes.is_empty() {
            self.maker.arrived();
        }
        let room = buffer.payload_area().get_mut(self.filled..).unwrap_or_default();
        let count = room.len().min(bytes.len());
        let (Some(room), Some(taken)) = (room.get_mut(..count), bytes.get(..count)) else { return Ok(0) };
        room.copy_from_slice(taken);
        self.filled += count;
        if self.filled == self.frame_size.payload() {
            self.seal(FrameMaker::next)?;
        }
        Ok(count)
    }

    /// Flushes `inner`. In a live stream, everything written so far reaches it: a frame that is not full ends here, and
    /// is padded. In any other stream, that frame stays until it is full, or until [`Writer::finish`].
    ///
    /// # Errors
    ///
    /// Those of [`Write::write`].
    fn flush(&mut self) -> io::Result<()> {
        if self.live {
            self.end_frame()?;
        }
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Read,
        sync::{
            Arc, Mutex,
            atomic::{AtomicI64, Ordering},
        },
    };

    use super::super::{Reader, SealedFile};
    use super::*;
    use crate::{container::TagFlags, keys::KeyFile};

    /// The length, time and flags of each frame of a stream that `write` made, with the clock at 1 before it ran.
    fn frames_of(
        live: bool,
        clock: Clock,
        write: impl FnOnce(Writer<Vec<u8>>) -> io::Result<Vec<u8>>,
    ) -> Vec<(u32, i64, TagFlags)> {
        let key_file = KeyFile::random().unwrap();
        let options = StreamOptions { frame_size: FrameSize::MIN, live, clock, ..StreamOptions::default() };
        let stream = write(Writer::create(Vec::new(), &Lock::with_key_file(&key_file), options).unwrap()).unwrap();
        let file = SealedFile::open(stream.as_slice(), key_file).unwrap();
        let frames = (0..file.frames()).map(|index| file.frame(index).unwrap());
        frames.map(|frame| (frame.tag().length, frame.tag().time, frame.tag().flags)).collect()
    }

    #[test]
    fn a_flush_ends_the_frame_of_a_live_stream_and_of_no_other() {
        let write = |mut writer: Writer<Vec<u8>>| {
            for piece in [b"".as_slice(), b"one", b"", b"three", &[7; 5000], b"end"] {
                writer.write_all(piece)?;
                writer.flush()?;
            }
            writer.finish()
        };
        let lengths = |live| frames_of(live, Clock::None, write).iter().map(|frame| frame.0).collect::<Vec<_>>();
        assert_eq!(lengths(true), [3, 5, 4096, 904, 3, 0]);
        assert_eq!(lengths(false), [4096, 3 + 5 + 904 + 3]);
    }

    /// An output that can be examined while it is written.
    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_flushed_of_a_live_stream_can_be_read_before_more_is_written() {
        let key_file = KeyFile::random().unwrap();
        let sealed = Shared::default();
        let options = StreamOptions { live: true, ..StreamOptions::default() };
        let mut writer = Writer::create(sealed.clone(), &Lock::with_key_file(&key_file), options).unwrap();
        let mut written = Vec::<u8>::new();
        for piece in [b"a".as_slice(), b"few", b"bytes"] {
            writer.write_all(piece).unwrap();
            writer.flush().unwrap();
            written.extend(piece);
            let stream = sealed.0.lock().unwrap().clone();
            let mut reader = Reader::open(stream.as_slice(), &key_file).unwrap();
            let mut area = vec![0; written.len()];
            reader.read_exact(&mut area).unwrap();
            assert_eq!(area, written);
        }
    }

    #[test]
    fn a_live_stream_with_times_ends_with_an_empty_frame_that_has_the_time_of_the_end() {
        // Ahead of the wall clock, so that the clock repeats the last time that it gave.
        let far = i64::MAX - 100;
        for (interrupted, flags) in [(false, 1), (true, 3)] {
            let last = Arc::new(AtomicI64::new(far));
            let frames = frames_of(true, Clock::System(Arc::clone(&last)), |mut writer| {
                writer.write_all(b"one")?;
                last.store(far + 1, Ordering::Relaxed);
                writer.write_all(b"more")?;
                writer.flush()?;
                writer.write_all(b"two")?;
                last.store(far + 2, Ordering::Relaxed);
                if interrupted { writer.finish_interrupted() } else { writer.finish() }
            });
            let flags = TagFlags::from_bits(flags);
            assert_eq!(frames, [(7, far, TagFlags::NONE), (3, far + 1, TagFlags::NONE), (0, far + 2, flags)]);
        }
        let empty = frames_of(true, Clock::Fixed(5), Writer::finish);
        assert_eq!(empty, [(0, 5, TagFlags::FINAL)]);
        let untimed =
            frames_of(true, Clock::None, |mut writer| writer.write_all(b"one").and_then(|()| writer.finish()));
        assert_eq!(untimed, [(3, 0, TagFlags::FINAL)]);
    }

    #[test]
    fn after_a_failed_write_a_live_writer_flushes_nothing() {
        struct Full(usize);

        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let count = self.0.min(bytes.len());
                self.0 -= count;
                if count == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(count) }
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        let lock = Lock::with_key_file(&KeyFile::random().unwrap());
        let options = StreamOptions { live: true, header_length: HeaderLength::MIN, ..StreamOptions::default() };
        let mut writer = Writer::create(Full(2 * 512 + 10), &lock, options).unwrap();
        writer.write_all(b"one").unwrap();
        assert_eq!(writer.flush().unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(writer.flush().unwrap_err().to_string(), StreamError::FailedBefore.to_string());
        assert!(writer.finish().is_err());
    }

    #[test]
    fn a_created_stream_has_the_options_asked_for_and_decrypts() {
        let key_file = KeyFile::random().unwrap();
        let lock = Lock::with_key_file(&key_file);
        for (live, clock, features, header_length) in [
            (false, Clock::None, Features::NONE, HeaderLength::MIN),
            (false, Clock::None, Features::NONE, HeaderLength::MAX),
            (false, Clock::system(), Features::TIMED, HeaderLength::default()),
            (true, Clock::None, Features::LIVE, HeaderLength::default()),
            (true, Clock::system(), Features::LIVE.union(Features::TIMED), HeaderLength::default()),
        ] {
            let frame_size = FrameSize::MIN;
            let options = StreamOptions { frame_size, header_length, live, clock, ..StreamOptions::default() };
            let mut writer = Writer::create(Vec::new(), &lock, options).unwrap();
            writer.write_all(&[7; 10_000]).unwrap();
            let stream = writer.finish().unwrap();
            let mut reader = Reader::open(stream.as_slice(), &key_file).unwrap();
            assert_eq!(reader.header().prefix.features, features);
            assert_eq!(reader.header().layout(), Layout { frame_size, header_length });
            let mut opened = Vec::new();
            reader.read_to_end(&mut opened).unwrap();
            assert!(opened == [7; 10_000]);
        }
    }

    #[test]
    fn a_header_too_short_for_the_slots_of_the_lock_is_refused_before_anything_is_written() {
        let lock = || Lock::with_key_file(&KeyFile::random().unwrap());
        let six = (1..6).fold(lock(), |locks, _| locks.or(lock()).unwrap());
        let options = StreamOptions { header_length: HeaderLength::MIN, ..StreamOptions::default() };
        let mut written = Vec::<u8>::new();
        let refused = Writer::create(&mut written, &six, options).err().unwrap();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
        assert_eq!(refused.to_string(), "the header has no room for its records");
        assert!(written.is_empty());
    }

    #[test]
    fn a_prefix_that_does_not_fit_the_clock_is_refused_before_anything_is_written() {
        let lock = Lock::with_key_file(&KeyFile::random().unwrap());
        for (features, clock) in [(Features::NONE, Clock::Fixed(5)), (Features::TIMED, Clock::None)] {
            let stream = lock.new_stream(Layout::default(), features).unwrap();
            let mut written = Vec::<u8>::new();
            let refused = Writer::new(&mut written, &stream.header, &stream.keys, Vec::new(), clock).err().unwrap();
            assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
            assert!(written.is_empty());
        }
    }
}
