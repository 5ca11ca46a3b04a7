//! One sound stream, mutated, and read at random offsets: whatever comes out is the plaintext at that offset, and a whole
//! stream ends where its plaintext ends.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use reelseal::{
    container::{Features, FrameSize, FrameTag, TagFlags},
    stage::{Chain, Frame, FrameBuffer},
    stream::SealedFile,
};
use reelseal_fuzz::MUTATION;

const SIZE: FrameSize = FrameSize::MIN;
/// The payloads of the frames of a live stream, and of a plain one; the last one is the final frame's.
const LIVE: [usize; 10] = [0, 1, 700, SIZE.payload(), 0, 0, 33, SIZE.payload() - 1, 2000, 9];
const PLAIN: [usize; 4] = [SIZE.payload(), SIZE.payload(), SIZE.payload(), 9];

static PLAINTEXT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let place = |at: u64| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8;
    (0..3 * SIZE.payload() as u64 + 9).map(place).collect()
});
static LIVE_STREAM: LazyLock<Vec<u8>> = LazyLock::new(|| stream(Features::LIVE.union(Features::TIMED), &LIVE));
static PLAIN_STREAM: LazyLock<Vec<u8>> = LazyLock::new(|| stream(Features::NONE, &PLAIN));

fn stream(features: Features, lengths: &[usize]) -> Vec<u8> {
    let (header, keys) = reelseal_fuzz::header_of(SIZE, features);
    let chain = Chain::new(&keys, &header.prefix, Vec::new());
    let mut stream = keys.seal_header(&header).unwrap();
    let mut offset = 0;
    for (index, &length) in lengths.iter().enumerate() {
        let mut buffer = FrameBuffer::new(SIZE);
        buffer.payload_area()[..length].copy_from_slice(&PLAINTEXT[offset..offset + length]);
        let time = if features.contains(Features::TIMED) { time_of(index) } else { 0 };
        let flags = if index + 1 == lengths.len() { TagFlags::FINAL } else { TagFlags::NONE };
        let tag = FrameTag { index: index as u64, time, offset: offset as u64, length: length as u32, flags };
        stream.extend(chain.seal(Frame::clear(buffer, tag)).wire());
        offset += length;
    }
    stream
}

fn time_of(index: usize) -> i64 {
    10 + index as i64
}

// The kind of stream, the number of mutations, the mutations, and then reads: an offset and a length, four bytes each.
fuzz_target!(|input: &[u8]| {
    let [kind, count, rest @ ..] = input else { return };
    let (mutations, reads) = rest.split_at((usize::from(*count) % 8 * MUTATION).min(rest.len()));
    let (original, lengths) =
        if kind & 1 == 0 { (&*PLAIN_STREAM, PLAIN.as_slice()) } else { (&*LIVE_STREAM, LIVE.as_slice()) };
    let mut stream = original.clone();
    reelseal_fuzz::mutate(&mut stream, mutations);
    let plaintext = &PLAINTEXT[..lengths.iter().sum()];

    let whole = SealedFile::open(stream.as_slice(), &mut reelseal_fuzz::key_file().into(), Vec::new());
    if let Ok(file) = &whole {
        assert!(file.is_whole() && file.len() == plaintext.len() as u64);
        assert_eq!(file.frames(), lengths.len() as u64);
        read_at_places(file, plaintext, reads);
    }
    let unfinished = SealedFile::open_unfinished(stream.as_slice(), &mut reelseal_fuzz::key_file().into(), Vec::new());
    if let Ok(file) = &unfinished {
        assert_eq!(file.is_whole(), whole.is_ok());
        assert!(file.frames() <= lengths.len() as u64);
        read_at_places(file, plaintext, reads);
    }
});

fn read_at_places(file: &SealedFile<&[u8]>, plaintext: &[u8], reads: &[u8]) {
    let mut area = vec![0; plaintext.len()];
    for read in reads.chunks_exact(4) {
        let [offset, length] = [0, 2].map(|at| usize::from(u16::from_le_bytes([read[at], read[at + 1]])));
        // Sometimes near the end of 64 bits.
        let place = if read[3] == 0xff { u64::MAX - offset as u64 } else { offset as u64 };
        let room = &mut area[..length.min(plaintext.len())];
        match file.read_at(room, place) {
            Ok(0) => assert!(room.is_empty() || (file.is_whole() && place >= plaintext.len() as u64)),
            Ok(count) => assert!(room[..count] == plaintext[offset..offset + count]),
            Err(_) => {}
        }
        if let Ok(Some(index)) = file.frame_at_time(time_of(offset % LIVE.len()))
            && file.header().prefix.features.contains(Features::TIMED)
        {
            assert!(index <= (offset % LIVE.len()) as u64);
        }
    }
}
