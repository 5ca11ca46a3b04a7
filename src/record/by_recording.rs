//! Segments by the recording that they belong to.

use std::collections::HashMap;

use crate::container::SegmentRecord;

/// The segments of each recording, ordered by their numbers; those with the same number stay as they were. The
/// recordings are in the order in which their first segments appear.
pub(crate) fn by_recording<T>(
    segments: impl IntoIterator<Item = T>,
    record_of: impl Fn(&T) -> &SegmentRecord,
) -> Vec<Vec<T>> {
    let mut recordings: Vec<Vec<T>> = Vec::new();
    let mut places = HashMap::new();
    for segment in segments {
        let place = *places.entry(record_of(&segment).recording).or_insert(recordings.len());
        match recordings.get_mut(place) {
            Some(recording) => recording.push(segment),
            None => recordings.push(vec![segment]),
        }
    }
    for recording in &mut recordings {
        recording.sort_by_key(|segment| record_of(segment).number);
    }
    recordings
}
