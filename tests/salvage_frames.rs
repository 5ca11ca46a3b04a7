//! What a salvage delivers: whatever was done to a stream, every byte that is called sound is that of the plaintext at
//! its place, every untouched frame is there, and false tags put nothing in a place that contradicts other frames.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

use std::{io::Read, num::NonZero, ops::Range, os::unix::fs::FileExt, sync::Mutex};

use proptest::{collection::vec, prelude::*};
use reelseal::{
    container::{Features, FrameSize, FrameTag, Layout, TagFlags},
    keys::{Key, KeyFile, Lock, NewStream},
    pipeline::{
        FilledOutput, Filling, ResealedOutput, SalvageInput, SalvageOutput, Salvaged, SparseOutput, Stretch,
        StretchListener, Workers, salvage,
    },
    stage::{Chain, Frame, FrameBuffer},
    stream::{ReaderInput, StreamFile},
};

const SIZE: FrameSize = FrameSize::MIN;
const PAYLOAD: usize = SIZE.payload();
const WIRE: usize = SIZE.wire();

/// A stream whose plaintext and keys are known.
struct Known {
    new: NewStream,
    plaintext: Vec<u8>,
    lengths: Vec<usize>,
    /// Its frames, without a header.
    wire: Vec<u8>,
}

#[derive(Default)]
struct Told(Mutex<Vec<Stretch>>);

impl StretchListener for Told {
    fn on_stretch(&self, stretch: &Stretch) {
        self.0.lock().unwrap().push(stretch.clone());
    }
}

/// The result of a salvage.
struct Outcome {
    salvaged: Salvaged,
    stretches: Vec<Stretch>,
    /// The outputs with zeros instead of what is missing, and with nothing.
    outputs: [Vec<u8>; 2],
}

fn new_stream(features: Features) -> NewStream {
    let lock = Lock::with_key_file(&KeyFile::from_key(Key::from_bytes([4; 32])));
    lock.new_stream(Layout { frame_size: SIZE, ..Layout::default() }, features).unwrap()
}

/// A stream of frames of these lengths, the last of them final; `lie` may change their tags.
fn forged(features: Features, lengths: &[usize], lie: impl Fn(&mut FrameTag)) -> Known {
    let new = new_stream(features);
    let chain = chain(&new);
    let length: usize = lengths.iter().sum();
    let plaintext: Vec<u8> =
        (0..length as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8 | 1).collect();
    let (mut wire, mut offset) = (Vec::new(), 0);
    for (index, &length) in lengths.iter().enumerate() {
        let mut buffer = FrameBuffer::new(SIZE);
        buffer.payload_area()[..length].copy_from_slice(&plaintext[offset..offset + length]);
        let flags = if index + 1 == lengths.len() { TagFlags::FINAL } else { TagFlags::NONE };
        let time = if features.contains(Features::TIMED) { 10 + index as i64 } else { 0 };
        let mut tag = FrameTag { index: index as u64, time, offset: offset as u64, length: length as u32, flags };
        lie(&mut tag);
        let sealed = chain.seal(Frame::clear(buffer, tag));
        // The rest of the place of a final frame that is not the last is filled up.
        let mut bytes = sealed.wire().to_vec();
        if index + 1 < lengths.len() {
            bytes.resize(WIRE, 0x55);
        }
        wire.extend(bytes);
        offset += length;
    }
    Known { new, plaintext, lengths: lengths.to_vec(), wire }
}

fn known(features: Features, lengths: &[usize]) -> Known {
    forged(features, lengths, |_| ())
}

fn chain(new: &NewStream) -> Chain {
    Chain::new(&new.keys, &new.header.prefix)
}

/// Salvages `wire`, the frames of a stream with these keys, from a file and in order, on one worker and on several; the
/// results must be the same.
fn salvaged(new: &NewStream, wire: &[u8]) -> Outcome {
    let chain = chain(new);
    let file = tempfile::tempfile().unwrap();
    let layout = new.header.layout();
    file.write_all_at(wire, layout.frames_start()).unwrap();
    let stream = StreamFile::new(&file, layout.frames_start() + wire.len() as u64, 0, layout);
    let mut first: Option<Outcome> = None;
    for from_file in [true, false] {
        for count in [1, 3] {
            let workers = Workers::new(NonZero::new(count).unwrap(), SIZE);
            let (told, sparse) = (Told::default(), tempfile::tempfile().unwrap());
            let input = || match from_file {
                true => SalvageInput::AtPlaces(stream),
                false => SalvageInput::InOrder(ReaderInput(wire)),
            };
            let salvaged = salvage(input(), &chain, SparseOutput::new(&sparse), &told, &workers).unwrap();
            let mut zeros = Vec::new();
            (&sparse).read_to_end(&mut zeros).unwrap();
            let filled = |filling| {
                let mut output = Vec::new();
                salvage(input(), &chain, FilledOutput::new(&mut output, filling), &Told::default(), &workers).unwrap();
                output
            };
            assert!(filled(Filling::Zeros) == zeros, "{from_file}, {count}");
            let outcome = Outcome {
                salvaged,
                stretches: told.0.into_inner().unwrap(),
                outputs: [zeros, filled(Filling::Nothing)],
            };
            match &first {
                None => first = Some(outcome),
                Some(first) => {
                    assert_eq!(first.stretches, outcome.stretches, "{from_file}, {count}");
                    assert!(first.outputs == outcome.outputs, "{from_file}, {count}");
                    assert_eq!(first.salvaged.totals, outcome.salvaged.totals);
                }
            }
        }
    }
    first.unwrap()
}

