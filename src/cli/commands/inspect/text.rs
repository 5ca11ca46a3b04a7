//! Findings for people to read: a block of named lines.

use std::{fmt::Write, time::Duration};

use crate::cli::messages::key_slot;
use crate::inspection::{
    findings::{CopyFindings, CopyState, Findings, LengthFindings, MissingBytes, ResealedFindings},
    slot_findings::SlotFindings,
};

/// The block, without a final newline.
pub(super) fn block(findings: &Findings) -> String {
    let mut lines = vec![("file", findings.file.clone())];
    if let Some(version) = findings.version {
        lines.push(("format", format!("reelseal version {version}")));
    }
    if !findings.copies.is_empty() {
        lines.push(("frame size", bytes_or_impossible(findings.frame_size)));
        let features = findings.features.join(", ");
        lines.push(("features", if features.is_empty() { "none".to_owned() } else { features }));
        if findings.features.iter().any(|feature| feature == "timed") {
            lines.push((
                "times",
                "in every frame: decrypt can select parts by time with --since and --until".to_owned(),
            ));
        }
        lines.push(("header", format!("2 copies of {}", bytes_or_impossible(findings.header_length))));
        if findings.copies.iter().all(|copy| copy.state != CopyState::Sound) {
            lines.push(("caution", "this is what the first copy claims, and nothing confirms it".to_owned()));
        }
    }
    let copies = ["first copy", "second copy"].into_iter().zip(&findings.copies);
    lines.extend(copies.map(|(name, copy)| (name, copy_text(copy))));
    lines.extend(findings.slots.iter().map(|slot| ("key slot", slot_text(slot))));
    lines.extend(findings.resealed.iter().map(|resealed| ("resealed", resealed_text(resealed))));
    if let Some(segment) = &findings.segment {
        let from = count(segment.offset, "byte");
        lines.push(("segment", format!("{} of recording {}, {from} into it", segment.number, segment.recording)));
    }
    match &findings.length {
        Some(length) => lines.push(("length", length_text(length))),
        None if findings.version.is_some() => {
            lines.push(("length", "not known until it is read to its end".to_owned()));
        }
        None => {}
    }
    if let Some(authenticated) = &findings.authenticated {
        let (number, kind) = (authenticated.slot, authenticated.slot_kind);
        lines.push(("secret", format!("opens key slot {number} ({kind}); the header is authentic")));
        if let (Some(plaintext), Some(frames)) = (authenticated.plaintext, authenticated.frames) {
            let text =
                format!("{} in {}, by its authentic final frame", count(plaintext, "byte"), count(frames, "frame"));
            lines.push(("plaintext", text));
        }
        if authenticated.interrupted == Some(true) {
            lines.push(("ended", "when its writer was interrupted".to_owned()));
        }
        lines.extend(authenticated.first_time.clone().map(|time| ("first frame", time)));
        lines.extend(authenticated.last_time.clone().map(|time| ("end", time)));
    }
    lines.extend(findings.problems.iter().map(|problem| ("problem", problem.clone())));
    aligned(&lines)
}

fn aligned(lines: &[(&str, String)]) -> String {
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 1;
    let mut text = String::new();
    for (name, value) in lines {
        let separator = if text.is_empty() { "" } else { "\n" };
        // Writing to a string does not fail.
        let _ = write!(text, "{separator}{:width$} {value}", format!("{name}:"));
    }
    text
}

fn bytes_or_impossible(bytes: Option<usize>) -> String {
    bytes.map_or_else(|| "an impossible length".to_owned(), |bytes| format!("{bytes} bytes"))
}

fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn copy_text(copy: &CopyFindings) -> String {
    match (copy.state, copy.generation) {
        (CopyState::Sound, Some(generation)) => {
            format!("sound, generation {generation}{}", if copy.counts { ", the one that counts" } else { "" })
        }
        (CopyState::Damaged, _) => "damaged".to_owned(),
        _ => "not known".to_owned(),
    }
}

fn slot_text(slot: &SlotFindings) -> String {
    let scrypt = if let SlotFindings::Known(slot) = slot { slot.scrypt.as_ref() } else { None };
    let seconds = scrypt.and_then(|scrypt| scrypt.seconds);
    let time = seconds.map(|seconds| format!(", about {} here", duration(seconds))).unwrap_or_default();
    key_slot::described(slot) + &time
}

fn resealed_text(resealed: &ResealedFindings) -> String {
    /// The most ranges that are listed for people; programs get all of them.
    const MOST_RANGES: usize = 4;
    let (end_lost, left_out, missing, unlisted) = match resealed {
        ResealedFindings::Known { end_lost, left_out, missing, unlisted } => (end_lost, left_out, missing, unlisted),
        ResealedFindings::Malformed { .. } => {
            return "from another stream; the record of what was missing is malformed".to_owned();
        }
    };
    let ranges = missing
        .iter()
        .take(MOST_RANGES)
        .map(|MissingBytes { first, end }| format!("{first} to {}", end.saturating_sub(1)));
    let mut ranges: Vec<_> = ranges.collect();
    let more = (missing.len().saturating_sub(MOST_RANGES) as u64).saturating_add(*unlisted);
    if more > 0 {
        ranges.push(format!("and {more} more range{}", if more == 1 { "" } else { "s" }));
    }
    let fate = if *left_out { "left out" } else { "now zeros" };
    let mut facts = Vec::new();
    if !ranges.is_empty() {
        facts.push(format!("bytes {} of the plaintext were missing, and are {fate}", ranges.join(", ")));
    }
    if *end_lost {
        facts.push("the end was missing".to_owned());
    }
    let facts = if facts.is_empty() { "frames without plaintext were missing".to_owned() } else { facts.join("; ") };
    format!("from a damaged or unfinished stream: {facts}")
}

fn duration(seconds: f64) -> String {
    match seconds {
        ..1.0 => format!("{seconds:.2} s"),
        ..10.0 => format!("{seconds:.1} s"),
        ..120.0 => format!("{seconds:.0} s"),
        _ => humantime::format_duration(Duration::from_secs(seconds as u64)).to_string(),
    }
}

fn length_text(length: &LengthFindings) -> String {
    let stream = count(length.stream, "byte");
    match (length.plaintext, length.frames) {
        (Some(plaintext), Some(frames)) => {
            let at_most = if length.at_most { "at most " } else { "" };
            let plaintext = count(plaintext, "byte");
            format!("{stream}, consistent with {at_most}{plaintext} of plaintext in {}", count(frames, "frame"))
        }
        _ if length.cut => format!("{stream}: unfinished, or cut short"),
        _ => stream,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_aligned_by_the_longest_name() {
        assert_eq!(aligned(&[("a", "1".to_owned()), ("long", "2".to_owned())]), "a:    1\nlong: 2");
    }

    #[test]
    fn durations_have_no_more_digits_than_an_estimate_justifies() {
        let shown = [0.0412, 0.695, 6.94, 69.4, 3700.0].map(duration);
        assert_eq!(shown, ["0.04 s", "0.69 s", "6.9 s", "69 s", "1h 1m 40s"]);
    }
}
