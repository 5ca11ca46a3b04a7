//! Decrypting a part of one input. From a file, only the frames of that part are read; anything else is read up to the
//! end of the part.

use std::{fs::File, ops::Range, sync::atomic::Ordering};

use super::Decryption;
use crate::{
    cli::{
        job::{
            assignments::Job,
            opened_input::{FrameInput, InputFrames},
        },
        messages::{failure::Failure, stream_failure},
        plan::{ByteRange, Part},
    },
    container::Features,
    files::label::Label,
    inspection::time::time,
    pipeline::{PlaintextRange, Selection, Workers, bytes_of_times, frames_of_range},
    stream::{Input, OpenedStream, SealedFile, StreamError, StreamFile, VerifiedFrames, widen_pipe},
};

impl Decryption<'_> {
    /// Decrypts the `part` of an input.
    pub(super) fn part(
        &self,
        job: &Job,
        stream: OpenedStream,
        frames: InputFrames<'_>,
        part: Part,
    ) -> Result<(), Failure> {
        if matches!(part, Part::Times { .. }) && !stream.header().prefix.features.contains(Features::TIMED) {
            return Err(Failure::usage("carries no times").about(&job.input.label).with_hint(
                "select by bytes, with --range; encrypt --timestamps always makes streams that carry times",
            ));
        }
        match frames {
            InputFrames::AtPlaces(file) | InputFrames::InOrder(_, Some(file)) => {
                self.part_of_file(job, stream, file, part)
            }
            InputFrames::InOrder(input, None) => self.part_of_pipe(job, stream, input, part),
        }
    }

    fn part_of_file(
        &self,
        job: &Job,
        stream: OpenedStream,
        file: StreamFile<&File>,
        part: Part,
    ) -> Result<(), Failure> {
        let Job { input, destination, .. } = job;
        let layout = stream.header().layout();
        let failed =
            |error: StreamError| stream_failure::pipeline(&input.label, &destination.label, false, layout, &error);
        let slot = stream.slot().clone();
        let sealed = SealedFile::of(stream, file).map_err(failed)?;
        let range = match part {
            Part::Bytes(range) => {
                range.within(sealed.len()).ok_or_else(|| beyond_the_end(&input.label, sealed.len()))?
            }
            Part::Times { since, until } => {
                let range = bytes_of_times(&sealed, since, until).map_err(failed)?;
                if range.is_empty() {
                    return Err(nothing_arrived(&input.label, &times_of(&sealed).map_err(failed)?));
                }
                range
            }
        };
        let (source, opening) = frames_of_range(&sealed, file, &range).map_err(failed)?;

        let length = range.end - range.start;
        let admitted = self.admission.admit(Some(length), layout.frame_size);
        let (delivery, consumer) = self.open_delivery(job, layout, Some(length), None)?;
        let workers = Workers::new(admitted.workers(self.plan.many.threads.most()), layout.frame_size);
        let progress = self.progress.file(&input.label, Some(length), destination.is_terminal()).opened_by(&slot);
        let workers = workers.with_progress(progress.delivered());
        let delivered = delivery.deliver_range(&workers, &source, &opening, PlaintextRange(range));
        self.end_delivery(delivery, consumer, delivered)?;
        progress.finish(Some(&destination.label));
        Ok(())
    }

    fn part_of_pipe(&self, job: &Job, stream: OpenedStream, rest: FrameInput<'_>, part: Part) -> Result<(), Failure> {
        let Job { input, destination, .. } = job;
        let selection = match part {
            Part::Bytes(ByteRange::Last(_)) => {
                return Err(Failure::usage("is a pipe, and its length is not known in advance")
                    .about(&input.label)
                    .with_hint("count from the start, or store the stream in a file first"));
            }
            Part::Bytes(range) => {
                // No plaintext can be that long, but its actual length must still be read.
                Selection::Bytes(range.within(u64::MAX).unwrap_or(u64::MAX..u64::MAX))
            }
            Part::Times { since, until } => Selection::Times(since, until),
        };
        let layout = stream.header().layout();
        let _admitted = self.admission.admit(None, layout.frame_size);
        widen_pipe(&input.file);
        let (delivery, consumer) = self.open_delivery(job, layout, None, rest.stop())?;
        let progress = self.progress.file(&input.label, None, destination.is_terminal()).opened_by(stream.slot());
        let mut frames = VerifiedFrames::new(stream, rest);
        let delivered = delivery.deliver_selection(&mut frames, &selection, progress.delivered());
        match (part, &delivered) {
            // The command was given nothing, because there is nothing; it is ended when it is dropped.
            (Part::Bytes(range), Ok(Some(length))) if range.within(*length).is_none() => {
                return Err(beyond_the_end(&input.label, *length));
            }
            (Part::Times { .. }, Ok(_)) if progress.delivered().load(Ordering::Relaxed) == 0 => {
                return Err(Failure::usage("nothing arrived in that time").about(&input.label));
            }
            _ => {}
        }
        self.end_delivery(delivery, consumer, delivered.map(drop))?;
        progress.finish(Some(&destination.label));
        Ok(())
    }
}

fn beyond_the_end(input: &Label, length: u64) -> Failure {
    let plural = if length == 1 { "" } else { "s" };
    Failure::usage(format!("the range begins after the end: the plaintext has {length} byte{plural}"))
        .about(input)
        .with_hint("bytes count from 0; -COUNT takes the last ones")
}

/// The time of the first frame and that of the last, which is when the input ended.
fn times_of(sealed: &SealedFile<&File>) -> Result<Range<i64>, StreamError> {
    let first = sealed.frame(0)?.tag().time;
    let last = sealed.frame(sealed.frames().saturating_sub(1))?.tag().time;
    Ok(first..last)
}

fn nothing_arrived(input: &Label, times: &Range<i64>) -> Failure {
    let shown = |microseconds| time(microseconds).unwrap_or_else(|| "?".to_owned());
    Failure::usage("nothing arrived in that time").about(input).with_hint(format!(
        "its times range from {} to {}",
        shown(times.start),
        shown(times.end)
    ))
}