/// The ranges of the plaintext that are called sound.
fn sound(outcome: &Outcome) -> Vec<Range<u64>> {
    let sound = outcome.stretches.iter().filter_map(|stretch| match stretch {
        Stretch::Sound { plaintext, .. } => Some(plaintext.clone()),
        _ => None,
    });
    sound.collect()
}

/// Asserts that the stretches cover the stream without a gap, and that the outputs are just what they say.
fn assert_consistent(outcome: &Outcome) {
    let [zeros, left_out] = &outcome.outputs;
    let (mut frame, mut offset, mut kept) = (0, 0, Vec::<u8>::new());
    for stretch in &outcome.stretches {
        let (frames, plaintext) = match stretch {
            Stretch::Sound { frames, plaintext } => {
                kept.extend(&zeros[plaintext.start as usize..plaintext.end as usize]);
                (frames, plaintext)
            }
            Stretch::Missing { part, plaintext } => {
                let gap = &zeros[plaintext.start as usize..plaintext.end as usize];
                assert!(gap.iter().all(|&byte| byte == 0));
                (&part.frames, plaintext)
            }
            Stretch::LostEnd { first_frame, plaintext, .. } => {
                assert_eq!((*first_frame, *plaintext), (frame, offset));
                continue;
            }
        };
        assert_eq!((frames.start, plaintext.start), (frame, offset));
        (frame, offset) = (frames.end, plaintext.end);
    }
    assert_eq!(zeros.len() as u64, offset);
    assert!(*left_out == kept);
}

fn assert_true(known: &Known, outcome: &Outcome) {
    assert_consistent(outcome);
    for range in sound(outcome) {
        let (start, end) = (range.start as usize, range.end as usize);
        assert!(outcome.outputs[0][start..end] == known.plaintext[start..end], "{range:?}");
    }
}

fn live() -> Features {
    Features::LIVE.union(Features::TIMED)
}

const PLAIN: [usize; 6] = [PAYLOAD, PAYLOAD, PAYLOAD, PAYLOAD, PAYLOAD, 77];
const LIVE: [usize; 8] = [700, 0, PAYLOAD, 1, 0, 33, PAYLOAD - 1, 9];

#[derive(Clone, Debug)]
enum Harm {
    Flip(usize, u8),
    Overwrite(usize, Vec<u8>),
    Zero(usize, usize),
    Cut(usize),
    Append(Vec<u8>),
}

fn harm() -> impl Strategy<Value = Harm> {
    let place = 0..6 * WIRE;
    prop_oneof![
        (place.clone(), 1..=255_u8).prop_map(|(at, bits)| Harm::Flip(at, bits)),
        (place.clone(), vec(any::<u8>(), 1..9000)).prop_map(|(at, bytes)| Harm::Overwrite(at, bytes)),
        (place.clone(), 1..9000_usize).prop_map(|(at, length)| Harm::Zero(at, length)),
        place.prop_map(Harm::Cut),
        vec(any::<u8>(), 1..9000).prop_map(Harm::Append),
    ]
}

