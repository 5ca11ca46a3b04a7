//! Random access to one stream, from one thread and from many.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

use std::{
    io::{self, ErrorKind, Read, Seek, SeekFrom},
    ops::Range,
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use proptest::prelude::*;
use reelseal::{
    container::{Features, FrameSize, FrameTag, Header, HeaderLength, IV_LENGTH, Layout, Prefix, Slot, TagFlags},
    keys::{Credential, Key, KeyFile, StageKeys, new_key_file_slot},
    stage::{Chain, Frame, FrameBuffer, FrameFault},
    stream::{OpenError, ReadAt, SealedFile, StreamError},
};

const SIZE: FrameSize = FrameSize::MIN;
const P: usize = SIZE.payload();

fn credential() -> Credential {
    KeyFile::from_key(Key::from_bytes([4; 32])).into()
}

fn live_and_timed() -> Features {
    Features::LIVE.union(Features::TIMED)
}

/// A stream of these frames, whose tags may be false.
fn stream_of(size: FrameSize, features: Features, frames: &[(FrameTag, Vec<u8>)]) -> Vec<u8> {
    let file_key = Key::from_bytes([9; 32]);
    let slot = Slot::KeyFile(new_key_file_slot(&file_key, &KeyFile::from_key(Key::from_bytes([4; 32])), [3; 32]));
    let prefix = Prefix { frame_size: size, features, iv: [7; IV_LENGTH] };
    let header = Header { prefix, length: HeaderLength::MIN, generation: 1, records: vec![(&slot).into()] };
    let keys = StageKeys::derive(&file_key, &prefix);
    let chain = Chain::new(&keys, &prefix);
    let mut stream = keys.seal_header(&header).unwrap();
    for (tag, payload) in frames {
        let mut buffer = FrameBuffer::new(size);
        buffer.payload_area()[..payload.len()].copy_from_slice(payload);
        stream.extend(chain.seal(Frame::clear(buffer, *tag)).wire());
    }
    stream
}

fn plaintext(length: usize) -> Vec<u8> {
    (0..length as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

/// The frames of a plaintext that is cut into pieces of these lengths, with times from 10 on, a microsecond apart.
fn frames(plaintext: &[u8], lengths: impl IntoIterator<Item = usize>, timed: bool) -> Vec<(FrameTag, Vec<u8>)> {
    let (mut offset, mut frames) = (0, Vec::new());
    for (index, length) in lengths.into_iter().enumerate() {
        let payload = plaintext[offset..offset + length].to_vec();
        let time = if timed { 10 + index as i64 } else { 0 };
        let tag =
            FrameTag { index: index as u64, time, offset: offset as u64, length: length as u32, flags: TagFlags::NONE };
        frames.push((tag, payload));
        offset += length;
    }
    assert_eq!(offset, plaintext.len());
    frames.last_mut().unwrap().0.flags = TagFlags::FINAL;
    frames
}

fn plain(plaintext: &[u8], size: FrameSize) -> Vec<u8> {
    let full = plaintext.len() / size.payload();
    let lengths = std::iter::repeat_n(size.payload(), full).chain([plaintext.len() % size.payload()]);
    stream_of(size, Features::NONE, &frames(plaintext, lengths, false))
}

/// A live stream of frames of many lengths, including empty ones.
fn live(plaintext: &[u8]) -> Vec<u8> {
    let (mut left, mut lengths) = (plaintext.len(), Vec::new());
    for length in [0, 1, 700, P, 0, 0, 33, P - 1].into_iter().cycle() {
        if left <= length.min(P - 1) {
            break;
        }
        lengths.push(length);
        left -= length;
    }
    lengths.push(left);
    stream_of(SIZE, live_and_timed(), &frames(plaintext, lengths, true))
}

fn open<R: ReadAt>(stream: R) -> SealedFile<R> {
    SealedFile::open(stream, credential()).unwrap()
}

fn position(index: u64) -> usize {
    Layout { frame_size: SIZE, header_length: HeaderLength::MIN }.frame_position(index) as usize
}

/// What a slice gives for this offset and length.
fn expected(plaintext: &[u8], offset: usize, length: usize) -> &[u8] {
    let start = offset.min(plaintext.len());
    &plaintext[start..plaintext.len().min(start.saturating_add(length))]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_read_gives_what_a_slice_of_the_plaintext_gives(
        log2 in 12u8..=17,
        length in 0usize..400_000,
        is_live in any::<bool>(),
        reads in prop::collection::vec((0usize..450_000, 0usize..200_000), 1..12),
    ) {
        let plaintext = plaintext(length);
        let stream =
            if is_live { live(&plaintext) } else { plain(&plaintext, FrameSize::from_log2(log2).unwrap()) };
        let file = open(stream);
        prop_assert_eq!(file.len(), length as u64);
        for (offset, room) in reads {
            let mut area = vec![0xee; room];
            let read = file.read_at(&mut area, offset as u64).unwrap();
            prop_assert!(area[..read] == *expected(&plaintext, offset, room), "{offset}, {room}");
            prop_assert!(area[read..].iter().all(|&byte| byte == 0xee));
        }
    }

    #[test]
    fn a_cursor_behaves_like_one_over_the_plaintext(
        length in 0usize..100_000,
        is_live in any::<bool>(),
        steps in prop::collection::vec((0u8..3, -120_000i64..120_000, 0usize..9_000), 1..30),
    ) {
        let plaintext = plaintext(length);
        let file = Arc::new(open(if is_live { live(&plaintext) } else { plain(&plaintext, SIZE) }));
        let (mut ours, mut theirs) = (file.cursor(), io::Cursor::new(&plaintext));
        for (from, by, room) in steps {
            let to = match from {
                0 => SeekFrom::Start(by.unsigned_abs()),
                1 => SeekFrom::Current(by),
                _ => SeekFrom::End(by),
            };
            prop_assert_eq!(ours.seek(to).ok(), theirs.seek(to).ok());
            let (mut here, mut there) = (vec![0; room], vec![0; room]);
            let read = ours.read(&mut here).unwrap();
            prop_assert_eq!(read, theirs.read(&mut there).unwrap());
            prop_assert!(here == there);
        }
    }
}

#[test]
fn every_byte_around_every_frame_boundary_can_be_read_alone() {
    let plaintext = plaintext(5 * P + 17);
    for stream in [plain(&plaintext, SIZE), live(&plaintext)] {
        let file = open(stream);
        for offset in (0..=plaintext.len() + 1).filter(|offset| (offset + 2) % P < 5 || *offset + 3 > plaintext.len()) {
            let mut area = [0xee; 3];
            let read = file.read_at(&mut area, offset as u64).unwrap();
            assert_eq!(area[..read], *expected(&plaintext, offset, 3), "{offset}");
        }
        assert_eq!(file.read_at(&mut [0; 9], u64::MAX).unwrap(), 0);
        let exact = file.read_exact_at(&mut [0; 9], plaintext.len() as u64 - 8);
        assert!(matches!(exact, Err(StreamError::NoSuchFrame { .. })), "{exact:?}");
    }
}

#[test]
fn a_stream_is_reopened_where_it_still_is_and_nowhere_else() {
    let plaintext = plaintext(3 * P + 5);
    let stream = plain(&plaintext, SIZE);
    let film = SealedFile::open_unfinished(&stream[..position(2)], credential()).unwrap();
    assert_eq!((film.len(), film.is_whole()), (2 * P as u64, false));
    let grown = film.reopened(stream.as_slice()).unwrap().unwrap();
    assert_eq!((grown.len(), grown.is_whole()), (plaintext.len() as u64, true));
    let other = live(&plaintext);
    assert!(!film.is_in(&other.as_slice()) && film.reopened(other.as_slice()).unwrap().is_none());
}

#[test]
fn an_empty_stream_is_read_to_its_end_at_once() {
    let file = open(plain(&[], SIZE));
    assert!(file.is_empty() && file.is_whole());
    assert_eq!((file.len(), file.frames(), file.read_at(&mut [0; 4], 0).unwrap()), (0, 1, 0));
    assert_eq!(file.frame_at_offset(0).unwrap(), None);
}

/// Counts the reads of each position, and waits at a gate before the first of them.
struct Counted {
    bytes: Vec<u8>,
    reads: Mutex<Vec<Range<u64>>>,
    gate: Option<Barrier>,
    armed: AtomicBool,
}

impl Counted {
    fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, reads: Mutex::default(), gate: None, armed: AtomicBool::new(false) }
    }
}

impl ReadAt for Counted {
    fn read_at(&self, area: &mut [u8], position: u64) -> io::Result<usize> {
        if self.armed.swap(false, Ordering::SeqCst) {
            self.gate.as_ref().unwrap().wait();
        }
        let read = self.bytes.read_at(area, position)?;
        self.reads.lock().unwrap().push(position..position + read as u64);
        Ok(read)
    }

    fn size(&self) -> io::Result<u64> {
        self.bytes.size()
    }
}

fn reads(source: &Counted) -> Vec<Range<u64>> {
    std::mem::take(&mut *source.reads.lock().unwrap())
}

#[test]
fn opening_reads_the_header_and_the_final_frame_and_nothing_else() {
    let stream = plain(&plaintext(40 * P + 5), SIZE);
    let size = stream.len() as u64;
    let source = Counted::new(stream);
    let file = open(&source);
    assert_eq!(file.len(), 40 * P as u64 + 5);
    let mut read = reads(&source);
    read.sort_by_key(|range| range.start);
    let bytes: u64 = read.iter().map(|range| range.end - range.start).sum();
    assert_eq!(bytes, 2 * 512 + (size - position(40) as u64), "{read:?}");
}

#[test]
fn reading_on_in_small_steps_reads_no_frame_twice() {
    let plaintext = plaintext(30 * P + 5);
    for (stream, features) in [(plain(&plaintext, SIZE), Features::NONE), (live(&plaintext), live_and_timed())] {
        let source = Counted::new(stream);
        let file = Arc::new(open(&source));
        assert_eq!(file.header().prefix.features, features);
        reads(&source);
        let (mut cursor, mut area, mut whole) = (file.cursor(), [0; 333], Vec::new());
        loop {
            match cursor.read(&mut area).unwrap() {
                0 => break,
                read => whole.extend_from_slice(&area[..read]),
            }
        }
        assert!(whole == plaintext);
        let mut starts: Vec<_> = reads(&source).into_iter().map(|range| range.start).collect();
        starts.sort_unstable();
        let frames: Vec<_> = (0..file.frames()).map(|index| position(index) as u64).collect();
        assert_eq!(starts, frames);
    }
}

#[test]
fn a_frame_that_eight_threads_ask_for_at_once_is_read_once() {
    let plaintext = plaintext(9 * P + 5);
    let source = Counted { gate: Some(Barrier::new(2)), ..Counted::new(plain(&plaintext, SIZE)) };
    let file = open(&source);
    reads(&source);
    source.armed.store(true, Ordering::SeqCst);
    let started = Barrier::new(9);
    thread::scope(|scope| {
        for thread in 0..8 {
            let (file, plaintext, started) = (&file, &plaintext, &started);
            scope.spawn(move || {
                started.wait();
                let (offset, mut area) = (3 * P + thread, [0; 100]);
                file.read_exact_at(&mut area, offset as u64).unwrap();
                assert!(area == plaintext[offset..offset + 100]);
            });
        }
        started.wait();
        // The first thread is reading; the others can only wait for it.
        source.gate.as_ref().unwrap().wait();
    });
    assert_eq!(reads(&source).len(), 1);
}

#[test]
fn age_4202739_eight_threads_read_what_one_does_from_a_cache_too_small_for_all() {
    let plaintext = plaintext(200 * P + 5);
    for stream in [plain(&plaintext, SIZE), live(&plaintext)] {
        let file = open(stream);
        thread::scope(|scope| {
            for thread in 0..8u64 {
                let (file, plaintext) = (&file, &plaintext);
                scope.spawn(move || {
                    let mut random = thread + 1;
                    for _ in 0..200 {
                        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                        let offset = (random >> 33) as usize % plaintext.len();
                        let mut area = vec![0; (random >> 20) as usize % 9_000];
                        let read = file.read_at(&mut area, offset as u64).unwrap();
                        assert!(area[..read] == *expected(plaintext, offset, area.len()));
                    }
                });
            }
        });
    }
}

#[test]
fn a_damaged_frame_is_an_error_for_the_reads_that_need_it_and_for_no_others() {
    let plaintext = plaintext(20 * P + 5);
    let mut stream = plain(&plaintext, SIZE);
    stream[position(7) + 99] ^= 1;
    let file = open(stream);
    thread::scope(|scope| {
        for thread in 0..8 {
            let (file, plaintext) = (&file, &plaintext);
            scope.spawn(move || {
                for index in (0..21).map(|index| (index + thread * 3) % 21) {
                    let (offset, mut area) = (index * P, vec![0; 50]);
                    let read = file.read_at(&mut area, offset as u64);
                    match index {
                        7 => assert!(matches!(read, Err(StreamError::Frame { index: 7, fault: FrameFault::Mac }))),
                        _ => assert_eq!(area[..read.unwrap()], *expected(plaintext, offset, 50)),
                    }
                }
            });
        }
    });
    let mut area = vec![0; 2 * P];
    assert_eq!(file.read_at(&mut area, 7 * P as u64 - 10).unwrap(), 10, "up to the damage");
    assert!(area[..10] == plaintext[7 * P - 10..7 * P] && area[10..].iter().all(|&byte| byte == 0));
}

#[test]
fn a_cursor_can_seek_past_damage_and_read_on() {
    let plaintext = plaintext(6 * P);
    let mut stream = plain(&plaintext, SIZE);
    stream[position(2)] ^= 1;
    let mut cursor = Arc::new(open(stream)).cursor();
    let mut before = Vec::new();
    let error = cursor.read_to_end(&mut before).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(before == plaintext[..2 * P]);
    cursor.seek(SeekFrom::Current(P as i64)).unwrap();
    let mut after = Vec::new();
    cursor.read_to_end(&mut after).unwrap();
    assert!(after == plaintext[3 * P..]);
}

#[test]
fn a_failing_source_has_its_own_kind_of_error_and_can_be_read_again() {
    struct Failing(Vec<u8>, AtomicBool);
    impl ReadAt for Failing {
        fn read_at(&self, area: &mut [u8], position: u64) -> io::Result<usize> {
            if self.1.load(Ordering::SeqCst) {
                return Err(io::Error::from_raw_os_error(5));
            }
            // One byte at a time, with an occasional interruption.
            if position % 4001 == 7 && !area.is_empty() {
                let read = self.0.read_at(&mut area[..1], position)?;
                return Ok(read);
            }
            self.0.read_at(area, position)
        }

        fn size(&self) -> io::Result<u64> {
            self.0.size()
        }
    }
    let plaintext = plaintext(3 * P);
    let source = Failing(plain(&plaintext, SIZE), AtomicBool::new(false));
    let file = Arc::new(open(&source));
    source.1.store(true, Ordering::SeqCst);
    let error = file.cursor().read(&mut [0; 9]).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(5));
    assert!(matches!(file.frame(1), Err(StreamError::ReadFrame { index: 1, .. })));
    source.1.store(false, Ordering::SeqCst);
    let mut whole = Vec::new();
    file.cursor().read_to_end(&mut whole).unwrap();
    assert!(whole == plaintext);
}

