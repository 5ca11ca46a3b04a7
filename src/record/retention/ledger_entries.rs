//! What a recorder remembers across restarts, as lines of a text file.
//!
//! A line `recording ID` names a recording of this recorder, in the order in which they were made; `handled ID NUMBER`
//! a segment that the program has been run for; `removed ID FIRST LAST` segments that the recorder removed.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write,
    ops::RangeInclusive,
};

use super::number_ranges::NumberRanges;
use crate::container::RECORDING_ID_LENGTH;

pub(super) type Id = [u8; RECORDING_ID_LENGTH];

const HEADING: &str = "# Which segments in this folder are this recorder's; see reelseal record --help.\n";

/// What a recorder remembers across restarts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct LedgerEntries {
    pub recordings: Vec<Id>,
    pub handled: HashSet<(Id, u64)>,
    pub removed: HashMap<Id, NumberRanges>,
}

impl LedgerEntries {
    /// The contents of the file, and whether it holds anything that no recorder writes. A note that a crash cut off at
    /// the end of the file is ignored.
    pub fn parse(bytes: &[u8]) -> (Self, bool) {
        let (mut entries, mut is_damaged) = (Self::default(), false);
        for line in String::from_utf8_lossy(bytes).split_inclusive('\n') {
            is_damaged |= match line.strip_suffix('\n') {
                Some(line) => entries.add(line).is_none(),
                None => !["handled ", "removed "].iter().any(|word| word.starts_with(line) || line.starts_with(word)),
            };
        }
        (entries, is_damaged)
    }

    /// `None` if that is not one of our lines.
    fn add(&mut self, line: &str) -> Option<()> {
        if line.is_empty() || line.starts_with('#') {
            return Some(());
        }
        match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["recording", id] => self.recordings.push(id_of(id)?),
            ["handled", id, number] => drop(self.handled.insert((id_of(id)?, number.parse().ok()?))),
            ["removed", id, first, last] => {
                let numbers = first.parse().ok()?..=last.parse().ok()?;
                self.removed.entry(id_of(id)?).or_default().add(numbers);
            }
            _ => return None,
        }
        Some(())
    }

    /// Forgets everything of which no segment is left; `is_left` says which recordings and segments are.
    pub fn forget(&mut self, is_left: impl Fn(&Id, Option<u64>) -> bool) {
        self.recordings.retain(|recording| is_left(recording, None));
        self.handled.retain(|(recording, number)| is_left(recording, Some(*number)));
        self.removed.retain(|recording, _| is_left(recording, None));
    }

    /// The whole file.
    pub fn text(&self) -> String {
        let mut text = HEADING.to_owned();
        // Writing to a string does not fail.
        for id in &self.recordings {
            let _ = writeln!(text, "recording {}", hex(id));
        }
        for (id, number) in &self.handled {
            text += &handled_line(id, *number);
        }
        for (id, numbers) in &self.removed {
            numbers.iter().for_each(|numbers| text += &removed_line(id, &numbers));
        }
        text
    }
}

pub(super) fn handled_line(id: &Id, number: u64) -> String {
    format!("handled {} {number}\n", hex(id))
}

pub(super) fn removed_line(id: &Id, numbers: &RangeInclusive<u64>) -> String {
    format!("removed {} {} {}\n", hex(id), numbers.start(), numbers.end())
}

fn hex(id: &Id) -> String {
    base16ct::lower::encode_string(id)
}

fn id_of(text: &str) -> Option<Id> {
    let mut id = Id::default();
    let length = base16ct::lower::decode(text, &mut id).ok()?.len();
    (length == RECORDING_ID_LENGTH).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "01010101010101010101010101010101";

    #[test]
    fn what_was_written_is_read() {
        let mut entries = LedgerEntries {
            recordings: vec![[2; 16], [1; 16]],
            handled: HashSet::from([([1; 16], 7), ([2; 16], 1)]),
            ..LedgerEntries::default()
        };
        let removed = entries.removed.entry([1; 16]).or_default();
        removed.add(1..=4);
        removed.add(9..=9);
        assert_eq!(LedgerEntries::parse(entries.text().as_bytes()), (entries, false));
        assert_eq!(LedgerEntries::parse(b""), (LedgerEntries::default(), false));
    }

    #[test]
    fn a_line_that_a_crash_cut_off_is_ignored_and_is_no_damage() {
        let recordings = format!("recording {ONE}\n");
        let noted = format!("handled {ONE} 7\nremoved {ONE} 1 3\n");
        let whole = recordings.clone() + &noted;
        for length in 0..whole.len() {
            let (entries, is_damaged) = LedgerEntries::parse(&whole.as_bytes()[..length]);
            let count = [entries.recordings.len(), entries.handled.len(), entries.removed.len()];
            let lines = whole[..length].matches('\n').count();
            assert_eq!(count, [usize::from(lines > 0), usize::from(lines > 1), 0], "{length}");
            // The lines that name recordings are written as a whole.
            assert_eq!(is_damaged, ("rec".len()..recordings.len()).contains(&length), "{length}");
        }
        let (entries, is_damaged) = LedgerEntries::parse(whole.as_bytes());
        assert!(!is_damaged && entries.removed[&[1; 16]].cover(&(1..=3)));
    }

    #[test]
    fn what_no_recorder_writes_is_damage_and_the_rest_is_kept() {
        let sound = format!("# heading\n\nrecording {ONE}\n");
        for line in ["recording 0101\n", "recording\n", "handled x 1\n", "removed 1\n", "\0\0\0", "film", "\u{e9}\n"] {
            let (entries, is_damaged) = LedgerEntries::parse((sound.clone() + line).as_bytes());
            assert_eq!((entries.recordings, is_damaged), (vec![[1; 16]], true), "{line:?}");
        }
        assert!(LedgerEntries::parse(format!("handled {ONE} x\n").as_bytes()).1);
        assert!(LedgerEntries::parse(b"\xff\xfe\n").1);
    }
}
