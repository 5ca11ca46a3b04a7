//! What `inspect` finds out about one stream, as data.

use serde::Serialize;

use super::{
    slot_findings::{KnownSlotFindings, SlotFindings, UnknownSlotFindings, in_kebab_case},
    time::time,
};
use crate::{
    container::{CopyNumber, Features, FrameTag, HeaderClaims, HeaderError, Layout, Record, Resealing, StreamCut},
    keys::{KeySlot, SlotKind},
    stream::{RefusedHeader, StreamHeader},
};

#[derive(Serialize)]
pub(crate) struct Findings {
    pub file: String,
    pub version: Option<u8>,
    pub frame_size: Option<usize>,
    pub features: Vec<String>,
    pub header_length: Option<usize>,
    pub copies: Vec<CopyFindings>,
    pub slots: Vec<SlotFindings>,
    /// What was missing from the damaged stream that this one was made from, and from the one before that; oldest
    /// first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resealed: Vec<ResealedFindings>,
    /// Only for a segment of a recording.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<SegmentFindings>,
    /// `None` for a pipe.
    pub length: Option<LengthFindings>,
    /// `None` without a secret.
    pub authenticated: Option<Authenticated>,
    pub problems: Vec<String>,
}

#[derive(Serialize)]
pub(crate) struct CopyFindings {
    pub state: CopyState,
    pub generation: Option<u64>,
    pub counts: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CopyState {
    Sound,
    Damaged,
    /// Missing, or of a version whose checksums are not known.
    Unknown,
}

/// What a record of a resealing says.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum ResealedFindings {
    Known { end_lost: bool, left_out: bool, missing: Vec<MissingBytes>, unlisted: u64 },
    Malformed { malformed: bool },
}

/// Bytes of a plaintext.
#[derive(Serialize)]
pub(crate) struct MissingBytes {
    pub first: u64,
    pub end: u64,
}

impl ResealedFindings {
    fn of(record: &Record) -> Self {
        let Some(Resealing { end_lost, left_out, gaps, unlisted }) = Resealing::of(record) else {
            return Self::Malformed { malformed: true };
        };
        let missing = gaps.into_iter().map(|gap| MissingBytes { first: gap.start, end: gap.end }).collect();
        Self::Known { end_lost, left_out, missing, unlisted }
    }
}

/// What a segment says about its place in a recording.
#[derive(Serialize)]
pub(crate) struct SegmentFindings {
    /// The recording's id, in hexadecimal digits.
    pub recording: String,
    pub number: u64,
    /// Where it begins in the plaintext of the recording.
    pub offset: u64,
}

#[derive(Serialize)]
pub(crate) struct LengthFindings {
    pub stream: u64,
    pub frames: Option<u64>,
    pub plaintext: Option<u64>,
    /// For a live stream, an upper bound.
    pub at_most: bool,
    pub cut: bool,
}

#[derive(Serialize)]
pub(crate) struct Authenticated {
    pub header: bool,
    /// The number of the key slot that opened, as `passwd --list` shows it, and its kind.
    pub slot: usize,
    #[serde(serialize_with = "in_kebab_case")]
    pub slot_kind: SlotKind,
    pub frames: Option<u64>,
    pub plaintext: Option<u64>,
    pub interrupted: Option<bool>,
    pub first_time: Option<String>,
    pub last_time: Option<String>,
}

impl Findings {
    /// No findings yet about `file`, which has `length` bytes if that is known.
    pub fn new(file: &str, length: Option<u64>) -> Self {
        Self {
            file: file.to_owned(),
            version: None,
            frame_size: None,
            features: Vec::new(),
            header_length: None,
            copies: Vec::new(),
            slots: Vec::new(),
            resealed: Vec::new(),
            segment: None,
            length: length.map(LengthFindings::unread),
            authenticated: None,
            problems: Vec::new(),
        }
    }

    /// Records what the first bytes claim; `copies` is what is known about both copies.
    fn claim(&mut self, claims: &HeaderClaims, copies: CopyState) {
        self.version = Some(claims.version);
        if !claims.is_of_known_version() {
            return;
        }
        self.frame_size = claims.frame_size.map(|size| size.payload());
        self.features = feature_names(claims.features);
        self.header_length = claims.header_length.map(|length| length.bytes());
        let copy = || CopyFindings { state: copies, generation: None, counts: false };
        self.copies = vec![copy(), copy()];
    }

