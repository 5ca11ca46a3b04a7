//! Decrypting the segments of a recording, one after another, to one output.

use std::{
    path::{Path, PathBuf},
    sync::atomic::Ordering,
};

use super::{Decryption, halt::Halt};
use crate::{
    cli::{
        job::{
            admission::Admission,
            assignments::{Assignments, Job},
            delivery::Delivery,
            inputs::{self, Started},
            opened_input::{InputHeader, warn_of_damaged_copy},
        },
        messages::{
            failure::{Exit, Failure},
            progress::FileProgress,
            recording::{
                gap_allowed, missing_next, missing_start, not_continued, of_several_recordings, replaced,
                unfinished_at_the_end,
            },
            report, stream_failure,
        },
        plan::{DecryptPlan, Inputs, WholeRecording},
        secrets::{keyring::Keyring, question::Question},
    },
    container::{HeaderError, Layout, SegmentRecord},
    files::{
        input::{InputError, InputErrorKind, InputFile},
        label::Label,
    },
    keys::KeySlot,
    pipeline::{Opening, Workers},
    record::{GrowingStream, SegmentEnd, SegmentFacts, by_recording, chain, read_segment, segment_at, streams_in},
    signals::Startup,
    stream::{HeaderReadError, StreamError, StreamFile, widen_pipe},
};

/// A segment, and what was found out about it before anything was written.
struct Checked {
    path: PathBuf,
    facts: SegmentFacts,
    slot: KeySlot,
    /// How many of its bytes are delivered.
    length: u64,
}

/// Decrypts segments that follow one another; refuses others before anything is written.
pub(super) fn decrypt_recording(plan: &DecryptPlan, how: WholeRecording, startup: Startup) -> Result<(), Exit> {
    run(plan, how, startup).map_err(|failure| report::failure(&failure))
}

fn run(plan: &DecryptPlan, how: WholeRecording, startup: Startup) -> Result<(), Failure> {
    let segments = segments(&plan.many.inputs.named, how.allows_gaps)?;
    let mut many = plan.many.clone();
    many.inputs = Inputs { named: segments.iter().map(|(path, _)| path.clone()).collect(), ..many.inputs };
    let Started { watching, secret, inputs, passed_over, progress, .. } = inputs::start(&many, startup)?;
    let assignments = Assignments::to_one_output(&plan.placement, &inputs, secret.metadata(), &passed_over);
    let question = Question::to_open(many.inputs.named.iter().map(|path| Some(path.as_path())));
    let keyring = Keyring::new(secret, many.limits, question);
    let mut inputs = inputs.into_iter();
    let Some(first) = inputs.next().transpose()? else { return Ok(()) };
    let Some(job) = assignments.assign(&first)? else { return Ok(()) };
    let checked = check(&segments, how, &keyring)?;
    if plan.many.inputs.named.iter().any(|path| path.is_dir()) {
        warn_of_missing_ends(&checked);
    }
    let admission = Admission::new(many.threads);
    let decryption = Decryption { plan, assignments, admission, progress: &progress, watching: &watching };
    decryption.segments(&job, &checked, &keyring)
}

/// For a folder, a complete recording is expected, though its start may have expired.
fn warn_of_missing_ends(segments: &[Checked]) {
    if let Some(Checked { path, facts, .. }) = segments.first().filter(|first| first.facts.record.number > 1) {
        report::warning(&missing_start(path, facts.record.number));
    }
    if let Some(Checked { path, facts, .. }) = segments.last()
        && matches!(facts.end, SegmentEnd::Final(flags) if flags.is_continued())
    {
        report::warning(&missing_next(path, facts.record.number.saturating_add(1)));
    }
}