/// Damages `wire`.
fn harmed(wire: &[u8], harms: &[Harm]) -> Vec<u8> {
    let mut harmed = wire.to_vec();
    for harm in harms {
        let length = harmed.len();
        match harm {
            Harm::Flip(at, bits) if *at < length => harmed[*at] ^= bits,
            Harm::Overwrite(at, bytes) if *at < length => {
                let end = length.min(at + bytes.len());
                harmed[*at..end].copy_from_slice(&bytes[..end - at]);
            }
            Harm::Zero(at, count) if *at < length => harmed[*at..length.min(at + count)].fill(0),
            Harm::Cut(at) => harmed.truncate(*at),
            Harm::Append(bytes) => harmed.extend(bytes),
            _ => {}
        }
    }
    harmed
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_was_done_sound_bytes_are_true_and_untouched_frames_are_there(
        is_live in any::<bool>(),
        harms in vec(harm(), 0..5),
    ) {
        let known = if is_live { known(live(), &LIVE) } else { known(Features::NONE, &PLAIN) };
        let wire = harmed(&known.wire, &harms);
        let outcome = salvaged(&known.new, &wire);
        assert_true(&known, &outcome);
        let mut offset = 0;
        let sound = sound(&outcome);
        for (index, &length) in known.lengths.iter().enumerate() {
            let is_last = index + 1 == known.lengths.len();
            let place = index * WIRE..index * WIRE + if is_last { length + 64 } else { WIRE };
            let untouched = wire.get(place.clone()) == Some(&known.wire[place]);
            let end = offset + length as u64;
            prop_assert!(!untouched || length == 0 || sound.iter().any(|range| range.start <= offset && end <= range.end));
            offset = end;
        }
        let is_all = wire.starts_with(&known.wire);
        prop_assert_eq!(outcome.salvaged.is_whole(), is_all);
        let is_extended = outcome.salvaged.last.is_some() && wire.len() > known.wire.len();
        prop_assert_eq!(outcome.salvaged.is_extended, is_extended);
    }
}

/// Salvages a live stream of ten frames of 100 bytes; `lie` changes the tags, and the frames `damaged` do not verify.
/// No output may be longer than what the frames can hold.
fn lying(damaged: &[usize], lie: impl Fn(&mut FrameTag)) -> (Vec<u64>, Outcome) {
    let known = forged(live(), &[100; 10], lie);
    let mut wire = known.wire;
    damaged.iter().for_each(|index| wire[index * WIRE + 50] ^= 1);
    let outcome = salvaged(&known.new, &wire);
    assert_consistent(&outcome);
    assert!(outcome.outputs[0].len() <= 10 * PAYLOAD);
    let frames = outcome.stretches.iter().filter_map(|stretch| match stretch {
        Stretch::Sound { frames, .. } => Some(frames.clone()),
        _ => None,
    });
    (frames.flatten().collect(), outcome)
}

#[test]
fn a_frame_that_overlaps_the_one_before_is_damaged() {
    let (sound, _) = lying(&[], |tag| tag.offset -= u64::from(tag.index == 4) * 50);
    assert_eq!(sound, [0, 1, 2, 3, 5, 6, 7, 8, 9]);
    let (sound, _) = lying(&[3], |tag| tag.offset -= u64::from(tag.index == 4) * 250);
    assert_eq!(sound, [0, 1, 2, 5, 6, 7, 8, 9]);
}

#[test]
fn an_offset_of_exabytes_or_a_gap_that_is_longer_than_the_missing_frames_can_hold_is_damage() {
    for offset in [1 << 62, u64::MAX - 100, 300 + PAYLOAD as u64 + 1] {
        for damaged in [&[][..], &[3]] {
            let (sound, _) = lying(damaged, |tag| {
                if tag.index == 4 {
                    tag.offset = offset
                }
            });
            let expected = (0..10).filter(|index| *index != 4 && !damaged.contains(&(*index as usize)));
            assert_eq!(sound, expected.collect::<Vec<_>>(), "{offset}, {damaged:?}");
        }
    }
    // The missing frame may have held as much as one frame can; the frames that follow in their old places then
    // overlap.
    let (sound, outcome) = lying(&[3], |tag| {
        if tag.index == 4 {
            tag.offset = 300 + PAYLOAD as u64
        }
    });
    assert_eq!(sound, [0, 1, 2, 4]);
    assert!(!outcome.salvaged.is_whole());
    for last in [1 << 62, 0] {
        let (sound, outcome) = lying(&[], |tag| {
            if tag.index == 9 {
                tag.offset = last
            }
        });
        assert_eq!((sound.len(), outcome.outputs[0].len(), outcome.salvaged.is_whole()), (9, 900, false));
    }
}

#[test]
fn a_final_frame_before_sound_ones_is_damaged_and_ends_nothing() {
    for features in [Features::NONE, live()] {
        let lengths = if features == live() { [100; 5] } else { [PAYLOAD, PAYLOAD, PAYLOAD, PAYLOAD, 100] };
        let known = forged(features, &lengths, |tag| {
            if tag.index == 1 || tag.index == 2 {
                (tag.length, tag.flags) = (50, TagFlags::FINAL);
            }
        });
        let outcome = salvaged(&known.new, &known.wire);
        assert_consistent(&outcome);
        assert_eq!(outcome.salvaged.totals.missing_frames, 2, "{features:?}");
        assert_eq!(outcome.salvaged.last.map(|tag| tag.index), Some(4));
        assert!(!outcome.salvaged.is_whole());
    }
}

