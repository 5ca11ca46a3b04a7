//! How damage in a stream is reported: which frames, which bytes, what is wrong.

use std::{io, ops::Range};

use crate::cli::messages::{
    byte_count::count_of_bytes,
    damaged_part::{DamagedPart, Span},
    display_name::display_name,
    failure::{Exit, Failure, describe},
    message::Message,
    salvage_hint::or_salvage,
};
use crate::{
    container::{Features, Header},
    files::label::Label,
    pipeline::{DamagedFrames, Filling, FrameDamage, MissingFrames, Survey, Totals},
    stage::FrameFault,
};

/// What to do about damage.
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
    let damage = fault(damaged.damage, damaged.last_wire < layout.frame_size.wire());
    Message::about(input, format!("{named}, bytes {first_byte} to {last_byte}{shown}: {damage}")).in_part(DamagedPart {
        frames: Span::new(damaged.first, damaged.last + 1),
        bytes: Span::new(first_byte, last_byte + 1),
        plaintext,
    })
}

/// The frames `part` of `input` that are missing between sound ones, and the range `plaintext` that is missing with
/// them.
pub(in crate::cli) fn missing(input: &Label, header: &Header, part: &MissingFrames, plaintext: &Range<u64>) -> Message {
    let shown = match plaintext.end.checked_sub(1).filter(|_| !plaintext.is_empty()) {
        Some(last) => format!("plaintext {} to {last}", plaintext.start),
        None => "no plaintext".to_owned(),
    };
    let (first_byte, end_byte) = wire_bytes(header, part);
    let frames = Span::new(part.frames.start, part.frames.end);
    let fact = format!("{}, bytes {first_byte} to {} ({shown}): {}", named(part), end_byte - 1, of_part(header, part));
    Message::about(input, fact).in_part(DamagedPart {
        frames,
        bytes: Span::new(first_byte, end_byte),
        plaintext: Some(Span::new(plaintext.start, plaintext.end)),
    })
}

/// The end of `input`, which is missing from the frame `first` and the plaintext byte `plaintext` on; the frames `part`
/// of it are present, but damaged.
pub(in crate::cli) fn lost_end(
    input: &Label,
    header: &Header,
    first: u64,
    plaintext: u64,
    part: Option<&MissingFrames>,
) -> Message {
    let first_byte = header.layout().frame_position(first);
    let why = part.map(|part| format!("; {} {}", named(part), of_part_with_verb(header, part))).unwrap_or_default();
    let fact =
        format!("the end is missing, from frame {first} on, at byte {first_byte} (plaintext from {plaintext} on){why}");
    Message::about(input, fact).in_part(DamagedPart {
        frames: Span::from(first),
        bytes: Span::from(first_byte),
        plaintext: Some(Span::from(plaintext)),
    })
}

fn named(part: &MissingFrames) -> String {
    match part.frames.end.saturating_sub(part.frames.start) {
        1 => format!("frame {}", part.frames.start),
        _ => format!("frames {} to {}", part.frames.start, part.frames.end.saturating_sub(1)),
    }
}

/// The first byte of `part` in the stream, and the first byte after it.
fn wire_bytes(header: &Header, part: &MissingFrames) -> (u64, u64) {
    let layout = header.layout();
    let last = layout.frame_position(part.frames.end.saturating_sub(1));
    let first = layout.frame_position(part.frames.start);
    (first, last.saturating_add(part.last_wire as u64).max(first + 1))
}

/// What is wrong with `part`.
fn of_part(header: &Header, part: &MissingFrames) -> String {
    match part.damage {
        _ if part.is_mixed => "damaged, or cannot be read".to_owned(),
        damage => fault(damage, part.last_wire < header.prefix.frame_size.wire()),
    }
}

fn of_part_with_verb(header: &Header, part: &MissingFrames) -> String {
    let (is, it) = if part.frames.end.saturating_sub(part.frames.start) == 1 { ("is", "it") } else { ("are", "they") };
    match part.damage {
        FrameDamage::Refused(FrameFault::Mac) if !part.is_mixed => {
            let partial = part.last_wire < header.prefix.frame_size.wire();
            format!("{is} {}", if partial { "cut short, extended or damaged" } else { "damaged" })
        }
        _ => format!("{is} not sound: {it} {is} {}", of_part(header, part)),
    }
}

