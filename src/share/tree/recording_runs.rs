//! Which segments of a folder are shown as one file.

use super::place::Place;
use crate::{container::SegmentRecord, record::by_recording};

/// Consecutive segments of one recording.
#[derive(Debug)]
pub(super) struct Run {
    pub places: Vec<Place>,
    /// Whether no later segment of the recording is known.
    pub is_last: bool,
}

/// The segments of one recording with consecutive numbers, in their order. The `segments` are those of one folder, in
/// the order of their names. A second file with the same number starts a separate run.
pub(super) fn runs(segments: Vec<(Place, SegmentRecord)>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for recording in by_recording(segments, |(_, record)| record) {
        let newest = recording.last().map(|(_, record)| record.number);
        let mut last: Option<u64> = None;
        for (place, record) in recording {
            let continues = last.is_some_and(|last| last.checked_add(1) == Some(record.number));
            match runs.last_mut() {
                Some(run) if continues => {
                    run.places.push(place);
                    run.is_last = Some(record.number) == newest;
                }
                _ => runs.push(Run { places: vec![place], is_last: Some(record.number) == newest }),
            }
            last = Some(record.number);
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::container::Predecessor;

    #[test]
    fn runs_are_of_one_recording_and_without_gaps() {
        let segment = |(name, id, number): (&str, u8, u64)| {
            let record = SegmentRecord {
                recording: [id; 16],
                number,
                offset: 0,
                predecessor: Predecessor::default(),
                link: [0; 32],
            };
            (Place::named(Path::new(name)), record)
        };
        let segments = [("a", 1, 2), ("b", 1, 1), ("c", 2, 7), ("d", 1, 5), ("e", 2, 8), ("f", 2, 8)];
        let runs = runs(segments.map(segment).to_vec());
        let names = |run: &Run| run.places.iter().map(|place| place.path().to_str().unwrap().to_owned()).collect();
        let runs: Vec<(Vec<_>, _)> = runs.iter().map(|run| (names(run), run.is_last)).collect();
        let names: Vec<_> = runs.iter().map(|(names, _)| names.as_slice()).collect();
        assert_eq!(names, [&["b", "a"][..], &["d"], &["c", "e"], &["f"]]);
        let last: Vec<_> = runs.iter().map(|(_, is_last)| *is_last).collect();
        assert_eq!(last, [false, true, true, true]);
    }
}
