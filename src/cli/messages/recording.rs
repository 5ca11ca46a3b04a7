//! How recordings are reported: what is there, what is missing, and what does not belong.

use std::{ops::RangeInclusive, path::Path};

use super::{
    byte_count::{are_there, count_of_bytes},
    display_name::display_path,
    failure::{Exit, Failure},
    message::{Message, Subject},
    salvage_hint::or_salvage,
};
use crate::{
    container::{SegmentRecord, TagFlags},
    files::label::Label,
    keys::SlotKind,
    record::{
        SegmentFacts,
        chain::{Break, RecordingState, Tail},
    },
};

const PUT_TOGETHER: &str =
    "name the segments in the order of the recording, or their folder; --allow-gaps leaves out what is missing";

/// Why segments are missing, according to the recorder.
const REMOVED: &str = ": removed by its recorder, according to .reelseal-recorder (not authenticated)";

/// The segment at `path` does not continue the one at `before`, so they are not joined.
pub(in crate::cli) fn not_continued(before: &Path, path: &Path, why: &Break) -> Failure {
    let shown = display_path(before);
    let usage = |fact: String| Failure::usage(fact).about(path);
    let bad = |fact: String| Failure::new(Exit::BadStream, fact).about(path);
    match why {
        Break::OtherRecording => {
            usage(format!("belongs to a different recording from {shown}")).with_hint(PUT_TOGETHER)
        }
        Break::Doubled => usage(format!("has the same number in the recording as {shown}"))
            .with_hint("name each segment once; if there really are two, one of them is a copy or a forgery"),
        Break::OutOfOrder => usage(format!("comes before {shown} in the recording")).with_hint(PUT_TOGETHER),
        Break::Gap(missing) => {
            usage(format!("does not follow {shown}: {}", are_missing(missing))).with_hint(PUT_TOGETHER)
        }
        Break::NotLinked => bad(not_linked(&shown)).with_hint("somebody may have tampered with the recording"),
        Break::Altered => bad(format!("was started after a different version of {shown}"))
            .with_hint("somebody may have tampered with the recording; use another copy of both"),
        Break::Unfinished | Break::EndMissing { .. } => {
            Failure::new(Exit::BadStream, unfinished(why)).about(before).with_hint(or_salvage(
                "--allow-gaps decrypts what is there; reelseal verify FOLDER lists it",
                &Label::from(before),
            ))
        }
    }
}

/// A segment is another file now than when it was first read.
pub(in crate::cli) fn replaced(segment: impl Into<Subject>) -> Failure {
    Failure::new(Exit::InputOutput, "was replaced while it was being read").about(segment).with_hint("try again")
}

/// The segment at `path`, which a slot of this kind opened, does not continue the one at `before`, but they are joined
/// all the same.
pub(in crate::cli) fn gap_allowed(before: &Path, path: &Path, why: &Break, opened_by: SlotKind) -> Message {
    let shown = display_path(before);
    match why {
        Break::Unfinished | Break::EndMissing { .. } => Message::about(before, unfinished(why)),
        Break::Gap(missing) => {
            let not_next = format!("does not follow {shown}: {}", are_missing(missing));
            Message::about(path, not_next + unlinked(opened_by))
        }
        Break::OtherRecording => {
            Message::about(path, format!("belongs to a different recording from {shown}") + unlinked(opened_by))
        }
        _ => Message::about(path, why.to_string()),
    }
}

/// What is lost by a gap before a segment that a slot of this kind opened.
fn unlinked(opened_by: SlotKind) -> &'static str {
    match opened_by {
        SlotKind::Recipient => "; nothing links it to that one, and whoever knows the public key may have made it",
        SlotKind::Passphrase | SlotKind::KeyFile => "; nothing links it to that one",
    }
}

/// `path` is the first segment that is here, but not the first of the recording.
pub(in crate::cli) fn missing_start(path: &Path, number: u64) -> Message {
    Message::about(path, format!("{} at the start: expired or removed", are_missing(&(1..=number.saturating_sub(1)))))
}

/// The segment at `path` is the last that is here, but not the last of the recording.
pub(in crate::cli) fn missing_next(path: &Path, next: u64) -> Message {
    Message::about(path, format!("is continued, but the next segment, {next}, is not here"))
}

/// The last segment is unfinished.
pub(in crate::cli) fn unfinished_at_the_end(path: &Path, bytes: u64) -> Failure {
    Failure::new(Exit::BadStream, format!("is unfinished, or still growing: {}", are_there(bytes)))
        .about(path)
        .with_hint(or_salvage("--allow-gaps decrypts what is there; --follow waits for more", &Label::from(path)))
}

