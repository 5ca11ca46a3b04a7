//! What a salvage reports while it runs, and keeps for its final report.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::map::MapFile;
use crate::{
    cli::messages::{damage, failure::Failure, message::Message, report},
    container::{Header, Resealing},
    files::{label::Label, output::Destination},
    pipeline::{Stretch, StretchListener},
};

/// The most ranges that are listed for people; programs get all of them.
const MOST_LINES: u64 = 100;

/// Reports each range that is missing, and puts every range on the map.
pub(super) struct Account<'a> {
    input: &'a Label,
    header: &'a Header,
    kept: Mutex<Kept>,
}

struct Kept {
    map: Option<MapFile>,
    missing: u64,
    resealing: Resealing,
}

impl<'a> Account<'a> {
    pub fn new(input: &'a Label, header: &'a Header, map: Option<MapFile>) -> Self {
        let kept = Kept { map, missing: 0, resealing: Resealing::default() };
        Self { input, header, kept: Mutex::new(kept) }
    }

    /// Reports how many missing ranges were not listed.
    pub fn report_unlisted(&self) {
        let unlisted = self.kept().missing.saturating_sub(MOST_LINES);
        if unlisted > 0 && !report::is_json() {
            let ranges = if unlisted == 1 { "range is" } else { "ranges are" };
            report::finding(&Message::about(
                self.input,
                format!("{unlisted} more {ranges} missing; --map FILE writes a map of all of them"),
            ));
        }
    }

    /// The record of what is missing; `left_out` says whether those bytes are left out, rather than zeros.
    pub fn resealing(&self, left_out: bool) -> Resealing {
        Resealing { left_out, ..self.kept().resealing.clone() }
    }

    /// Whether the end of the stream is missing.
    pub fn end_lost(&self) -> bool {
        self.kept().resealing.end_lost
    }

    /// Gives the map its name, if there is a map.
    pub fn finish_map(&self, destination: Option<&Destination>) -> Result<(), Failure> {
        let map = self.kept().map.take();
        map.zip(destination).map_or(Ok(()), |(map, destination)| map.finish(destination))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StretchListener for Account<'_> {
    fn on_stretch(&self, stretch: &Stretch) {
        let mut kept = self.kept();
        let finding = match stretch {
            Stretch::Sound { plaintext, .. } => {
                kept.map.iter_mut().for_each(|map| map.block(plaintext, true));
                return;
            }
            Stretch::Missing { part, plaintext } => {
                kept.map.iter_mut().for_each(|map| map.block(plaintext, false));
                let Resealing { gaps, unlisted, .. } = &mut kept.resealing;
                match plaintext.is_empty() {
                    true => {}
                    false if gaps.len() < Resealing::MOST_GAPS => gaps.push(plaintext.clone()),
                    false => *unlisted += 1,
                }
                damage::missing(self.input, self.header, part, plaintext)
            }
            Stretch::LostEnd { first_frame, plaintext, part } => {
                kept.resealing.end_lost = true;
                damage::lost_end(self.input, self.header, *first_frame, *plaintext, part.as_ref())
            }
        };
        kept.missing += 1;
        let is_end = matches!(stretch, Stretch::LostEnd { .. });
        if is_end || kept.missing <= MOST_LINES || report::is_json() {
            report::finding(&finding);
        }
    }
}