#[test]
fn a_cut_altered_or_extended_stream_does_not_open() {
    let stream = plain(&plaintext(3 * P + 100), SIZE);
    for length in [stream.len() - 1, position(3), position(3) + 63, position(3) + 64, position(1)] {
        let opened = SealedFile::open(&stream[..length], credential());
        assert!(matches!(opened.err(), Some(OpenError::Stream(_))), "{length}");
    }
    let extended = [stream.as_slice(), b"more"].concat();
    let opened = SealedFile::open(extended, credential());
    assert!(matches!(opened.err(), Some(OpenError::Stream(StreamError::Frame { index: 3, .. }))));
}

#[test]
fn an_unfinished_stream_gives_its_sound_frames_and_its_end_is_an_error() {
    let plaintext = plaintext(9 * P + 100);
    let stream = plain(&plaintext, SIZE);
    for (cut, zeros, whole) in
        [(position(9), 0, 9), (position(4) + 500, 0, 4), (position(4) + 7, 5 * P, 4), (position(6), 40 * P, 6)]
    {
        let unfinished = [&stream[..cut], &vec![0; zeros]].concat();
        assert!(SealedFile::open(unfinished.as_slice(), credential()).is_err());
        let file = Arc::new(SealedFile::open_unfinished(unfinished, credential()).unwrap());
        assert_eq!((file.frames(), file.len(), file.is_whole()), (whole, whole * P as u64, false), "{cut}, {zeros}");
        let (mut cursor, mut before) = (file.cursor(), Vec::new());
        let error = cursor.read_to_end(&mut before).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert!(before == plaintext[..before.len()] && before.len() as u64 == file.len());
        let end = file.read_at(&mut [0; 5], file.len());
        assert!(matches!(end, Err(StreamError::EndBeforeFinalFrame { index }) if index == whole), "{end:?}");
        assert_eq!(cursor.seek(SeekFrom::End(0)).unwrap_err().kind(), ErrorKind::Unsupported);
    }
}