/// The recorder is gone, and the recording does not end with this segment; `end` holds its final flags if it is
/// finished.
pub(in crate::cli) fn recorder_left(
    segment: &Label,
    record: &SegmentRecord,
    bytes: u64,
    end: Option<TagFlags>,
) -> Failure {
    let fact = match end {
        None => format!("is unfinished, and its recorder is gone: {}", are_there(bytes)),
        Some(_) => {
            let next = record.number.saturating_add(1);
            format!(
                "is continued, but the recording is unfinished: its recorder is gone, and segment {next} was not begun"
            )
        }
    };
    let failure = Failure::new(Exit::BadStream, fact).about(segment);
    match end {
        None => failure.with_hint(or_salvage("decrypt --allow-gaps decrypts what is there", segment)),
        Some(_) => failure.with_hint("all that was recorded has been decrypted; reelseal verify FOLDER lists it"),
    }
}

/// No recorder of the segment was seen.
pub(in crate::cli) fn recorder_unseen(segment: &Label) -> Message {
    Message::about(segment, "has no end yet, and no recorder of it was seen on this machine; waiting for more")
}

/// A folder with more than one recording.
pub(in crate::cli) fn of_several_recordings(folder: &Path) -> Failure {
    Failure::usage("holds segments of several recordings")
        .about(folder)
        .with_hint("name the segments of one; --allow-gaps decrypts one recording after the other")
}

/// What is wrong with a recording in `folder`, one fact each; `segments` are those that are there, at `paths`.
/// `was_removed` says whether the recorder has noted that it removed the segments with these numbers.
pub(in crate::cli) fn findings(
    folder: &Path,
    paths: &[&Path],
    segments: &[SegmentFacts],
    state: &RecordingState,
    was_removed: impl Fn(&RangeInclusive<u64>) -> bool,
) -> Vec<Message> {
    let noted = |numbers: &RangeInclusive<u64>| if was_removed(numbers) { REMOVED } else { "" };
    let path = |place: usize| paths.get(place).copied().unwrap_or(folder);
    let about = |place, fact: String| Message::about(path(place), fact);
    let mut found = Vec::new();
    if state.missing_before > 0 {
        let numbers = 1..=state.missing_before;
        let why = if was_removed(&numbers) { REMOVED } else { ": expired or removed" };
        found.push(Message::about(folder, format!("{} at the start{why}", are_missing(&numbers))));
    }
    for (before, place, why) in &state.breaks {
        let shown = display_path(path(*before));
        found.push(match why {
            Break::Gap(missing) => {
                let fact = format!("does not follow {shown}: {}{}", are_missing(missing), noted(missing));
                about(*place, fact)
            }
            Break::NotLinked => about(*place, not_linked(&shown)),
            Break::Altered => about(*before, format!("has changed since {} was started", display_path(path(*place)))),
            Break::Unfinished | Break::EndMissing { .. } => about(*before, unfinished(why)),
            Break::Doubled => about(*place, format!("has the same number in the recording as {shown}")),
            Break::OutOfOrder | Break::OtherRecording => about(*place, why.to_string()),
        });
    }
    let last = state.segments.last().copied();
    match (state.tail, last) {
        (Tail::Continued(next), Some(last)) => {
            found.push(missing_next(path(last), next));
        }
        (Tail::Unknown, Some(last)) => {
            let bytes = segments.get(last).map_or(0, |segment| segment.length);
            let fact = format!("is unfinished, or still growing: {}, and the end is unknown", are_there(bytes));
            found.push(about(last, fact));
        }
        _ => {}
    }
    found
}

fn not_linked(before: &str) -> String {
    format!("was not made by the recorder of {before}: it is forged, or one of the two was replaced")
}

fn unfinished(why: &Break) -> String {
    match why {
        Break::EndMissing { bytes: 0 } => "its final frame is missing or damaged; all its bytes are here".to_owned(),
        Break::EndMissing { bytes } => format!("its end is missing: {} of the recording", count_of_bytes(*bytes)),
        _ => "is unfinished; all that was recorded in it is there".to_owned(),
    }
}

fn are_missing(numbers: &RangeInclusive<u64>) -> String {
    let verb = if numbers.start() == numbers.end() { "is" } else { "are" };
    format!("{} {verb} missing", segments_of(numbers))
}

/// The segments with these numbers, in words.
pub(in crate::cli) fn segments_of(numbers: &RangeInclusive<u64>) -> String {
    match (numbers.start(), numbers.end()) {
        (first, last) if first == last => format!("segment {first}"),
        (first, last) => format!("segments {first} to {last}"),
    }
}
