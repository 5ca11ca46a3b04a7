//! How the damage in a stream is told: which frames, which bytes, what is wrong.

use crate::cli::messages::failure::{Exit, Failure};
use crate::{
    container::{Features, Header},
    pipeline::{DamagedFrames, Survey},
    stage::FrameFault,
};

/// What there is to do about damage.
pub(in crate::cli) const OTHER_COPY: &str = "use another copy of the stream";

/// Damaged frames of `input`, a line.
pub(in crate::cli) fn frames(input: &str, header: &Header, damaged: &DamagedFrames) -> String {
    let layout = header.layout();
    let first_byte = layout.frame_position(damaged.first);
    let last_byte = layout.frame_position(damaged.last) + damaged.last_wire as u64 - 1;
    let named = match damaged.count() {
        1 => format!("frame {}", damaged.first),
        _ => format!("frames {} to {}", damaged.first, damaged.last),
    };
    let plaintext = plaintext(header, damaged).map(|range| format!(" ({range})")).unwrap_or_default();
    let fault = match damaged.fault {
        FrameFault::Mac if damaged.last_wire < layout.frame_size.wire() => "cut short, extended or damaged".to_owned(),
        FrameFault::Mac => "damaged".to_owned(),
        fault => fault.to_string(),
    };
    format!("{input}: {named}, bytes {first_byte} to {last_byte}{plaintext}: {fault}")
}

/// The plaintext that damaged frames would hold; in a live stream, only they could tell.
fn plaintext(header: &Header, damaged: &DamagedFrames) -> Option<String> {
    if header.prefix.features.contains(Features::LIVE) {
        return None;
    }
    let payload = header.prefix.frame_size.payload() as u64;
    let start = damaged.first * payload;
    // Where a short frame ends is said by nothing that was authenticated.
    let is_full = damaged.last_wire == header.prefix.frame_size.wire();
    let end = (damaged.last + 1) * payload;
    Some(if is_full { format!("plaintext {start} to {}", end - 1) } else { format!("plaintext from {start} on") })
}

/// What a survey found of `input`, in one fact; `cut` says that its end is missing.
pub(in crate::cli) fn not_whole(input: &str, survey: &Survey, cut: bool) -> Failure {
    let mut facts = Vec::new();
    match survey.damaged_frames() {
        0 => {}
        1 => facts.push("1 frame is damaged".to_owned()),
        count => facts.push(format!("{count} frames are damaged")),
    }
    if cut {
        facts.push("the end is missing".to_owned());
    }
    let sound = match survey.sound {
        0 => "no frame is sound".to_owned(),
        1 => "1 frame is sound".to_owned(),
        count => format!("{count} frames are sound"),
    };
    facts.push(sound);
    Failure::new(Exit::BadStream, format!("{input}: not whole: {}", facts.join(", "))).with_hint(OTHER_COPY)
}
