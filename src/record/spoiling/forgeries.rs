//! Segments made by someone who can lock streams but has none of the recording's file keys.

use std::sync::LazyLock;

use super::originals::{LAYOUT, MemoryFolder, Original, lock, original, recordings};
use crate::{
    container::{FrameSize, Header, IV_LENGTH, Prefix, Record, SegmentRecord},
    keys::{Key, StageKeys},
    record::{JournalPlan, lineage::Lineage, next_segment::NextSegment, segment::Segment},
    stage::FrameBuffer,
    stream::{Clock, Ending, ReaderInput, StreamHeader, Writer},
};

/// The segments of the recordings, followed by two forgeries of each segment that has a predecessor.
pub(super) static ORIGINALS: LazyLock<Vec<Original>> = LazyLock::new(|| {
    let mut originals = recordings();
    let of_successors = originals.iter().filter(|original| original.record.number > 1);
    let forged: Vec<_> = of_successors.flat_map(|original| [forged(&original.record), copied(original)]).collect();
    originals.extend(forged);
    originals
});

/// A segment that replaces the one with this `record`, with a link of its own.
fn forged(record: &SegmentRecord) -> Original {
    let folder = MemoryFolder::default();
    let lock = lock();
    let prefix = Prefix { frame_size: FrameSize::MIN, features: JournalPlan::features(), iv: [1; IV_LENGTH] };
    let guess = || StageKeys::derive(&Key::from_bytes([5; 32]), &prefix).link;
    let mut lineage = Lineage::new(record.recording);
    let mut ended = |length| lineage.ended("before".into(), length, record.predecessor, guess());
    ended(record.offset);
    (2..record.number).for_each(|_| ended(0));
    let stream = lock.new_stream(LAYOUT, JournalPlan::features()).unwrap();
    let Ok(next) = NextSegment::new(&folder, "forged".to_owned(), stream) else { panic!() };
    let Ok(mut segment) = Segment::create(&folder, next, &lineage, 1) else { panic!() };
    let mut buffer = FrameBuffer::new(FrameSize::MIN);
    buffer.payload_area()[..6].copy_from_slice(b"forged");
    let Ok(buffer) = segment.append(buffer, 6) else { panic!() };
    segment.finish(buffer, Ending::Continued).1.unwrap();
    let original = original(folder.contents().remove(0), false);
    assert_eq!(SegmentRecord { link: record.link, ..original.record }, *record);
    original
}

/// A stream with the prefix and the whole record of the `genuine` segment, link included, but another file key.
fn copied(genuine: &Original) -> Original {
    let file_key = Key::random().unwrap();
    let (header, _) = StreamHeader::read(ReaderInput(genuine.bytes.as_slice()), Vec::new()).unwrap().into_header();
    let mut records: Vec<_> = lock().new_slots(&file_key).unwrap().iter().map(Record::from).collect();
    records.push((&genuine.record).into());
    let header = Header { records, ..header };
    let keys = StageKeys::derive(&file_key, &header.prefix);
    let writer = Writer::new(Vec::new(), &header, &keys, Vec::new(), Clock::Fixed(1)).unwrap();
    let copied = original(writer.finish().unwrap(), false);
    assert_eq!(copied.record, genuine.record);
    copied
}