#[test]
fn an_unfinished_live_stream_ends_with_its_last_sound_frame() {
    let plaintext = plaintext(9 * P);
    let stream = live(&plaintext);
    let file = SealedFile::open_unfinished(&stream[..position(6)], credential()).unwrap();
    let length = (P + 1 + 700) as u64;
    assert_eq!((file.frames(), file.len()), (6, length));
    let mut area = vec![0; length as usize];
    file.read_exact_at(&mut area, 0).unwrap();
    assert!(area == plaintext[..area.len()]);
}

#[test]
fn an_unfinished_stream_without_one_sound_frame_opens_and_holds_nothing() {
    let stream = plain(&plaintext(3 * P), SIZE);
    for cut in [1024, 1030, position(1) - 1] {
        let file = SealedFile::open_unfinished(&stream[..cut], credential()).unwrap();
        assert_eq!((file.frames(), file.len()), (0, 0));
        assert!(matches!(file.read_at(&mut [0; 5], 0), Err(StreamError::EndBeforeFinalFrame { index: 0 })));
    }
}

#[test]
fn frames_are_found_by_offset_and_by_time() {
    let plaintext = plaintext(9 * P);
    let file = open(live(&plaintext));
    for index in 0..file.frames() {
        let tag = *file.frame(index).unwrap().tag();
        for offset in (tag.offset..tag.offset + u64::from(tag.length)).step_by(97) {
            assert_eq!(file.frame_at_offset(offset).unwrap(), Some(index));
        }
        assert_eq!(file.frame_at_time(tag.time).unwrap(), Some(index));
    }
    assert_eq!(file.frame_at_offset(file.len()).unwrap(), None);
    assert_eq!(file.frame_at_time(9).unwrap(), None);
    assert_eq!(file.frame_at_time(i64::MAX).unwrap(), Some(file.frames() - 1));
}

