//! A live stream and a plain one, whose frames hold a plaintext that differs from place to place.

use std::sync::LazyLock;

use reelseal::{
    container::{Features, FrameSize, FrameTag, TagFlags},
    stage::{Chain, Frame, FrameBuffer},
};

use crate::header_of;

/// The payload of a full frame.
pub const SIZE: FrameSize = FrameSize::MIN;
/// The payloads of the frames of the live stream; the last one is the final frame's.
pub const LIVE: [usize; 10] = [0, 1, 700, SIZE.payload(), 0, 0, 33, SIZE.payload() - 1, 2000, 9];
/// The payloads of the frames of the plain stream.
pub const PLAIN: [usize; 4] = [SIZE.payload(), SIZE.payload(), SIZE.payload(), 9];

/// The plaintext, from which each stream takes as much as its frames hold.
pub static PLAINTEXT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let place = |at: u64| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8;
    (0..3 * SIZE.payload() as u64 + 9).map(place).collect()
});
/// The live stream, which is also timed.
pub static LIVE_STREAM: LazyLock<Vec<u8>> = LazyLock::new(|| stream(Features::LIVE.union(Features::TIMED), &LIVE));
/// The plain stream.
pub static PLAIN_STREAM: LazyLock<Vec<u8>> = LazyLock::new(|| stream(Features::NONE, &PLAIN));

fn stream(features: Features, lengths: &[usize]) -> Vec<u8> {
    let (header, keys) = header_of(SIZE, features);
    let chain = Chain::new(&keys, &header.prefix);
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

/// The time of the frame at `index` of the live stream.
pub fn time_of(index: usize) -> i64 {
    10 + index as i64
}
