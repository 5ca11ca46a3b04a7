//! A range of a stream's plaintext: from a file on all cores, from anything else by reading up to the end of the range.

use std::{
    fs::File,
    io::Write,
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
};

use super::{CiphertextFile, Opening, PlaintextRange};
use crate::{
    container::{Features, FrameTag},
    stage::{Frame, FrameFault, Verified},
    stream::{Input, ReadAt, SealedFile, StreamError, StreamFile, VerifiedFrames},
};

/// The part of a plaintext to be copied, by [`copy_selection`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// These bytes.
    Bytes(Range<u64>),
    /// What arrived from the first time to the second, both in Unix microseconds, in whole frames. The first of them is
    /// the earliest frame that began to arrive exactly at the first time or, if there is none, the last frame that
    /// began before it. The last one is the last that began no later than the second time. The tag of a stream's final
    /// frame says when the input ended, so that frame counts as begun with the one before it, and nothing arrived after
    /// its time.
    Times(i64, i64),
}

/// The frames of `sealed`, which are in `file`, that hold the bytes of `range`, and the transform that opens them.
/// `range` must not be empty, and must be within the plaintext.
///
/// ```
/// use std::{io::Write, num::NonZero};
///
/// use reelseal::{
///     keys::{KeyFile, Lock},
///     pipeline::{OrderedSink, PlaintextRange, RangeSink, Workers, frames_of_range},
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
/// let film = SealedFile::open(&encrypted, &key_file)?;
/// let range = 300_004..300_008;
/// let (frames, opening) = frames_of_range(&film, *film.stream_file(), &range)?;
/// let sink = RangeSink::new(OrderedSink::new(Vec::new()), PlaintextRange(range));
/// let frame_size = film.header().layout().frame_size;
/// Workers::new(NonZero::<usize>::MIN, frame_size).run(&frames, &opening, &sink)?;
/// assert_eq!(sink.into_inner().into_inner(), b"last");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`StreamError`] of the frames at the ends of the range, in a live stream.
pub fn frames_of_range<'a, 's>(
    sealed: &'s SealedFile<&'a File>,
    file: StreamFile<&'a File>,
    range: &Range<u64>,
) -> Result<(CiphertextFile<'a>, Opening<'s>), StreamError> {
    let missing = || StreamError::NoSuchFrame { index: sealed.frames() };
    let first = sealed.frame_at_offset(range.start)?.ok_or_else(missing)?;
    let last = sealed.frame_at_offset(range.end.saturating_sub(1))?.ok_or_else(missing)?;
    if last < first {
        // The tags are false: an empty output must not pass for the range.
        return Err(StreamError::Frame { index: last, fault: FrameFault::Offset(range.end) });
    }
    let prefix = sealed.header().prefix;
    let tag = if prefix.features.contains(Features::LIVE) {
        *sealed.frame(first)?.tag()
    } else {
        let offset = first.saturating_mul(prefix.frame_size.payload() as u64);
        FrameTag { index: first, offset, ..FrameTag::default() }
    };
    Ok((CiphertextFile::frames(file, first..=last), Opening::starting_with(sealed.chain(), &tag)))
}

/// The bytes of a timed stream that [`Selection::Times`] selects; an empty range if there are none.
///
/// ```
/// use std::io::Write;
///
/// use reelseal::{
///     keys::{KeyFile, Lock},
///     pipeline::bytes_of_times,
///     stream::{Clock, SealedFile, StreamOptions, Writer},
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key_file = KeyFile::random()?;
/// let noon = 1_795_780_800_000_000;
/// let options = StreamOptions { clock: Clock::Fixed(noon), ..StreamOptions::default() };
/// let mut writer = Writer::create(Vec::new(), &Lock::with_key_file(&key_file), options)?;
/// writer.write_all(b"all of this arrived at noon")?;
/// let film = SealedFile::open(writer.finish()?, &key_file)?;
///
/// assert_eq!(bytes_of_times(&film, noon - 1_000_000, noon)?, 0..27);
/// assert!(bytes_of_times(&film, noon + 1, noon + 1_000_000)?.is_empty());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`StreamError`] of the frames at the ends of the range, of the frame after it, and of a search for them.
pub fn bytes_of_times<R: ReadAt>(sealed: &SealedFile<R>, since: i64, until: i64) -> Result<Range<u64>, StreamError> {
    let final_index = sealed.frames().saturating_sub(1);
    if since > until || since > sealed.frame(final_index)?.tag().time {
        return Ok(0..0);
    }
    let last = match sealed.frame_at_time(until)? {
        Some(begun) if begun + 1 == final_index => final_index,
        Some(begun) => begun,
        None if final_index == 0 => 0,
        None => {
            // The search skips damaged frames: only the tag of this one can say whether it began in time.
            sealed.frame(0)?;
            return Ok(0..0);
        }
    };
    let before = match since.checked_sub(1) {
        Some(before) => sealed.frame_at_time(before)?,
        None => None,
    };
    let first = match before {
        None => 0,
        Some(before) => {
            let next = before + 1;
            let begins_then = sealed.frame(next).is_ok_and(|frame| frame.tag().time == since);
            if begins_then { next } else { before }
        }
    };
    if last < first {
        return Ok(0..0);
    }
    // If the next frame is damaged, whether it began in time is unknown, too.
    if last + 1 < sealed.frames() {
        sealed.frame(last + 1)?;
    }
    let start = if first == 0 { 0 } else { sealed.frame(first)?.tag().offset };
    let last = sealed.frame(last)?;
    let end =
        last.tag().end().ok_or(StreamError::Frame { index: last.tag().index, fault: FrameFault::Offset(start) })?;
    Ok(start..end)
}