/// Salvages into a new stream; returns what a reader of that finds.
fn resealed(known: &Known, wire: &[u8], filling: Filling) -> (Vec<FrameTag>, Vec<u8>) {
    let features = known.new.header.prefix.features;
    let (new, file) = (new_stream(features), tempfile::tempfile().unwrap());
    let new_chain = chain(&new);
    let layout = new.header.layout();
    let output = ResealedOutput::new(&file, layout, &new_chain, filling);
    let workers = Workers::new(NonZero::new(3).unwrap(), SIZE);
    salvage(SalvageInput::InOrder(ReaderInput(wire)), &chain(&known.new), output, &Told::default(), &workers).unwrap();
    file.write_all_at(&new.keys.seal_header(&new.header).unwrap(), 0).unwrap();
    let key_file = KeyFile::from_key(Key::from_bytes([4; 32]));
    let mut whole = Vec::new();
    let mut reader = reelseal::stream::Reader::open(&file, &key_file).unwrap();
    reader.read_to_end(&mut whole).unwrap();
    let sealed = reelseal::stream::SealedFile::open(&file, key_file).unwrap();
    let tags = (0..sealed.frames()).map(|index| *sealed.frame(index).unwrap().tag());
    (tags.collect(), whole)
}

#[test]
fn a_resealed_stream_is_whole_with_every_frame_at_its_index_offset_and_time() {
    for (features, lengths) in [(Features::NONE, PLAIN.as_slice()), (Features::TIMED, &PLAIN), (live(), &LIVE)] {
        let known = known(features, lengths);
        for damaged in [vec![], vec![0], vec![2, 3], vec![0, 1, 4]] {
            let mut wire = known.wire.clone();
            damaged.iter().for_each(|index| wire[index * WIRE + 50] ^= 1);
            let outcome = salvaged(&known.new, &wire);
            let (tags, plaintext) = resealed(&known, &wire, Filling::Zeros);
            assert!(plaintext == outcome.outputs[0], "{features:?} {damaged:?}");
            assert_eq!(tags.len(), lengths.len());
            let mut offset = 0;
            for (index, (tag, &length)) in tags.iter().zip(lengths).enumerate() {
                if !damaged.contains(&index) {
                    assert_eq!((tag.offset, tag.length), (offset, length as u32), "{features:?} {damaged:?} {index}");
                    assert!(tag.time == 0 || tag.time == 10 + index as i64);
                }
                offset += length as u64;
            }
            let (tags, plaintext) = resealed(&known, &wire, Filling::Nothing);
            assert!(plaintext == outcome.outputs[1], "{features:?} {damaged:?}");
            assert_eq!(tags.len(), lengths.len() - damaged.len());
        }
    }
}

#[test]
fn a_resealed_stream_whose_end_was_lost_is_whole_and_says_that_it_was_interrupted() {
    for (features, lengths) in [(Features::NONE, PLAIN.as_slice()), (live(), &LIVE)] {
        let known = known(features, lengths);
        for cut in [3 * WIRE, 3 * WIRE + 9, 4 * WIRE - 1] {
            let (tags, plaintext) = resealed(&known, &known.wire[..cut], Filling::Zeros);
            assert!(known.plaintext.starts_with(&plaintext));
            let last = tags.last().unwrap();
            assert_eq!((tags.len(), last.length, last.time), (4, 0, tags[2].time), "{features:?}, {cut}");
            assert!(last.flags.is_final() && last.flags.is_interrupted());
        }
    }
}

#[test]
fn where_nothing_is_sound_nothing_is_delivered() {
    struct Untouched;
    impl SalvageOutput for Untouched {
        const IN_TURN: bool = true;
        fn put(&self, _: &[Frame<reelseal::stage::Verified>]) -> std::io::Result<()> {
            panic!("nothing is sound")
        }
        fn put_last(&self, _: Option<&reelseal::pipeline::FinalFrame>) -> std::io::Result<()> {
            panic!("nothing is sound")
        }
    }
    let (known, other) = (known(Features::NONE, &PLAIN), new_stream(Features::NONE));
    for wire in [known.wire.as_slice(), &[], &[0; 40], &[0; 3 * WIRE]] {
        let input = SalvageInput::InOrder(ReaderInput(wire));
        let (told, workers) = (Told::default(), Workers::new(NonZero::<usize>::MIN, SIZE));
        let salvaged = salvage(input, &chain(&other), Untouched, &told, &workers).unwrap();
        assert_eq!((salvaged.totals.sound_frames, salvaged.is_whole()), (0, false));
    }
}