    /// Records what can be seen of a refused header.
    pub fn refused(&mut self, refused: &RefusedHeader) {
        match (&refused.found, &refused.claims) {
            (Some(found), _) => self.copies(found.copy.authenticated(), found.number, |copy| found.generation_of(copy)),
            (None, Some(claims)) => self.claim(claims, state_of_copies(&refused.error)),
            (None, None) => {}
        }
    }

    /// Records the content of a sound header, the state of both copies, the key slots, and what the length says about
    /// frames.
    pub fn header<I>(&mut self, found: &StreamHeader<I>) {
        self.copies(found.parsed().authenticated(), found.number(), |copy| found.generation_of(copy));
        let header = found.header();
        let slots = header.records.iter().filter_map(|record| record.slot().ok().flatten());
        let unknown = header.records.iter().filter(|record| record.is_unknown_slot());
        let unknown = unknown.map(|record| UnknownSlotFindings { kind_number: record.kind() });
        self.slots = slots.map(|slot| SlotFindings::of(&slot)).chain(unknown.map(SlotFindings::Unknown)).collect();
        let resealed = header.records.iter().filter(|record| Resealing::is(record));
        self.resealed = resealed.map(ResealedFindings::of).collect();
        self.segment = header.segment().map(|segment| SegmentFindings {
            recording: base16ct::lower::encode_string(&segment.recording),
            number: segment.number,
            offset: segment.offset,
        });
        let (layout, features) = (header.layout(), header.prefix.features);
        self.length = self.length.take().map(|length| LengthFindings::of(length.stream, layout, features));
    }

    fn copies(&mut self, bytes: &[u8], counts: CopyNumber, generation_of: impl Fn(CopyNumber) -> Option<u64>) {
        if let Some(claims) = HeaderClaims::read(bytes) {
            self.claim(&claims, CopyState::Damaged);
        }
        for (copy, number) in self.copies.iter_mut().zip([CopyNumber::First, CopyNumber::Second]) {
            copy.generation = generation_of(number);
            copy.state = if copy.generation.is_some() { CopyState::Sound } else { CopyState::Damaged };
            copy.counts = number == counts;
        }
    }

    /// Whether a passphrase may open the stream.
    pub fn has_passphrase_slot(&self) -> bool {
        self.slots
            .iter()
            .any(|slot| matches!(slot, SlotFindings::Known(KnownSlotFindings { kind: SlotKind::Passphrase, .. })))
    }
}

/// What a refused header says about its two copies.
fn state_of_copies(error: &HeaderError) -> CopyState {
    match error {
        HeaderError::Damaged | HeaderError::FrameSize(_) | HeaderError::HeaderLength(_) => CopyState::Damaged,
        _ => CopyState::Unknown,
    }
}

impl LengthFindings {
    fn unread(stream: u64) -> Self {
        Self { stream, frames: None, plaintext: None, at_most: false, cut: false }
    }

    /// What follows from a length of `stream` bytes in this layout.
    fn of(stream: u64, layout: Layout, features: Features) -> Self {
        let unread = Self::unread(stream);
        match layout.extent(stream) {
            Ok(extent) => Self {
                frames: Some(extent.last_index + 1),
                plaintext: Some(layout.most_plaintext(extent)),
                at_most: features.contains(Features::LIVE),
                ..unread
            },
            Err(StreamCut { .. }) => Self { cut: true, ..unread },
        }
    }
}

impl Authenticated {
    /// The header was authenticated with the key in `slot`.
    pub fn by(slot: &KeySlot) -> Self {
        Self {
            header: true,
            slot: slot.number().get(),
            slot_kind: slot.kind(),
            frames: None,
            plaintext: None,
            interrupted: None,
            first_time: None,
            last_time: None,
        }
    }

    /// Records what the final frame says.
    pub fn end(&mut self, last: &FrameTag) {
        self.frames = Some(last.index + 1);
        self.plaintext = last.end();
        self.interrupted = Some(last.flags.is_interrupted());
        self.last_time = time(last.time);
    }
}

fn feature_names(features: Features) -> Vec<String> {
    let known = [(Features::LIVE, "live"), (Features::TIMED, "timed")];
    let names = known.iter().filter(|(feature, _)| features.contains(*feature)).map(|(_, name)| (*name).to_owned());
    let unknown = features.beyond(Features::LIVE.union(Features::TIMED));
    let unknown = (unknown != Features::NONE).then(|| format!("unknown {:#010x}", unknown.bits()));
    names.chain(unknown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_features_are_named_by_their_bits() {
        assert_eq!(feature_names(Features::from_bits(0x0100_0003)), ["live", "timed", "unknown 0x01000000"]);
        assert!(feature_names(Features::NONE).is_empty());
    }
}