#[test]
fn a_search_skips_damaged_frames() {
    let plaintext = plaintext(40 * P);
    let sound = open(live(&plaintext));
    let tags: Vec<_> = (0..sound.frames()).map(|index| *sound.frame(index).unwrap().tag()).collect();
    for damaged in [3..4, 10..30, 0..tags.len() as u64 - 1, 40..tags.len() as u64 - 1] {
        let mut stream = live(&plaintext);
        damaged.clone().for_each(|index| stream[position(index) + 40] ^= 1);
        let file = open(stream);
        for tag in tags.iter().filter(|tag| tag.length > 0) {
            let found = file.frame_at_offset(tag.offset);
            if damaged.contains(&tag.index) {
                assert!(
                    matches!(found, Err(StreamError::Frame { fault: FrameFault::Mac, .. })),
                    "{damaged:?}: {found:?}"
                );
            } else {
                assert_eq!(found.unwrap(), Some(tag.index), "{damaged:?}");
            }
            let at_time = file.frame_at_time(tag.time).unwrap();
            let expected = (0..=tag.index).rev().find(|index| !damaged.contains(index));
            assert_eq!(at_time, expected, "{damaged:?}");
        }
    }
}

/// Anyone who can open a stream can forge one: false tags under valid MACs.
#[test]
fn false_tags_under_valid_macs_give_no_byte_at_a_wrong_offset() {
    let plaintext = plaintext(12 * 1000);
    let honest = frames(&plaintext, [1000; 12], true);
    type Lie = fn(&mut FrameTag);
    let lies: [(&str, Lie); 6] = [
        ("overlaps the one before", |tag| tag.offset -= 1),
        ("leaves a gap", |tag| tag.offset += 1),
        ("is 2^62 away", |tag| tag.offset = 1 << 62),
        ("is at the greatest offset", |tag| tag.offset = u64::MAX - 999),
        ("is at the front", |tag| tag.offset = 0),
        ("is more than the frames before can hold", |tag| tag.offset += 7 * 4096),
    ];
    for (name, lie) in lies {
        for lying in 1..11 {
            let mut claimed = honest.clone();
            lie(&mut claimed[lying].0);
            let file = open(stream_of(SIZE, live_and_timed(), &claimed));
            for offset in (0..plaintext.len()).step_by(250) {
                let mut area = [0; 100];
                if let Ok(read) = file.read_at(&mut area, offset as u64) {
                    assert!(area[..read] == plaintext[offset..offset + read], "frame {lying} {name}: {offset}");
                }
            }
            let mut area = vec![0; 999];
            assert!(file.read_exact_at(&mut area, 1000 * lying as u64).is_err(), "frame {lying} {name}");
        }
    }
}

