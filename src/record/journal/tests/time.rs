//! Frames and segments are written in time, by a clock that the tests control.

use super::*;

#[test]
fn a_frame_is_written_in_time_and_synced_in_time() {
    let steps = vec![
        Step::Bytes(b"a".to_vec()),
        Step::Pause(Duration::from_millis(199)),
        Step::Bytes(b"b".to_vec()),
        Step::Pause(Duration::from_millis(2)),
        Step::Bytes(b"c".to_vec()),
        Step::Pause(Duration::from_secs(60)),
        Step::Bytes(b"d".to_vec()),
    ];
    let recorded = record(Cutting::default(), steps);
    let facts = recorded.facts();
    // Two frames in the first 200 ms, one, one, and the final frame; one sync in an idle minute, and two at the end.
    assert_eq!((facts[0].frames, facts[0].length), (4, 4));
    assert_eq!(recorded.disk.count(Call::Sync), 4, "{:?}", recorded.disk.calls);
}

#[test]
fn after_its_time_a_segment_ends_before_the_next_byte_and_an_idle_source_makes_none() {
    let cutting = Cutting { time: Some(Duration::from_secs(10)), size: None };
    let steps = vec![
        Step::Bytes(b"one".to_vec()),
        Step::Pause(Duration::from_secs(35)),
        Step::Bytes(b"two".to_vec()),
        Step::Pause(Duration::from_secs(9)),
        Step::Bytes(b"three".to_vec()),
        Step::Pause(Duration::from_secs(60)),
    ];
    let recorded = record(cutting, steps);
    assert_eq!(recorded.pieces(), [b"one".to_vec(), b"twothree".to_vec()]);
    assert_eq!(recorded.names, ["2026-11-24T10-00-07Z.bin.reel", "2026-11-24T10-00-42Z.bin.reel"]);
}

#[test]
fn a_step_of_the_wall_clock_begins_another_segment_and_drift_does_not() {
    let second = 1_000_000;
    for (set_by, segments) in [(3 * second, 2), (-3 * second, 2), (50 * 365 * 86_400 * second, 2), (second, 1)] {
        let steps = vec![
            Step::Bytes(b"before".to_vec()),
            Step::Pause(Duration::from_secs(1)),
            Step::SetClock(set_by),
            Step::Pause(Duration::from_secs(1)),
            Step::Bytes(b"after".to_vec()),
            Step::Pause(Duration::from_secs(1)),
            Step::Bytes(b"wards".to_vec()),
        ];
        let recorded = record(Cutting::default(), steps);
        assert_eq!(recorded.streams.len(), segments, "{set_by}");
        assert_eq!(recorded.plaintext(), b"beforeafterwards", "{set_by}");
        assert!(recordings(&recorded.facts())[0].is_whole());
    }
}

#[test]
fn segments_of_one_second_do_not_replace_each_other() {
    let steps = vec![Step::Bytes(bytes(20 * FRAME))];
    let recorded = record(short_segments(), steps);
    assert_eq!(recorded.names[..2], ["2026-11-24T10-00-07Z.bin.reel", "2026-11-24T10-00-07Z-2.bin.reel"]);
    assert!(recorded.plaintext() == bytes(20 * FRAME));
}

#[test]
fn a_frame_that_goes_to_another_segment_keeps_the_time_when_it_arrived() {
    let steps = vec![
        Step::Bytes(b"written".to_vec()),
        Step::Pause(Duration::from_millis(1100)),
        Step::Bytes(b"carried over".to_vec()),
        Step::Pause(Duration::from_secs(5)),
    ];
    // The header and the first frame come before the write, and the header before the sync.
    for (call, at) in [(Call::Write, 2), (Call::Sync, 1)] {
        let disk = Disk::failing(Fault { call, at, written: 0, error: Errno::IO });
        let recorded = record_on(disk, Cutting::default(), steps.clone(), SourceEnd::Finished);
        let pieces = recorded.pieces();
        assert_eq!(pieces, [b"written".to_vec(), b"carried over".to_vec()], "{call:?}");
        let bytes = &recorded.streams[1];
        let header = StreamHeader::read(ReaderInput(bytes.as_slice()), Vec::new()).unwrap();
        let (stream, _) = header.open(&mut recorded.key_file.clone().into()).unwrap();
        let file = StreamFile::new(bytes, bytes.len() as u64, 0, LAYOUT);
        let arrived = file.verify_first_frame(stream.chain()).unwrap().tag().time;
        assert!(arrived <= recorded.disk.failed.lock().unwrap().unwrap(), "{call:?}");
    }
}
