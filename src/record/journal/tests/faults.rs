//! Disks that fail, are slow, or are full.

use super::*;

#[test]
fn whichever_write_fails_no_place_gets_two_ciphertexts_and_nothing_is_lost_that_can_be_kept() {
    let (steps, plaintext) = long_script();
    let writes = record(short_segments(), steps.clone()).disk.count(Call::Write);
    assert!(writes > 15);
    for at in 0..writes {
        for written in [0, 1, 2000, FRAME, usize::MAX] {
            for error in [Errno::IO, Errno::NOSPC, Errno::DQUOT] {
                let fault = Fault { call: Call::Write, at, written, error };
                let recorded = record_on(Disk::failing(fault), short_segments(), steps.clone(), SourceEnd::Finished);
                recorded.assert_linked();
                let found = recorded.plaintext();
                assert!(plaintext.starts_with(&found), "{fault:?}");
                match &recorded.ended.how {
                    // The frame went to another segment, or a segment whose creation failed was created again.
                    Ok(_) => {
                        let not_made = recorded.events.iter().any(|event| event.starts_with("NotMade"));
                        assert!(found == plaintext && recorded.ended.is_doubtful != not_made, "{fault:?}");
                    }
                    Err(JournalError::Create { .. }) => assert_ne!(error, Errno::IO),
                    Err(JournalError::Full { .. }) => {
                        assert_ne!(error, Errno::IO);
                        assert!(recorded.events.iter().any(|event| event.starts_with("Lost")), "{fault:?}");
                    }
                    other => panic!("{fault:?}: {other:?}"),
                }
                assert_eq!(recorded.ended.bytes, found.len() as u64, "{fault:?}");
            }
        }
    }
}

#[test]
fn after_a_short_write_the_rest_of_the_same_bytes_follows() {
    let (steps, plaintext) = long_script();
    let disk = Arc::new(Disk { most_at_once: Some(999), is_named_at_once: true, ..Disk::default() });
    let recorded = record_on(disk, short_segments(), steps, SourceEnd::Finished);
    assert!(recorded.plaintext() == plaintext && recordings(&recorded.facts())[0].is_whole());
}

#[test]
fn whichever_sync_fails_the_recording_goes_on_in_another_segment() {
    let (steps, plaintext) = long_script();
    let sound = record(Cutting::default(), steps.clone());
    let syncs = sound.disk.count(Call::Sync);
    assert!(syncs > 5);
    let mut went_on = 0;
    for at in 0..syncs {
        let fault = Fault { call: Call::Sync, at, written: 0, error: Errno::IO };
        let recorded = record_on(Disk::failing(fault), Cutting::default(), steps.clone(), SourceEnd::Finished);
        recorded.assert_linked();
        assert!(recorded.ended.how.is_ok() && recorded.plaintext() == plaintext, "{at}");
        let not_synced = recorded.events.iter().any(|event| event.starts_with("NotSynced"));
        let not_made = recorded.events.iter().any(|event| event.starts_with("NotMade"));
        assert!(not_synced != not_made && recorded.ended.is_doubtful == not_synced, "{at}");
        went_on += usize::from(recorded.streams.len() > sound.streams.len());
    }
    assert!(went_on > 2, "{went_on}");
}

/// Two frames are written while a sync is held up, and more afterwards.
fn slow_sync() -> Vec<Step> {
    vec![
        Step::Bytes(b"one".to_vec()),
        Step::Pause(Duration::from_millis(1300)),
        Step::Written(1),
        Step::Bytes(b"two".to_vec()),
        Step::Pause(Duration::from_millis(200)),
        Step::Written(2),
        Step::Bytes(b"three".to_vec()),
        Step::Pause(Duration::from_secs(2)),
        Step::Written(3),
        Step::Synced,
        Step::Bytes(b"four".to_vec()),
        Step::Pause(Duration::from_millis(200)),
    ]
}