#[test]
fn a_final_frame_that_claims_more_than_the_frames_can_hold_is_refused() {
    let plaintext = plaintext(3 * 1000);
    for offset in [1 << 62, u64::MAX - 999, 2 * 4096 + 1] {
        let mut claimed = frames(&plaintext, [1000; 3], true);
        claimed[2].0.offset = offset;
        let opened = SealedFile::open(stream_of(SIZE, live_and_timed(), &claimed), credential());
        let expected = FrameFault::Offset(offset);
        assert!(
            matches!(opened.err(), Some(OpenError::Stream(StreamError::Frame { index: 2, fault })) if fault == expected)
        );
    }
}

#[test]
fn a_frame_after_which_more_would_have_to_come_than_the_frames_can_hold_is_refused() {
    let first = FrameTag { index: 0, ..FrameTag::default() };
    let last = FrameTag { index: 1, offset: P as u64, length: 5, flags: TagFlags::FINAL, ..FrameTag::default() };
    let file = open(stream_of(SIZE, Features::LIVE, &[(first, Vec::new()), (last, b"scene".to_vec())]));
    assert!(matches!(file.frame(0), Err(StreamError::Frame { index: 0, fault: FrameFault::Offset(0) })));
    assert_eq!(file.frame(1).unwrap().payload(), b"scene");
}