/// Refuses the folder of a recording if there is no single output for it, or only a part is wanted.
pub(super) fn refuse_folder(plan: &DecryptPlan) -> Result<(), Failure> {
    let inputs = &plan.many.inputs;
    let holds_segments = |folder: &Path| {
        let streams = if folder.is_dir() { streams_in(folder) } else { Ok(Vec::new()) };
        streams.is_ok_and(|streams| streams.iter().any(|path| segment_at(path).is_some()))
    };
    let Some(folder) = inputs.named.iter().find(|path| inputs.below_folders.is_none() && holds_segments(path)) else {
        return Ok(());
    };
    let (fact, hint) = match plan.part {
        Some(_) => (
            "is the folder of a recording, and a part is taken from one stream",
            "name the segment that has it; segments are named after the time at which they begin",
        ),
        None => (
            "is the folder of a recording, and its segments need one output",
            "name it with -o FILE; or decrypt each by itself: reelseal decrypt --recursive FOLDER",
        ),
    };
    Err(Failure::usage(fact).about(folder.as_path()).with_hint(hint))
}

/// The segments that are `named`; those in a folder are ordered by their numbers.
fn segments(named: &[PathBuf], allows_gaps: bool) -> Result<Vec<(PathBuf, SegmentRecord)>, Failure> {
    let mut segments = Vec::new();
    let mut others = Vec::new();
    for path in named {
        if path.is_dir() {
            let streams = streams_in(path).map_err(|error| Failure::system(path.as_path(), "cannot read", &error))?;
            let (mut found, mut refused) = (Vec::new(), Vec::new());
            for path in streams {
                match read_segment(&path) {
                    Ok(Some(record)) => found.push((path, record)),
                    Ok(None) => {}
                    // It has just been begun.
                    Err(HeaderReadError::Refused(cut)) if cut.error == HeaderError::Cut => {}
                    Err(error) => refused.push(stream_failure::header_read(&Label::from(path.as_path()), &error)),
                }
            }
            if found.is_empty() {
                let (label, kind) = (Label::from(path.as_path()), InputErrorKind::Folder);
                return Err(InputError { label, kind }.into());
            }
            for failure in refused {
                if !allows_gaps {
                    return Err(failure.with_hint("it may be a segment; --allow-gaps leaves it out"));
                }
                report::warning(failure.message());
            }
            // Recordings in the order of their first segments' names, which are times unless the user chose other
            // names.
            let recordings = by_recording(found, |(_, record)| record);
            if recordings.len() > 1 && !allows_gaps {
                return Err(of_several_recordings(path));
            }
            segments.extend(recordings.into_iter().flatten());
        } else {
            match segment_at(path) {
                Some(record) => segments.push((path.clone(), record)),
                None => others.push(path),
            }
        }
    }
    match others.first() {
        None => Ok(segments),
        Some(_) if segments.is_empty() => Err(Failure::usage("several inputs cannot all go to one output")
            .with_hint("leave -o out, or put the results into a folder with --output-dir DIR")),
        Some(other) => {
            // If it cannot be opened, opening it reports why.
            InputFile::open(Some(other))?;
            Err(Failure::usage("is not a segment of a recording, and cannot share an output with others")
                .about(other.as_path())
                .with_hint("run reelseal for it alone"))
        }
    }
}

/// Opens every segment, and checks that each continues the one before it.
fn check(
    segments: &[(PathBuf, SegmentRecord)],
    how: WholeRecording,
    keyring: &Keyring,
) -> Result<Vec<Checked>, Failure> {
    let wanted: Vec<_> = segments.iter().map(|(_, record)| record.predecessor.frames).collect();
    let mut checked: Vec<Checked> = Vec::new();
    for (path, _) in segments {
        let (facts, slot) = facts(path, keyring, &wanted)?;
        if let Some(before) = checked.last_mut() {
            let joint = chain::join(&before.facts, &facts, how.allows_gaps);
            let joint = joint.map_err(|why| not_continued(&before.path, path, &why))?;
            before.length = joint.length;
            if let Some(gap) = joint.gap {
                report::warning(&gap_allowed(&before.path, path, &gap, slot.kind()));
            }
        }
        checked.push(Checked { path: path.clone(), length: facts.length, facts, slot });
    }
    match checked.last() {
        Some(last) if last.facts.end == SegmentEnd::Missing => {
            let unfinished = unfinished_at_the_end(&last.path, last.facts.length);
            if !how.allows_gaps {
                return Err(unfinished);
            }
            report::warning(unfinished.message());
            Ok(checked)
        }
        _ => Ok(checked),
    }
}

