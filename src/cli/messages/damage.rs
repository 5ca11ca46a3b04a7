//! How damage in a stream is reported: which frames, which bytes, what is wrong.

use std::io;

use crate::cli::messages::{
    damaged_part::{DamagedPart, Span},
    failure::{Exit, Failure, describe},
    message::Message,
};
use crate::{
    container::{Features, Header},
    files::label::Label,
    pipeline::{DamagedFrames, FrameDamage, Survey},
    stage::FrameFault,
};

/// What there is to do about damage.
pub(in crate::cli) const OTHER_COPY: &str = "use another copy of the stream";

const OFF_THIS_DISK: &str = "use another copy of the stream, on another disk: this one may be failing";

/// Damaged frames of `input`.
pub(in crate::cli) fn frames(input: &Label, header: &Header, damaged: &DamagedFrames) -> Message {
    let layout = header.layout();
    let first_byte = layout.frame_position(damaged.first);
    let last_byte = layout.frame_position(damaged.last) + damaged.last_wire as u64 - 1;
    let named = match damaged.count() {
        1 => format!("frame {}", damaged.first),
        _ => format!("frames {} to {}", damaged.first, damaged.last),
    };
    let plaintext = plaintext(header, damaged);
    let shown = match plaintext {
        None => String::new(),
        Some(Span { first, end: None }) => format!(" (plaintext from {first} on)"),
        Some(Span { first, end: Some(end) }) => format!(" (plaintext {first} to {})", end - 1),
    };
    let damage = match damaged.damage {
        FrameDamage::Refused(FrameFault::Mac) if damaged.last_wire < layout.frame_size.wire() => {
            "cut short, extended or damaged".to_owned()
        }
        FrameDamage::Refused(FrameFault::Mac) => "damaged".to_owned(),
        FrameDamage::Refused(fault) => fault.to_string(),
        FrameDamage::Unreadable { os_error } => unreadable(os_error.map(io::Error::from_raw_os_error).as_ref()),
    };
    Message::about(input, format!("{named}, bytes {first_byte} to {last_byte}{shown}: {damage}")).in_part(DamagedPart {
        frames: Span::new(damaged.first, damaged.last + 1),
        bytes: Span::new(first_byte, last_byte + 1),
        plaintext,
    })
}

/// What is reported of a frame that could not be read.
pub(in crate::cli) fn unreadable(error: Option<&io::Error>) -> String {
    let why = error.map(|error| format!(": {}", describe(error))).unwrap_or_default();
    format!("cannot be read{why}")
}

/// The plaintext that damaged frames would hold; in a live stream, only they could tell.
fn plaintext(header: &Header, damaged: &DamagedFrames) -> Option<Span> {
    if header.prefix.features.contains(Features::LIVE) {
        return None;
    }
    let payload = header.prefix.frame_size.payload() as u64;
    let start = damaged.first * payload;
    // Where a short frame ends is said by nothing that was authenticated.
    let is_full = damaged.last_wire == header.prefix.frame_size.wire();
    let end = (damaged.last + 1) * payload;
    Some(if is_full { Span::new(start, end) } else { Span::from(start) })
}

/// How a survey ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Ended {
    AtTheEnd,
    /// The stream's end is missing.
    Cut,
    /// The input could not be read on.
    Unreadable,
}

/// What a survey that `ended` so found of `input`, in one fact.
pub(in crate::cli) fn not_whole(input: &Label, survey: &Survey, ended: Ended) -> Failure {
    let mut facts = Vec::new();
    match survey.unreadable {
        0 => {}
        1 => facts.push("1 frame cannot be read".to_owned()),
        count => facts.push(format!("{count} frames cannot be read")),
    }
    match survey.damaged_frames() - survey.unreadable {
        0 => {}
        1 => facts.push("1 frame is damaged".to_owned()),
        count => facts.push(format!("{count} frames are damaged")),
    }
    match ended {
        Ended::AtTheEnd => {}
        Ended::Cut => facts.push("the end is missing".to_owned()),
        Ended::Unreadable => facts.push("the rest cannot be read".to_owned()),
    }
    let sound = match survey.sound {
        0 => "no frame is sound".to_owned(),
        1 => "1 frame is sound".to_owned(),
        count => format!("{count} frames are sound"),
    };
    facts.push(sound);
    let hint = if survey.unreadable > 0 || ended == Ended::Unreadable { OFF_THIS_DISK } else { OTHER_COPY };
    Failure::new(Exit::BadStream, format!("not whole: {}", facts.join(", "))).about(input).with_hint(hint)
}
