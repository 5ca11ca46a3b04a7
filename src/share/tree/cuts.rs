//! Cutting a segment of a recording into pieces of a few seconds, according to when its bytes arrived. A piece stays as
//! it is while the segment grows: it is cut only once there is a frame that arrived too late to be part of it.

use std::{ops::Range, sync::Mutex, time::Duration};

use crate::{
    mutex::lock,
    stream::{ReadAt, SealedFile},
};

/// How long a piece is at most.
pub(crate) const PIECE_TIME: Duration = Duration::from_secs(6);
/// The same, in microseconds.
const PIECE: i64 = PIECE_TIME.as_micros() as i64;
/// MPEG-TS is cut into whole packets, counted from its start.
const PACKET: u64 = 188;
/// How many damaged frames in a row are skipped.
const PASSED_OVER: usize = 64;

/// Where a segment is cut, as far as that was needed so far.
#[derive(Default)]
pub(super) struct Cuts(Mutex<Found>);

#[derive(Default)]
struct Found {
    /// Where the pieces that will not change any more end.
    ends: Vec<u64>,
    /// When the data after them began to arrive, in Unix microseconds.
    time: Option<i64>,
}

impl Cuts {
    /// The pieces of the first `length` bytes of `sealed`, and how long each took to arrive. What comes after the last
    /// whole piece is one of them only if nothing more `is_to_come`.
    pub fn pieces<R: ReadAt>(
        &self,
        sealed: &SealedFile<R>,
        length: u64,
        is_to_come: bool,
    ) -> Vec<(Range<u64>, Duration)> {
        let mut found = lock(&self.0);
        // Nothing is cut after a place that cannot be read.
        let _ = found.extend(sealed);
        let mut start = 0;
        let mut pieces = Vec::new();
        for &end in found.ends.iter().take_while(|&&end| end <= length) {
            pieces.push((start..end, PIECE_TIME));
            start = end;
        }
        if !is_to_come && start < length {
            let last = sealed.last_frame().map(|(last, _)| last.time);
            let time = last.zip(found.time).map_or(0, |(last, time)| last.saturating_sub(time).clamp(0, PIECE));
            pieces.push((start..length, Duration::from_micros(time.unsigned_abs())));
        }
        pieces
    }
}

impl Found {
    /// Cuts as far as `sealed` now goes; `None` where it cannot be read.
    fn extend<R: ReadAt>(&mut self, sealed: &SealedFile<R>) -> Option<()> {
        let (last, _) = sealed.last_frame()?;
        let time_from = |index: u64| {
            let sound = (index..sealed.frames()).take(PASSED_OVER).find_map(|index| sealed.frame(index).ok());
            sound.map(|frame| frame.tag().time)
        };
        let mut time = match self.time {
            Some(time) => time,
            None => *self.time.insert(time_from(0)?),
        };
        loop {
            let next = time.checked_add(PIECE)?;
            if last.time < next {
                return Some(());
            }
            let index = sealed.frame_at_time(next - 1).ok()??;
            let end = sealed.frame(index).ok()?.tag().end()?;
            // If nothing arrived for a long time, the next piece begins later.
            let pieces = time_from(index + 1)?.checked_sub(time)? / PIECE;
            time = time.checked_add(pieces.max(1).checked_mul(PIECE)?)?;
            let end = end - end % PACKET;
            if self.ends.last().copied().unwrap_or(0) < end {
                self.ends.push(end);
            }
            self.time = Some(time);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        container::{Features, FrameSize, FrameTag, Layout, TagFlags},
        keys::{Key, KeyFile, Lock},
        stage::{Chain, Frame, FrameBuffer},
    };

    /// The payload bytes of a frame.
    const LENGTH: u64 = 1000;

    /// A live stream as it was after each of its frames, which arrived at these times in milliseconds. The last frame
    /// is empty and final.
    fn growing(times: &[i64]) -> Vec<SealedFile<Vec<u8>>> {
        let key_file = KeyFile::from_key(Key::from_bytes([4; 32]));
        let layout = Layout { frame_size: FrameSize::MIN, ..Layout::default() };
        let features = Features::LIVE.union(Features::TIMED);
        let stream = Lock::with_key_file(&key_file).new_stream(layout, features).unwrap();
        let chain = Chain::new(&stream.keys, &stream.header.prefix);
        let mut bytes = stream.keys.seal_header(&stream.header).unwrap();
        let mut opened = Vec::new();
        for (index, time) in (0..).zip(times) {
            let is_last = index as usize + 1 == times.len();
            let (length, flags) = if is_last { (0, TagFlags::FINAL) } else { (LENGTH as u32, TagFlags::NONE) };
            let time = 1_700_000_000_000_000 + time * 1000;
            let tag = FrameTag { index, time, offset: index * LENGTH, length, flags };
            bytes.extend(chain.seal(Frame::clear(FrameBuffer::new(FrameSize::MIN), tag)).wire());
            opened.push(SealedFile::open_unfinished(bytes.clone(), &key_file).unwrap());
        }
        opened
    }

    #[test]
    fn pieces_never_change_while_the_segment_grows_and_cover_all_of_it_at_the_end() {
        // Two frames a second, then nothing for a long time, then a burst.
        let mut times: Vec<_> = (0..40).map(|number| number * 500).collect();
        times.extend([100_000, 100_001, 105_000, 107_000, 107_500]);
        let cuts = Cuts::default();
        let mut before = Vec::new();
        let all = growing(&times);
        for (index, sealed) in all.iter().enumerate() {
            let is_whole = sealed.is_whole();
            let pieces = cuts.pieces(sealed, sealed.len(), !is_whole);
            assert!(pieces.starts_with(&before), "{before:?} became {pieces:?}");
            // The same as for someone who sees the segment for the first time.
            assert_eq!(pieces, Cuts::default().pieces(sealed, sealed.len(), !is_whole), "{index}");
            assert!(pieces.iter().all(|(_, time)| *time <= PIECE_TIME), "{pieces:?}");
            before = pieces;
        }
        let ends: Vec<_> = before.iter().map(|(range, _)| range.end).collect();
        let aligned = |frames: u64| frames * LENGTH - frames * LENGTH % PACKET;
        assert_eq!(ends, [aligned(12), aligned(24), aligned(36), aligned(40), aligned(42), 44 * LENGTH]);
        assert!(before.windows(2).all(|two| two[0].0.end == two[1].0.start));
        assert_eq!(before.last().unwrap().1, Duration::from_millis(5500));
    }

    #[test]
    fn a_rest_that_may_grow_is_left_out_and_a_shorter_length_is_respected() {
        let all = growing(&[0, 1000, 2000, 3000, 9000, 10_000]);
        let ends = |frames: usize, length, is_to_come| -> Vec<u64> {
            Cuts::default().pieces(&all[frames - 1], length, is_to_come).iter().map(|(range, _)| range.end).collect()
        };
        assert_eq!((ends(4, 4000, true), ends(4, 4000, false)), (vec![], vec![4000]));
        assert_eq!((ends(5, 5000, true), ends(5, 3000, false)), (vec![3948], vec![3000]));
    }
}