fn facts(path: &Path, keyring: &Keyring, wanted: &[u64]) -> Result<(SegmentFacts, KeySlot), Failure> {
    let input = InputFile::open(Some(path))?;
    input.check_apart_from(keyring.metadata().as_ref())?;
    let header = InputHeader::read(&input, |_| {})?;
    warn_of_damaged_copy(&input.label, header.header().damaged_copy());
    let (stream, _) = header.open(keyring)?;
    let layout = stream.header().layout();
    let file = StreamFile::new(&input.file, input.metadata.len(), 0, layout);
    let record = stream.header().segment().ok_or_else(|| replaced(&input.label))?;
    SegmentFacts::of(record, &stream, &file, wanted)
        .map(|facts| (facts, stream.slot().clone()))
        .map_err(|error| stream_failure::reading(&input.label, layout, &error))
}

impl Decryption<'_> {
    /// Decrypts `segments`, which have been checked, to the output of `job`.
    fn segments(&self, job: &Job, segments: &[Checked], keyring: &Keyring) -> Result<(), Failure> {
        let Some(first) = segments.first() else { return Ok(()) };
        let length = segments.iter().map(|segment| segment.length).fold(0, u64::saturating_add);
        let layout = Layout { frame_size: first.facts.prefix.frame_size, ..Layout::default() };
        let (delivery, consumer) = self.open_delivery(job, layout, Some(length), None)?;
        let progress = self.progress.file(&job.input.label, Some(length), job.destination.is_terminal());
        let progress = progress.opened_by(&first.slot);
        let delivered =
            segments.iter().try_for_each(|segment| self.segment(segment, job, &delivery, &progress, keyring));
        self.end_pieces(delivery, consumer, delivered)?;
        progress.finish(Some(&job.destination.label));
        Ok(())
    }

    fn segment(
        &self,
        segment: &Checked,
        job: &Job,
        delivery: &Delivery<'_>,
        progress: &FileProgress<'_>,
        keyring: &Keyring,
    ) -> Result<(), Halt> {
        let input = InputFile::open(Some(&segment.path)).map_err(Failure::from)?;
        let (stream, frames) = InputHeader::read(&input, |_| {})?.open(keyring)?;
        let Checked { facts, length, .. } = segment;
        // Anyone can read the prefix and the record and copy them into another stream, but not the file key.
        let is_same = stream.header().prefix == facts.prefix && stream.link().is_same(&facts.link);
        if !is_same || stream.header().segment() != Some(facts.record) {
            return Err(replaced(&input.label).into());
        }
        let layout = stream.header().layout();
        let failed = |error: StreamError| {
            let destination = &job.destination.label;
            Halt::of(error, |error| {
                stream_failure::pipeline(&input.label, destination, delivery.is_direct(), layout, error)
            })
        };
        if matches!(facts.end, SegmentEnd::Final(_)) && *length == facts.length {
            widen_pipe(delivery.file());
            let workers = Workers::new(self.plan.many.threads.most(), layout.frame_size);
            let workers = workers.with_progress(progress.delivered());
            let (source, opening) = (frames.source(layout.frame_size), Opening::new(stream.chain()));
            return delivery.deliver_next(&workers, &source, &opening).map_err(failed);
        }
        // From an unfinished segment, only what was verified before is read again.
        let (mut left, mut frames) = (*length, GrowingStream::new(&input.file, stream, 0));
        while left > 0 {
            let frame = frames.next_frame().map_err(failed)?.ok_or_else(|| replaced(&input.label))?;
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(frame.payload().len());
            delivery.deliver_bytes(frame.payload().get(..wanted).unwrap_or_default()).map_err(failed)?;
            progress.delivered().fetch_add(wanted as u64, Ordering::Relaxed);
            left -= wanted as u64;
            frames.give_back(frame);
        }
        Ok(())
    }
}