/// Reads and authenticates `frames` up to the end of the `selection`, and writes what is selected to `output`. Adds the
/// bytes written to `written`, and returns the plaintext's length if the end of the stream was reached.
///
/// ```
/// use std::{io::Write, sync::atomic::AtomicU64};
///
/// use reelseal::{
///     keys::{Credential, KeyFile, Lock},
///     pipeline::{Selection, copy_selection},
///     stream::{ReaderInput, StreamHeader, StreamOptions, VerifiedFrames, Writer},
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key_file = KeyFile::random()?;
/// let mut writer = Writer::create(Vec::new(), &Lock::with_key_file(&key_file), StreamOptions::default())?;
/// writer.write_all(b"the first scene and the last")?;
/// let stream = writer.finish()?;
///
/// let header = StreamHeader::read(ReaderInput(stream.as_slice()), Vec::new())?;
/// let (opened, input) = header.open(&mut Credential::from(&key_file))?;
/// let (mut frames, written) = (VerifiedFrames::new(opened, input), AtomicU64::new(0));
/// let mut scene = Vec::new();
/// copy_selection(&mut frames, &Selection::Bytes(4..15), &mut scene, &written)?;
/// assert_eq!(scene, b"first scene");
/// assert_eq!(written.into_inner(), 11);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`StreamError`]; what was written before is authentic.
pub fn copy_selection<I: Input>(
    frames: &mut VerifiedFrames<I>,
    selection: &Selection,
    mut output: impl Write,
    written: &AtomicU64,
) -> Result<Option<u64>, StreamError> {
    let mut write = |bytes: &[u8]| -> Result<(), StreamError> {
        output.write_all(bytes).map_err(StreamError::Write)?;
        written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    };
    if matches!(selection, Selection::Times(since, until) if since > until) {
        return Ok(None);
    }
    // A frame that began to arrive before the first time, and may still have been arriving then.
    let mut held: Option<Frame<Verified>> = None;
    let mut previous_time = i64::MIN;
    loop {
        let frame = frames.next_frame()?;
        let (tag, is_final) = (*frame.tag(), frame.tag().flags.is_final());
        match selection {
            Selection::Bytes(range) => {
                write(PlaintextRange(range.clone()).of(&frame))?;
                if tag.end().is_none_or(|end| end >= range.end) && !is_final {
                    return Ok(None);
                }
                frames.give_back(frame);
            }
            Selection::Times(since, until) => {
                if tag.time >= *since
                    && let Some(held) = held.take()
                {
                    if tag.time > *since && held.tag().time <= *until {
                        write(held.payload())?;
                    }
                    frames.give_back(held);
                }
                let begun = if is_final { previous_time } else { tag.time };
                if begun > *until {
                    return Ok(None);
                }
                previous_time = tag.time;
                if tag.time >= *since {
                    write(frame.payload())?;
                    frames.give_back(frame);
                } else if let Some(passed) = held.replace(frame) {
                    frames.give_back(passed);
                }
            }
        }
        if is_final {
            return Ok(tag.end());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read, num::NonZero, os::unix::fs::FileExt};

    use super::*;
    use crate::{
        container::{FrameSize, Layout, TagFlags},
        keys::{Key, KeyFile, Lock},
        pipeline::{OrderedSink, PositionalSink, RangeSink, Workers},
        stage::{Chain, FrameBuffer},
        stream::{ReaderInput, StreamHeader, StreamOptions, Writer},
    };

    const SIZE: FrameSize = FrameSize::MIN;

    fn plaintext() -> Vec<u8> {
        (0..300 * SIZE.payload() + 77).map(|at| (at % 251) as u8).collect()
    }

    fn key_file() -> KeyFile {
        KeyFile::from_key(Key::from_bytes([4; 32]))
    }

    fn sealed() -> Vec<u8> {
        let options = StreamOptions { frame_size: SIZE, ..StreamOptions::default() };
        let mut writer = Writer::create(Vec::new(), &Lock::with_key_file(&key_file()), options).unwrap();
        writer.write_all(&plaintext()).unwrap();
        writer.finish().unwrap()
    }

    fn frames(stream: &[u8]) -> VerifiedFrames<ReaderInput<&[u8]>> {
        let header = StreamHeader::read(ReaderInput(stream), Vec::new()).unwrap();
        let (stream, input) = header.open(&mut key_file().into()).unwrap();
        VerifiedFrames::new(stream, input)
    }

    #[test]
    fn a_range_of_a_file_is_that_range_of_the_plaintext_in_order_and_by_position() {
        let (stream, plaintext, file) = (sealed(), plaintext(), tempfile::tempfile().unwrap());
        file.write_all_at(&stream, 0).unwrap();
        let open = || SealedFile::open(&file, key_file()).unwrap();
        let length = plaintext.len() as u64;
        let (whole, layout) = (open(), open().header().layout());
        for range in [0..1, 0..length, 4095..4097, 4096..8192, 100_000..900_001, length - 1..length] {
            let expected = &plaintext[range.start as usize..range.end as usize];
            for count in [1, 4] {
                let delivered = AtomicU64::new(0);
                let workers = Workers::new(NonZero::new(count).unwrap(), SIZE).with_progress(&delivered);
                let stream = StreamFile::new(&file, stream.len() as u64, 0, layout);
                let (source, opening) = frames_of_range(&whole, stream, &range).unwrap();
                let sink = RangeSink::new(OrderedSink::new(Vec::new()), PlaintextRange(range.clone()));
                workers.run(&source, &opening, &sink).unwrap();
                assert!(sink.into_inner().into_inner() == expected, "{range:?}");
                assert_eq!(delivered.swap(0, Ordering::Relaxed), expected.len() as u64, "{range:?}");

                let output = tempfile::tempfile().unwrap();
                let (source, opening) = frames_of_range(&whole, stream, &range).unwrap();
                let sink = RangeSink::new(PositionalSink::new(&output, layout), PlaintextRange(range.clone()));
                workers.run(&source, &opening, &sink).unwrap();
                let mut written = Vec::new();
                (&output).read_to_end(&mut written).unwrap();
                assert!(written == expected, "{range:?}, {count} workers");
                assert_eq!(delivered.into_inner(), expected.len() as u64, "{range:?}, {count} workers");
            }
        }
    }

    #[test]
    fn a_pipe_is_read_only_to_the_end_of_the_range_and_an_earlier_end_is_reported() {
        let (stream, plaintext) = (sealed(), plaintext());
        let written = AtomicU64::new(0);
        let mut frames_before = frames(&stream);
        let mut output = Vec::new();
        let selection = Selection::Bytes(5000..10_000);
        assert_eq!(copy_selection(&mut frames_before, &selection, &mut output, &written).unwrap(), None);
        assert!(output == plaintext[5000..10_000]);
        assert_eq!(written.into_inner(), 5000);
        // Frame 3 is next: nothing after the range was read.
        assert_eq!(frames_before.next_frame().unwrap().index(), 3);

        let (written, length) = (AtomicU64::new(0), plaintext.len() as u64);
        let beyond = Selection::Bytes(length - 5..u64::MAX);
        let mut output = Vec::new();
        assert_eq!(copy_selection(&mut frames(&stream), &beyond, &mut output, &written).unwrap(), Some(length));
        assert!(output == plaintext[plaintext.len() - 5..]);
    }

    #[test]
    fn a_damaged_frame_before_a_range_of_a_pipe_is_refused() {
        let mut stream = sealed();
        stream[2 * 4096 + 99] ^= 1;
        let refused =
            copy_selection(&mut frames(&stream), &Selection::Bytes(50_000..50_001), Vec::new(), &AtomicU64::new(0));
        assert!(matches!(refused, Err(StreamError::Frame { index: 0, .. })));
    }

    /// Frames that each hold their index as one byte, at these times; the last one is final.
    fn timed(times: &[i64], falsify: impl Fn(&mut FrameTag)) -> Vec<u8> {
        let features = Features::LIVE.union(Features::TIMED);
        let stream = Lock::with_key_file(&key_file())
            .new_stream(Layout { frame_size: SIZE, ..Layout::default() }, features)
            .unwrap();
        let chain = Chain::new(&stream.keys, &stream.header.prefix);
        let mut bytes = stream.keys.seal_header(&stream.header).unwrap();
        for (index, &time) in (0..).zip(times) {
            let mut buffer = FrameBuffer::new(SIZE);
            buffer.payload_area()[0] = index as u8;
            let flags = if index as usize + 1 == times.len() { TagFlags::FINAL } else { TagFlags::NONE };
            let mut tag = FrameTag { index, time, offset: index, length: 1, flags };
            falsify(&mut tag);
            bytes.extend(chain.seal(Frame::clear(buffer, tag)).wire());
        }
        bytes
    }

    /// Asserts what a pipe and a file deliver from one time to another.
    #[track_caller]
    fn assert_selected(stream: &[u8], since: i64, until: i64, expected: &[u8]) {
        let mut output = Vec::new();
        let selection = Selection::Times(since, until);
        copy_selection(&mut frames(stream), &selection, &mut output, &AtomicU64::new(0)).unwrap();
        assert_eq!(output, expected, "{since} to {until}, of a pipe");
        let file = SealedFile::open(stream, key_file()).unwrap();
        let range = bytes_of_times(&file, since, until).unwrap();
        let mut output = vec![0; (range.end - range.start) as usize];
        file.read_exact_at(&mut output, range.start).unwrap();
        assert_eq!(output, expected, "{since} to {until}, of a file");
    }

    #[test]
    fn times_select_from_the_frame_that_was_arriving_to_the_last_that_began() {
        let stream = timed(&[10, 20, 30, 40, 50, 60], |_| ());
        for (since, until, expected) in [
            (i64::MIN, i64::MAX, [0, 1, 2, 3, 4, 5].as_slice()),
            (10, 60, &[0, 1, 2, 3, 4, 5]),
            (29, 40, &[1, 2, 3]),
            (30, 39, &[2]),
            (31, 31, &[2]),
            (55, i64::MAX, &[4, 5]),
            (45, 49, &[3]),
            // What the final frame holds arrived between 50 and 60.
            (45, 50, &[3, 4, 5]),
            (55, 58, &[4, 5]),
            (60, 60, &[5]),
            (61, i64::MAX, &[]),
            (i64::MIN, 9, &[]),
            (50, 20, &[]),
        ] {
            assert_selected(&stream, since, until, expected);
        }
    }

    #[test]
    fn all_frames_of_one_time_are_selected_by_it() {
        let stream = timed(&[10, 10, 20, 20, 20, 30, 30], |_| ());
        for (since, until, expected) in [
            (10, 10, [0, 1].as_slice()),
            (20, 20, &[2, 3, 4]),
            (20, 29, &[2, 3, 4]),
            (21, 29, &[4]),
            (19, 20, &[1, 2, 3, 4]),
            (30, i64::MAX, &[5, 6]),
        ] {
            assert_selected(&stream, since, until, expected);
        }
    }

    #[test]
    fn damage_where_a_selection_of_times_may_end_is_not_silently_left_out() {
        let mut stream = timed(&[10, 20, 30, 40, 50, 60], |_| ());
        let layout = frames(&stream).stream().header().layout();
        stream[layout.frame_position(3) as usize + 9] ^= 1;
        let file = SealedFile::open(stream.as_slice(), key_file()).unwrap();
        for (since, until) in [(10, 30), (10, 40), (30, 45), (30, 49), (40, 60), (50, 60)] {
            let selected = bytes_of_times(&file, since, until)
                .and_then(|range| file.read_exact_at(&mut vec![0; (range.end - range.start) as usize], range.start));
            assert!(matches!(selected, Err(StreamError::Frame { index: 3, .. })), "{since} to {until}");
        }
        for (since, until, range) in [(10, 29, 0..2), (60, 60, 5..6)] {
            assert_eq!(bytes_of_times(&file, since, until).unwrap(), range, "{since} to {until}");
        }
    }

    #[test]
    fn a_range_that_begins_or_ends_in_a_frame_with_a_false_tag_is_refused() {
        let file = tempfile::tempfile().unwrap();
        let stream = timed(&[5; 9], |tag| tag.offset += u64::from(tag.index == 4));
        file.write_all_at(&stream, 0).unwrap();
        let sealed = SealedFile::open(&file, key_file()).unwrap();
        let source = || StreamFile::new(&file, stream.len() as u64, 0, sealed.header().layout());
        // A search begins at the frame read last.
        sealed.read_exact_at(&mut [0], 2).unwrap();
        for range in [5..6, 4..7, 2..6] {
            let refused = frames_of_range(&sealed, source(), &range).err();
            assert!(matches!(refused, Some(StreamError::Frame { fault: FrameFault::Offset(_), .. })), "{range:?}");
        }
        assert!(frames_of_range(&sealed, source(), &(0..3)).is_ok());
    }
}
