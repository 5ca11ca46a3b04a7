//! `reelseal passwd --list`: the key slots of a file, as lines or as JSON.

use std::{num::NonZero, path::Path};

use serde::Serialize;
use serde_json::json;

use crate::{
    cli::{
        job::opened_input::{InputHeader, warn_of_damaged_copy},
        messages::{display_name::display_name, event, failure::Failure, key_slot, standard_output, stream_failure},
    },
    files::{input::InputFile, label::Label},
    inspection::slot_findings::{SlotFindings, UnknownSlotFindings},
    keys::{KeySlot, KeySlots, SlotKind},
};

/// Prints one object, or one line per slot, preceded by the file's name if there are several files.
pub(super) fn list(path: &Path, named: bool, json: bool) -> Result<(), Failure> {
    let input = InputFile::open(Some(path))?;
    let header = InputHeader::read(&input, |_| {})?;
    let header = header.header();
    warn_of_damaged_copy(&input.label, header.damaged_copy());
    let slots = KeySlots::of(header.header()).map_err(|error| stream_failure::unlock(&input.label, &error))?;
    if json {
        return standard_output::json(&as_object(&input.label, &slots));
    }
    let front = if named { format!("{}: ", display_name(&input.label)) } else { String::new() };
    let lines = slots.iter().map(|slot| format!("{front}{}: {}\n", slot.number(), described(slot)));
    let unknown = slots.unknown_kinds().map(|kind| format!("{front}-: a key slot of unknown kind {kind}\n"));
    let mut text: String = lines.chain(unknown).collect();
    if slots.iter().any(|slot| slot.kind() == SlotKind::Recipient) {
        text.push_str(&format!(
            "{front}recipients cannot be named: a slot holds at most a short tag of the public key\n"
        ));
    }
    standard_output::text(text.as_bytes())
}

/// A slot of the list for programs.
#[derive(Serialize)]
struct ListedSlot {
    /// The number that --remove takes; `None` for a slot of unknown kind.
    number: Option<NonZero<usize>>,
    #[serde(flatten)]
    findings: SlotFindings,
}

fn as_object(file: &Label, slots: &KeySlots) -> event::Fields {
    let known =
        slots.iter().map(|slot| ListedSlot { number: Some(slot.number()), findings: SlotFindings::of(slot.slot()) });
    let unknown = slots.unknown_kinds().map(|kind_number| ListedSlot {
        number: None,
        findings: SlotFindings::Unknown(UnknownSlotFindings { kind_number }),
    });
    let slots: Vec<_> = known.chain(unknown).collect();
    let mut fields = event::Fields::new();
    event::name(&mut fields, "file", file);
    fields.insert("slots".to_owned(), json!(slots));
    fields
}

fn described(slot: &KeySlot) -> String {
    key_slot::described(&SlotFindings::of(slot.slot()))
}