#[test]
fn a_falling_time_is_refused_where_a_search_meets_it() {
    let plaintext = plaintext(9 * 1000);
    let mut claimed = frames(&plaintext, [1000; 9], true);
    claimed[4].0.time = 1;
    let file = open(stream_of(SIZE, live_and_timed(), &claimed));
    let found: Vec<_> = (9..22).map(|time| file.frame_at_time(time)).collect();
    assert!(found.iter().any(|found| matches!(found, Err(StreamError::Frame { fault: FrameFault::Time(_), .. }))));
}

#[test]
fn a_search_refuses_a_false_tag_wherever_the_last_read_was() {
    let plaintext = plaintext(12 * 1000);
    for by in [-1, 1] {
        let mut claimed = frames(&plaintext, [1000; 12], true);
        claimed[5].0.offset = claimed[5].0.offset.wrapping_add_signed(by);
        let file = open(stream_of(SIZE, live_and_timed(), &claimed));
        for read in [0, 1000, 2000, 3000] {
            file.read_exact_at(&mut [0; 9], read).unwrap();
            let found = file.frame_at_offset(5500);
            assert!(matches!(found, Err(StreamError::Frame { fault: FrameFault::Offset(_), .. })), "{by}: {found:?}");
        }
    }
}

/// A live stream of `count` frames of 4 MiB, the last one empty.
fn live_of_large_frames(count: usize) -> (Vec<u8>, Vec<u8>, Layout) {
    let size = FrameSize::from_log2(22).unwrap();
    let plaintext = plaintext((count - 1) * size.payload());
    let lengths = std::iter::repeat_n(size.payload(), count - 1).chain([0]);
    let stream = stream_of(size, live_and_timed(), &frames(&plaintext, lengths, true));
    (stream, plaintext, Layout { frame_size: size, header_length: HeaderLength::MIN })
}