/// What is wrong with a frame, which may be `partial`.
fn fault(damage: FrameDamage, partial: bool) -> String {
    match damage {
        FrameDamage::Refused(FrameFault::Mac) if partial => "cut short, extended or damaged".to_owned(),
        FrameDamage::Refused(FrameFault::Mac) => "damaged".to_owned(),
        FrameDamage::Refused(fault) => fault.to_string(),
        FrameDamage::Unreadable { os_error } => unreadable(os_error.map(io::Error::from_raw_os_error).as_ref()),
    }
}

/// The total of what is missing from `input`; `output` has the rest.
pub(in crate::cli) fn not_all(
    input: &Label,
    output: &Label,
    totals: &Totals,
    end_lost: bool,
    filling: Filling,
) -> Failure {
    let frames = |count: u64| format!("{count} frame{}", if count == 1 { "" } else { "s" });
    let mut facts = Vec::new();
    if totals.missing_frames > 0 {
        let (missing, bytes) = (frames(totals.missing_frames), totals.missing_bytes);
        let are = if totals.missing_frames == 1 { "is" } else { "are" };
        facts.push(format!("{missing} {are} missing, {} of plaintext", count_of_bytes(bytes)));
    }
    if end_lost {
        facts.push("the end is missing".to_owned());
    }
    let are = if totals.sound_frames == 1 { "is" } else { "are" };
    facts.push(format!("{} {are} sound, {}", frames(totals.sound_frames), count_of_bytes(totals.sound_bytes)));
    let output = display_name(output);
    let hint = match filling {
        _ if totals.missing_frames == 0 => format!("{output} has everything before the missing end"),
        Filling::Zeros => format!("{output} has the sound frames in their places, and zeros where frames are missing"),
        Filling::Nothing => format!("{output} has the sound frames, with nothing where frames are missing"),
    };
    Failure::new(Exit::BadStream, format!("not whole: {}", facts.join(", "))).about(input).with_hint(hint)
}

/// What is reported about a frame that could not be read.
pub(in crate::cli) fn unreadable(error: Option<&io::Error>) -> String {
    let why = error.map(|error| format!(": {}", describe(error))).unwrap_or_default();
    format!("cannot be read{why}")
}

/// The plaintext that damaged frames would hold; in a live stream, only the frames themselves say which that is.
fn plaintext(header: &Header, damaged: &DamagedFrames) -> Option<Span> {
    if header.prefix.features.contains(Features::LIVE) {
        return None;
    }
    let payload = header.prefix.frame_size.payload() as u64;
    let start = damaged.first * payload;
    // Nothing authenticated says where a short frame ends.
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
    /// The rest of the input could not be read.
    Unreadable,
}

/// What a survey of `input` found, given how it `ended`, in one fact.
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
        Ended::Cut if survey.damaged_frames() == 0 => {
            facts.push("unfinished, or cut short".to_owned());
        }
        Ended::Cut => facts.push("the end is missing".to_owned()),
        Ended::Unreadable => facts.push("the rest cannot be read".to_owned()),
    }
    if ended == Ended::AtTheEnd && survey.is_sound_up_to_an_end() {
        facts.push("it may be unfinished".to_owned());
    }
    let sound = match survey.sound {
        0 => "no frame is sound".to_owned(),
        1 => "1 frame is sound".to_owned(),
        count => format!("{count} frames are sound"),
    };
    facts.push(sound);
    let hint = if survey.unreadable > 0 || ended == Ended::Unreadable { OFF_THIS_DISK } else { OTHER_COPY };
    Failure::new(Exit::BadStream, format!("not whole: {}", facts.join(", ")))
        .about(input)
        .with_hint(if survey.sound > 0 { or_salvage(hint, input) } else { hint.to_owned() })
}