#[test]
fn frames_are_written_in_time_while_a_sync_is_under_way() {
    let disk = Arc::new(Disk { gate: Gate::closed(), ..Disk::default() });
    let recorded = record_on(disk, Cutting::default(), slow_sync(), SourceEnd::Finished);
    assert!(recorded.ended.how.is_ok() && !recorded.ended.is_doubtful);
    assert_eq!((recorded.plaintext(), recorded.facts()[0].frames), (b"onetwothreefour".to_vec(), 5));
    // One for the header, the one that was held up, one for what was written meanwhile, and two at the end.
    assert_eq!(recorded.disk.count(Call::Sync), 5);
}

#[test]
fn a_sync_that_fails_while_frames_are_written_ends_their_segment_and_another_begins() {
    let fault = Fault { call: Call::Sync, at: 1, written: 0, error: Errno::IO };
    let disk = Arc::new(Disk { fault: Some(fault), gate: Gate::closed(), ..Disk::default() });
    let recorded = record_on(disk, Cutting::default(), slow_sync(), SourceEnd::Finished);
    assert!(recorded.ended.how.is_ok() && recorded.ended.is_doubtful);
    assert!(recorded.events.iter().any(|event| event.starts_with("NotSynced")), "{:?}", recorded.events);
    assert_eq!(recorded.pieces(), [b"onetwothree".to_vec(), b"four".to_vec()]);
    assert!(recordings(&recorded.facts())[0].is_whole());
}

#[test]
fn a_segment_is_not_followed_by_another_while_its_sync_is_under_way() {
    let disk = Arc::new(Disk { gate: Gate::closed(), ..Disk::default() });
    let held = Arc::clone(&disk);
    // The cut waits for the sync; nothing else would open the gate.
    let opener = thread::spawn(move || {
        while held.count(Call::Write) < 4 {
            thread::yield_now();
        }
        let syncs = held.count(Call::Sync);
        held.gate.open();
        syncs
    });
    let steps = vec![
        Step::Bytes(b"one".to_vec()),
        Step::Pause(Duration::from_millis(1300)),
        Step::SetClock(60_000_000),
        Step::Bytes(b"two".to_vec()),
        Step::Pause(Duration::from_millis(200)),
        Step::Bytes(b"three".to_vec()),
    ];
    let recorded = record_on(disk, Cutting::default(), steps, SourceEnd::Finished);
    // When the first segment had its final frame, there had been no sync but that of its header.
    assert_eq!(opener.join().unwrap(), 1);
    assert_eq!(recorded.pieces(), [b"onetwo".to_vec(), b"three".to_vec()]);
}

#[test]
fn a_disk_without_room_for_another_segment_ends_the_last_one_whatever_files_it_has() {
    let (steps, plaintext) = long_script();
    for is_named_at_once in [false, true] {
        for total in (40_000..90_000).step_by(501) {
            let disk = Arc::new(Disk { total: Some(total), is_named_at_once, ..Disk::default() });
            let recorded = record_on(disk, short_segments(), steps.clone(), SourceEnd::Finished);
            assert!(!recorded.ended.is_doubtful, "{total}: {:?}", recorded.events);
            assert!(plaintext.starts_with(&recorded.plaintext()));
            let states = recordings(&recorded.facts());
            let interrupted = recorded.ended.how.is_err();
            assert_eq!(states[0].tail, Tail::Ended { interrupted }, "{is_named_at_once} {total}");
        }
    }
}

#[test]
fn a_disk_that_goes_on_failing_is_not_littered() {
    for error in [Errno::IO, Errno::STALE] {
        // The first two syncs are of the header and of the first frame.
        let fault = Fault { call: Call::Sync, at: 1, written: 0, error };
        let disk = Arc::new(Disk { fault: Some(fault), stays: true, ..Disk::default() });
        let recorded = record_on(disk, Cutting::default(), long_script().0, SourceEnd::Finished);
        assert!(matches!(recorded.ended.how, Err(JournalError::Create { .. })), "{:?}", recorded.ended);
        assert_eq!(recorded.streams.len(), 1);
    }
}

