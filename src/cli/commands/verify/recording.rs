//! What is reported about the recordings in a folder, once each of its segments has been verified.

use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use crate::{
    cli::{
        messages::{
            byte_count::count_of_bytes,
            display_name::display_path,
            failure::{Exit, Failure},
            recording::{findings, segments_of},
            report, standard_output, stream_failure,
        },
        plan::{Inputs, VerifyPlan},
    },
    files::input::InputFile,
    record::{
        Removals, SegmentEnd, SegmentFacts,
        chain::{RecordingState, Tail, recordings},
        may_be_segments, segment_at, streams_in,
    },
    stream::{OpenedStream, StreamFile},
};

/// The folders of recordings that were named, with their segments.
pub(super) struct Recordings {
    folders: Vec<PathBuf>,
    /// For each segment, the number of frames after which the next segment says that it ended.
    wanted: Vec<u64>,
    segments: Mutex<Vec<Segment>>,
}

struct Segment {
    path: PathBuf,
    facts: SegmentFacts,
    /// Whether every frame of it authenticates.
    is_sound: bool,
}

impl Recordings {
    /// In `inputs`, replaces each folder that contains segments by the streams directly in it, as well as each folder
    /// that contains only streams whose headers are damaged, since those may be segments. Other folders are left as
    /// they are.
    pub fn expand(inputs: &mut Inputs) -> Result<Self, Failure> {
        let mut recordings = Self { folders: Vec::new(), wanted: Vec::new(), segments: Mutex::default() };
        if inputs.below_folders.is_some() {
            return Ok(recordings);
        }
        let mut named = Vec::new();
        for path in std::mem::take(&mut inputs.named) {
            let streams = if path.is_dir() { streams_in(&path) } else { Ok(Vec::new()) };
            let streams = streams.map_err(|error| Failure::system(path.as_path(), "cannot read", &error))?;
            let may_be_segments = may_be_segments(&streams);
            let mut streams: Vec<_> = streams.into_iter().map(|stream| (segment_at(&stream), stream)).collect();
            if streams.iter().all(|(record, _)| record.is_none()) && !may_be_segments {
                named.push(path);
                continue;
            }
            // Files that are not segments come last.
            streams.sort_by_key(|(record, _)| record.map_or(u64::MAX, |record| record.number));
            for (record, stream) in streams {
                recordings.wanted.extend(record.map(|record| record.predecessor.frames));
                named.push(stream);
            }
            recordings.folders.push(path);
        }
        inputs.named = named;
        Ok(recordings)
    }

    /// Notes what is known about `input`, which was opened as `stream`, and whether it `is_sound`.
    pub fn note(&self, input: &InputFile, stream: &OpenedStream, is_sound: bool) -> Result<(), Failure> {
        let (Some(path), Some(record)) = (input.path(), stream.header().segment()) else { return Ok(()) };
        if self.folder_of(path).is_none() {
            return Ok(());
        }
        let layout = stream.header().layout();
        let file = StreamFile::new(&input.file, input.metadata.len(), 0, layout);
        let facts = SegmentFacts::of(record, stream, &file, &self.wanted);
        let facts = facts.map_err(|error| stream_failure::reading(&input.label, layout, &error))?;
        let segment = Segment { path: path.to_owned(), facts, is_sound };
        self.segments.lock().unwrap_or_else(PoisonError::into_inner).push(segment);
        Ok(())
    }

    fn folder_of(&self, path: &Path) -> Option<&Path> {
        self.folders.iter().map(PathBuf::as_path).find(|folder| path.parent() == Some(folder))
    }

    /// Reports whether each recording is whole. If a recording is not, that is a failure, even if all its files are
    /// whole.
    pub fn report(self, ended: Result<(), Exit>, plan: &VerifyPlan) -> Result<(), Exit> {
        let Self { folders, segments, .. } = self;
        let segments = segments.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut worst = ended.err();
        for folder in &folders {
            let mut here: Vec<_> =
                segments.iter().filter(|segment| segment.path.parent() == Some(folder.as_path())).collect();
            // They were verified in parallel.
            here.sort_by(|one, other| one.path.cmp(&other.path));
            let facts: Vec<_> = here.iter().map(|segment| segment.facts.clone()).collect();
            let removals = Removals::noted_in(folder);
            for state in recordings(&facts) {
                if let Err(failure) = verdict(folder, (&here, &facts), &state, &removals, plan) {
                    worst = worst.max(Some(report::failure(&failure)));
                }
            }
        }
        worst.map_or(Ok(()), Err)
    }
}

fn verdict(
    folder: &Path,
    (segments, facts): (&[&Segment], &[SegmentFacts]),
    state: &RecordingState,
    removals: &Removals,
    plan: &VerifyPlan,
) -> Result<(), Failure> {
    let paths: Vec<_> = segments.iter().map(|segment| segment.path.as_path()).collect();
    let recording = state.segments.first().and_then(|&first| facts.get(first)).map(|first| first.record.recording);
    let recording = recording.unwrap_or_default();
    let was_removed = |numbers: &RangeInclusive<u64>| removals.cover(&recording, numbers);
    let [first, second, third, fourth, ..] = recording;
    let name = format!("recording {first:02x}{second:02x}{third:02x}{fourth:02x}");
    let count = match state.segments.len() {
        1 => "1 segment".to_owned(),
        count => format!("{count} segments"),
    };
    let damaged = state.segments.iter().filter(|&&place| segments.get(place).is_some_and(|segment| !segment.is_sound));
    let damaged = damaged.count();
    // Only at the start: after a gap in the middle, nothing links what follows to what came before.
    let removed = state.missing_start_alone().filter(was_removed);
    let is_allowed = plan.allows_removed && removed.is_some();
    if damaged == 0 && (state.is_whole() || is_allowed) {
        if plan.many.reporting.quiet {
            return Ok(());
        }
        let but = removed.map(|missing| format!(" but for {}, removed by its recorder", segments_of(&missing)));
        let but = but.unwrap_or_default();
        let interrupted = matches!(state.tail, Tail::Ended { interrupted: true });
        let ending = if interrupted { "; it was interrupted, and ended there" } else { "" };
        let bytes = state.bytes;
        return standard_output::line(&format_args!(
            "{}: {name}: whole{but}, {count}, {}{ending}",
            display_path(folder),
            count_of_bytes(bytes)
        ));
    }
    findings(folder, &paths, facts, state, was_removed).iter().for_each(report::finding);
    let damage = match damaged {
        0 => String::new(),
        1 => ", 1 of them damaged or unfinished".to_owned(),
        damaged => format!(", {damaged} of them damaged or unfinished"),
    };
    let failure = Failure::new(Exit::BadStream, format!("{name} is not whole: {count} of it found{damage}"));
    let is_damaged = |place: &usize| {
        let segment = segments.get(*place);
        segment.is_some_and(|segment| !segment.is_sound && matches!(segment.facts.end, SegmentEnd::Final(_)))
    };
    let hint = if state.segments.iter().any(is_damaged) {
        "reelseal salvage recovers the intact parts of each damaged segment"
    } else if damaged == 0 && removed.is_some() {
        "--allow-removed believes that note; whoever can delete segments there could have written it"
    } else if state.breaks.iter().all(|(.., why)| why.is_gap()) {
        "reelseal decrypt FOLDER -o FILE --allow-gaps decrypts what is there"
    } else {
        "move what does not belong out of the folder, or use another copy of it"
    };
    Err(failure.about(folder).with_hint(hint))
}