#[test]
fn reading_on_in_small_steps_reads_no_frame_twice_even_of_frames_as_large_as_the_cache() {
    let (stream, plaintext, layout) = live_of_large_frames(4);
    let source = Counted::new(stream);
    let file = open(&source);
    reads(&source);
    for offset in (0..plaintext.len()).step_by(300_001) {
        let mut area = [0; 1000];
        let read = file.read_at(&mut area, offset as u64).unwrap();
        assert_eq!(area[..read], *expected(&plaintext, offset, 1000));
    }
    let mut starts: Vec<_> = reads(&source).into_iter().map(|range| range.start).collect();
    starts.sort_unstable();
    assert_eq!(starts, (0..4).map(|index| layout.frame_position(index)).collect::<Vec<_>>());
}

#[test]
fn two_threads_that_read_large_frames_at_two_offsets_do_not_evict_each_others() {
    let (stream, plaintext, layout) = live_of_large_frames(7);
    let source = Counted::new(stream);
    let file = open(&source);
    let at = |index: usize, step: usize| {
        let (offset, mut area) = (index * layout.frame_size.payload() + step * 1000, [0; 1000]);
        file.read_exact_at(&mut area, offset as u64).unwrap();
        assert_eq!(area, plaintext[offset..offset + 1000]);
    };
    for step in 0..3 {
        at(1, step);
        at(4, step);
    }
    reads(&source);
    for step in 3..20 {
        at(1, step);
        at(4, step);
    }
    assert_eq!(reads(&source), []);
}

#[test]
fn a_damaged_neighbour_is_read_once_and_not_for_every_read() {
    let plaintext = plaintext(12 * 1000);
    for damaged in [4, 6] {
        let mut stream = stream_of(SIZE, live_and_timed(), &frames(&plaintext, [1000; 12], true));
        stream[position(damaged) + 40] ^= 1;
        let source = Counted::new(stream);
        let file = open(&source);
        file.read_exact_at(&mut [0; 9], 5000).unwrap();
        reads(&source);
        for offset in (5000..5900).step_by(100) {
            let mut area = [0; 100];
            file.read_exact_at(&mut area, offset).unwrap();
            assert_eq!(area, plaintext[offset as usize..offset as usize + 100]);
        }
        assert_eq!(reads(&source), [], "frame {damaged}");
    }
}

#[test]
fn a_stream_opened_as_unfinished_is_whole_if_it_has_its_final_frame() {
    let plaintext = plaintext(4 * P + 100);
    for stream in [plain(&plaintext, SIZE), live(&plaintext)] {
        let file = Arc::new(SealedFile::open_unfinished(stream, credential()).unwrap());
        assert!(file.is_whole());
        let mut whole = Vec::new();
        file.cursor().read_to_end(&mut whole).unwrap();
        assert!(whole == plaintext);
        assert!(matches!(file.frame(file.frames()), Err(StreamError::NoSuchFrame { .. })));
    }
}

#[test]
fn frames_lost_in_the_middle_or_at_the_front_of_an_unfinished_stream_are_errors_of_their_own() {
    let plaintext = plaintext(30 * 1000);
    let live = stream_of(SIZE, live_and_timed(), &frames(&plaintext, [1000; 30], true));
    let full = self::plaintext(29 * P + 5);
    let plain = plain(&full, SIZE);
    for (stream, plaintext, length) in [(live, plaintext, 1000), (plain, full, P)] {
        for (lost, end, zeros) in [(10..12, 20, 0), (0..1, 20, 20), (0..5, 20, 300), (3..19, 20, 0)] {
            let mut unfinished = stream[..position(end)].to_vec();
            unfinished[position(lost.start)..position(lost.end)].fill(0);
            unfinished.resize(position(end + zeros), 0);
            let file = SealedFile::open_unfinished(unfinished, credential()).unwrap();
            assert_eq!((file.frames(), file.len(), file.is_whole()), (end, end * length as u64, false), "{lost:?}");
            for index in (0..end).chain((0..end).rev()) {
                let (offset, mut area) = (index as usize * length + 7, [0; 20]);
                match file.read_exact_at(&mut area, offset as u64) {
                    Ok(()) => assert!(!lost.contains(&index) && area == plaintext[offset..offset + 20]),
                    Err(error) => {
                        assert!(lost.contains(&index), "{lost:?}, {index}: {error}");
                        assert!(matches!(error, StreamError::Frame { fault: FrameFault::Mac, .. }), "{error}");
                    }
                }
            }
            for past in [file.len(), u64::MAX - 1, u64::MAX] {
                let read = file.read_at(&mut [0; 9], past);
                assert!(matches!(read, Err(StreamError::EndBeforeFinalFrame { index }) if index == end), "{past}");
            }
        }
    }
}