#[test]
fn on_a_full_disk_the_segment_gets_its_final_frame_and_nothing_is_read_that_cannot_be_stored() {
    let (steps, plaintext) = long_script();
    // The first reservation is for the header and the first frame.
    for at in 1..6 {
        let fault = Fault { call: Call::Reserve, at, written: 0, error: Errno::NOSPC };
        let disk = Arc::new(Disk { fault: Some(fault), stays: true, ..Disk::default() });
        let recorded = record_on(disk, short_segments(), steps.clone(), SourceEnd::Finished);
        let full = matches!(&recorded.ended.how, Err(JournalError::Full { .. } | JournalError::Create { .. }));
        assert!(full && !recorded.ended.is_doubtful, "{:?}", recorded.ended);
        let facts = recorded.facts();
        let last = facts.last().unwrap();
        let SegmentEnd::Final(flags) = last.end else { panic!("unfinished") };
        assert!(flags.is_interrupted() && !flags.is_continued(), "{at}");
        assert!(plaintext.starts_with(&recorded.plaintext()));
        assert!(recorded.events.iter().all(|event| !event.starts_with("Lost")), "{:?}", recorded.events);
    }
}

#[test]
fn however_much_room_there_is_all_of_it_is_used_and_the_final_frame_has_its_place() {
    let (steps, plaintext) = long_script();
    let whole = record(Cutting::default(), steps.clone()).streams[0].len() as u64;
    for room in (0..whole + 8192).step_by(501) {
        let disk = Arc::new(Disk { room: Some(room), ..Disk::default() });
        let recorded = record_on(disk, Cutting::default(), steps.clone(), SourceEnd::Finished);
        let is_made = room >= LAYOUT.frame_position(1) + 64;
        let lost = if is_made { Vec::new() } else { vec!["Lost(377)".to_owned()] };
        let events: Vec<_> = recorded.events.iter().filter(|event| event.starts_with("Lost")).cloned().collect();
        assert_eq!((recorded.ended.is_doubtful, events), (!is_made, lost), "{room}");
        match &recorded.ended.how {
            Ok(_) => assert!(room >= whole && recorded.plaintext() == plaintext, "{room}"),
            Err(JournalError::Create { .. }) => assert!(!is_made, "{room}"),
            Err(JournalError::Full { .. }) => {
                let SegmentEnd::Final(flags) = recorded.facts()[0].end else { panic!("unfinished") };
                assert!(flags.is_interrupted() && plaintext.starts_with(&recorded.plaintext()));
                let left = room - recorded.streams[0].len() as u64;
                assert!(left < FrameSize::MIN.wire() as u64, "{left} of {room}");
            }
            other => panic!("{room}: {other:?}"),
        }
    }
}

#[test]
fn a_frame_that_the_disk_has_lost_ends_the_count_and_another_failure_is_reported() {
    let recorded = record(Cutting::default(), long_script().0);
    let bytes = recorded.streams[0].as_slice();
    let header = StreamHeader::read(ReaderInput(bytes), Vec::new()).unwrap();
    let (stream, _) = header.open(&mut recorded.key_file.clone().into()).unwrap();
    let record = stream.header().segment().unwrap();
    let whole = recorded.facts()[0].frames;
    // The end of the stream, with and without its final frame.
    for length in [bytes.len(), bytes.len() - 64] {
        for (error, at) in [(Errno::IO, 3), (Errno::IO, 0), (Errno::IO, whole - 2), (Errno::STALE, 3)] {
            let source = Unreadable { content: &bytes[..length], from: LAYOUT.frame_position(at), error };
            let file = StreamFile::new(source, length as u64, 0, LAYOUT);
            match SegmentFacts::of(record, &stream, &file, &[]) {
                Ok(facts) => assert_eq!((facts.end, facts.frames, error), (SegmentEnd::Missing, at, Errno::IO)),
                Err(failure) => {
                    assert!(matches!(failure, StreamError::ReadFrame { .. }) && error == Errno::STALE, "{failure}");
                }
            }
        }
    }
}
