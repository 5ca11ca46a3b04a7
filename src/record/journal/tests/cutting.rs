//! Where segments are cut: between packets, and where a cut is asked for.

use super::*;

/// This many MPEG-TS packets.
fn packets(count: usize) -> Vec<u8> {
    let mut stream = bytes(count * 188);
    stream.iter_mut().step_by(188).for_each(|byte| *byte = 0x47);
    stream
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn no_byte_is_lost_or_doubled_wherever_the_input_is_cut(
        is_transport_stream: bool,
        lengths in proptest::collection::vec(1_usize..9000, 1..30),
        pauses in proptest::collection::vec(0_u64..3000, 30),
        size in 2_u64..6,
        seconds in 1_u64..8,
    ) {
        let total: usize = lengths.iter().sum();
        let plaintext = if is_transport_stream { packets(total / 188 + 3) } else { bytes(total) };
        let mut rest = plaintext.as_slice();
        let mut steps = Vec::new();
        for (length, pause) in lengths.iter().zip(pauses) {
            let (piece, left) = rest.split_at(rest.len().min(*length));
            rest = left;
            if !piece.is_empty() {
                steps.push(Step::Bytes(piece.to_vec()));
                steps.push(Step::Pause(Duration::from_millis(pause)));
            }
        }
        steps.push(Step::Bytes(rest.to_vec()));
        let cutting =
            Cutting { time: Some(Duration::from_secs(seconds)), size: Some(LAYOUT.frame_position(size) + 64) };
        let recorded = record(cutting, steps);
        prop_assert!(recorded.plaintext() == plaintext);
        prop_assert!(recordings(&recorded.facts())[0].is_whole());
        if is_transport_stream {
            for piece in recorded.pieces() {
                prop_assert_eq!((piece.len() % 188, piece[0]), (0, 0x47));
            }
        }
    }
}

#[test]
fn a_cut_that_is_asked_for_comes_with_the_next_packet_and_once() {
    let stream = packets(100);
    for at in [188 * 10, 188 * 10 + 1, 188 * 11 - 1] {
        let (before, after) = stream.split_at(at);
        let steps = vec![Step::Bytes(before.to_vec()), Step::Cut(Cut::AtPacket), Step::Bytes(after.to_vec())];
        let recorded = record(Cutting::default(), steps);
        let lengths: Vec<_> = recorded.pieces().iter().map(Vec::len).collect();
        let cut = at.next_multiple_of(188);
        assert_eq!(lengths, [cut, stream.len() - cut], "{at}");
        assert!(recorded.plaintext() == stream);
        recorded.assert_linked();
    }
}

#[test]
fn what_another_producer_writes_begins_a_segment_and_its_packets_are_counted_from_there() {
    // The first one was killed in the middle of a packet.
    let (first, second) = (packets(20)[..188 * 19 + 70].to_vec(), packets(100));
    let steps = vec![
        Step::Bytes(first.clone()),
        Step::Pause(Duration::from_secs(60)),
        Step::Cut(Cut::Here),
        Step::Bytes(second[..1000].to_vec()),
        Step::Cut(Cut::AtPacket),
        Step::Bytes(second[1000..].to_vec()),
    ];
    let recorded = record(Cutting::default(), steps);
    let lengths: Vec<_> = recorded.pieces().iter().map(Vec::len).collect();
    assert_eq!(lengths, [first.len(), 188 * 6, second.len() - 188 * 6]);
    assert!(recorded.plaintext() == [first, second].concat());
    assert!(recorded.names.iter().all(|name| name.ends_with(".ts.reel")), "{:?}", recorded.names);
    assert!(recordings(&recorded.facts())[0].is_whole());
}

#[test]
fn a_cut_before_the_first_byte_makes_no_empty_segment() {
    let steps =
        vec![Step::Cut(Cut::AtPacket), Step::Cut(Cut::Here), Step::Bytes(b"film".to_vec()), Step::Cut(Cut::Here)];
    assert_eq!(record(Cutting::default(), steps).pieces(), [b"film"]);
}