#[test]
fn a_source_that_fails_is_not_taken_for_an_unfinished_stream_of_no_frames() {
    struct OnlyTheHeader(Vec<u8>);
    impl ReadAt for OnlyTheHeader {
        fn read_at(&self, area: &mut [u8], at: u64) -> io::Result<usize> {
            if at >= position(0) as u64 { Err(io::Error::from_raw_os_error(5)) } else { self.0.read_at(area, at) }
        }

        fn size(&self) -> io::Result<u64> {
            self.0.size()
        }
    }
    let stream = OnlyTheHeader(plain(&plaintext(3 * P), SIZE));
    let opened = SealedFile::open_unfinished(stream, credential());
    assert!(matches!(opened.err(), Some(OpenError::Stream(StreamError::ReadFrame { .. }))));
}

#[test]
fn a_source_that_is_truncated_still_gives_what_is_left() {
    struct Shrinking(Vec<u8>, AtomicBool);
    impl ReadAt for Shrinking {
        fn read_at(&self, area: &mut [u8], at: u64) -> io::Result<usize> {
            let end = if self.1.load(Ordering::SeqCst) { position(3) + 99 } else { self.0.len() };
            self.0[..end].read_at(area, at)
        }

        fn size(&self) -> io::Result<u64> {
            self.0.size()
        }
    }
    let plaintext = plaintext(12 * 1000);
    let stream = stream_of(SIZE, live_and_timed(), &frames(&plaintext, [1000; 12], true));
    let source = Shrinking(stream, AtomicBool::new(false));
    let file = open(&source);
    source.1.store(true, Ordering::SeqCst);
    for offset in [2000, 1000, 0] {
        let mut area = [0; 100];
        file.read_exact_at(&mut area, offset).unwrap();
        assert_eq!(area, plaintext[offset as usize..offset as usize + 100]);
    }
    for offset in [3000, 7000, 11_000] {
        file.read_exact_at(&mut [0; 100], offset).unwrap_err();
    }
}

/// One stream, and after a switch another one with the same keys.
struct Replaced {
    streams: [Vec<u8>; 2],
    is_replaced: AtomicBool,
}

impl ReadAt for Replaced {
    fn read_at(&self, area: &mut [u8], position: u64) -> io::Result<usize> {
        self.streams[usize::from(self.is_replaced.load(Ordering::Relaxed))].read_at(area, position)
    }

    fn size(&self) -> io::Result<u64> {
        self.streams[0].size()
    }
}

#[test]
fn a_frame_replaced_by_one_of_another_offset_gives_no_byte_at_a_wrong_offset_and_no_false_end() {
    let plaintext = plaintext(80 * 100);
    let even = std::iter::repeat_n(100, 80);
    // Frame 1 holds 100..200, and after the switch 150..200 or 30..40.
    for (lengths, offset) in [([150, 50], 120), ([30, 10], 150)] {
        let moved =
            lengths.into_iter().chain([200 - lengths[0] - lengths[1] + 100]).chain(std::iter::repeat_n(100, 77));
        let streams = [
            stream_of(SIZE, live_and_timed(), &frames(&plaintext, even.clone(), true)),
            stream_of(SIZE, live_and_timed(), &frames(&plaintext, moved, true)),
        ];
        let source = Replaced { streams, is_replaced: AtomicBool::new(false) };
        let file = open(&source);
        let mut whole = vec![0; plaintext.len()];
        file.read_exact_at(&mut whole, 0).unwrap();
        source.is_replaced.store(true, Ordering::Relaxed);
        // Its tag is remembered, but the frame itself is no longer cached.
        let read = file.read_at(&mut [0; 10], offset);
        let expected = FrameFault::Offset(offset);
        assert!(matches!(read, Err(StreamError::Frame { index: 1, fault }) if fault == expected), "{offset}: {read:?}");
    }
}
