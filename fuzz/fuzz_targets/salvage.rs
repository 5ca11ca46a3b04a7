//! One sound stream, mutated, and salvaged in order and at places: what is called sound is the plaintext at that place, and the
//! output is as long as the account says.
#![no_main]

use std::{
    num::NonZero,
    sync::{LazyLock, Mutex},
};

use libfuzzer_sys::fuzz_target;
use reelseal::{
    container::{Features, FrameSize, FrameTag, TagFlags},
    keys::Credential,
    pipeline::{FilledOutput, Filling, SalvageInput, Stretch, StretchListener, Workers, salvage},
    stage::{Chain, Frame, FrameBuffer},
    stream::{ReaderInput, StreamHeader},
};
use reelseal_fuzz::MUTATION;

const SIZE: FrameSize = FrameSize::MIN;
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
        let time = if features.contains(Features::TIMED) { 10 + index as i64 } else { 0 };
        let flags = if index + 1 == lengths.len() { TagFlags::FINAL } else { TagFlags::NONE };
        let tag = FrameTag { index: index as u64, time, offset: offset as u64, length: length as u32, flags };
        stream.extend(chain.seal(Frame::clear(buffer, tag)).wire());
        offset += length;
    }
    stream
}

#[derive(Default)]
struct Told(Mutex<Vec<Stretch>>);

impl StretchListener for Told {
    fn on_stretch(&self, stretch: &Stretch) {
        self.0.lock().unwrap().push(stretch.clone());
    }
}

// The kind of stream, and mutations.
fuzz_target!(|input: &[u8]| {
    let [kind, mutations @ ..] = input else { return };
    let original = if kind & 1 == 0 { &*PLAIN_STREAM } else { &*LIVE_STREAM };
    let mut stream = original.clone();
    reelseal_fuzz::mutate(&mut stream, &mutations[..mutations.len().min(8 * MUTATION)]);
    let Ok(header) = StreamHeader::read(ReaderInput(stream.as_slice()), Vec::new()) else { return };
    let Ok((opened, rest)) = header.open(&mut Credential::from(reelseal_fuzz::key_file())) else { return };
    let (told, mut output) = (Told::default(), Vec::new());
    let filled = FilledOutput::new(&mut output, Filling::Zeros);
    let workers = Workers::new(NonZero::new(2).unwrap(), SIZE);
    let salvaged = salvage(SalvageInput::InOrder(rest), opened.chain(), filled, &told, &workers).unwrap();
    assert!(!salvaged.is_whole() || stream[1024..].starts_with(&original[1024..]));
    let mut offset = 0;
    for stretch in told.0.into_inner().unwrap() {
        let plaintext = match stretch {
            Stretch::Sound { plaintext, .. } => {
                let range = plaintext.start as usize..plaintext.end as usize;
                assert!(output[range.clone()] == PLAINTEXT[range]);
                plaintext
            }
            Stretch::Missing { plaintext, .. } => plaintext,
            Stretch::LostEnd { plaintext, .. } => plaintext..plaintext,
        };
        assert_eq!(plaintext.start, offset);
        offset = plaintext.end;
    }
    assert_eq!(output.len() as u64, offset);
});
