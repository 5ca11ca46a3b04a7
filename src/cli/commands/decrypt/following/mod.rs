//! Decrypting a stream, or a recording, while it grows.

mod followed;

use std::{
    io, mem,
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
    sync::Arc,
};

use followed::Followed;

use super::{Decryption, halt::Halt};
use crate::{
    cli::{
        job::{
            admission::Admission,
            assignments::Assignments,
            delivery::Delivery,
            inputs::{self, Started},
        },
        messages::{
            failure::{Exit, Failure},
            message::Message,
            progress::FileProgress,
            recording::{gap_allowed, missing_start, not_continued, recorder_left, recorder_unseen, replaced},
            report, stream_failure,
        },
        plan::{DecryptPlan, Part, WholeRecording},
        secrets::{keyring::Keyring, question::Question},
    },
    container::{Features, HeaderError, Layout, SegmentRecord, TagFlags},
    files::{folders::folder_of, input::InputFile, walk::NamedInput},
    record::{
        FolderWatch, GrowingStream, Presence, RecorderWatch, SegmentFacts, SegmentFiles, Woken,
        chain::{self, Break},
    },
    signals::Startup,
    stream::{DescriptorInput, HeaderReadError, SealedFile, StreamError, StreamFile, StreamHeader, widen_pipe},
};

pub(super) fn follow(plan: &DecryptPlan, how: WholeRecording, startup: Startup) -> Result<(), Exit> {
    run(plan, how, startup).map_err(|failure| report::failure(&failure))
}

fn run(plan: &DecryptPlan, how: WholeRecording, startup: Startup) -> Result<(), Failure> {
    let Started { watching, secret, inputs, passed_over, progress, .. } = inputs::start(&plan.many, startup)?;
    let assignments = Assignments::to_one_output(&plan.placement, &inputs, secret.metadata(), &passed_over);
    let named = plan.many.inputs.named.first().cloned().unwrap_or_default();
    let keyring = Keyring::new(secret, plan.many.limits, Question::to_open([Some(named.as_path())]));
    let admission = Admission::new(plan.many.threads);
    let decryption = Decryption { plan, assignments, admission, progress: &progress, watching: &watching };
    let is_folder = named.is_dir();
    let folder = if is_folder { named.clone() } else { folder_of(&named).to_owned() };
    let places = Places { watch: FolderWatch::new(&folder), files: SegmentFiles::new(&folder), folder };
    let (recorder, allows_gaps) = (RecorderWatch::default(), how.allows_gaps);
    let following =
        Following { decryption: &decryption, keyring: &keyring, places, recorder, is_unseen_said: false, allows_gaps };
    following.run(&named, is_folder)
}

/// Where segments appear.
struct Places {
    folder: PathBuf,
    watch: FolderWatch,
    files: SegmentFiles,
}

struct Following<'a> {
    decryption: &'a Decryption<'a>,
    keyring: &'a Keyring,
    places: Places,
    recorder: RecorderWatch,
    /// Whether it has been reported that no recorder was seen.
    is_unseen_said: bool,
    allows_gaps: bool,
}

impl Following<'_> {
    fn run(mut self, named: &Path, is_folder: bool) -> Result<(), Failure> {
        let first = match is_folder {
            true => self.first_segment()?,
            false => named.to_owned(),
        };
        let followed = self.open(&first)?;
        if let Some(record) = followed.record.filter(|record| is_folder && self.since().is_none() && record.number > 1)
        {
            report::warning(&missing_start(&first, record.number));
        }
        let (decryption, layout) = (self.decryption, Layout::default());
        let input = NamedInput { path: Some(first.clone()), below: PathBuf::new() };
        let Some(job) = decryption.assignments.assign(&input)? else { return Ok(()) };
        let (delivery, consumer) = decryption.open_delivery(&job, layout, None, None)?;
        widen_pipe(delivery.file());
        let progress = decryption.progress.file(&followed.label, None, job.destination.is_terminal());
        let followed = self.follow(followed, &delivery, &progress);
        decryption.end_pieces(delivery, consumer, followed)?;
        progress.finish(Some(&job.destination.label));
        Ok(())
    }

    /// The time to start from, if not the beginning.
    fn since(&self) -> Option<i64> {
        match self.decryption.plan.part {
            Some(Part::Times { since, .. }) => Some(since),
            _ => None,
        }
    }

    /// The segment to begin with, once there is one. In a folder, it belongs to the recording that was written to last:
    /// its first segment, or with a time, the last one that began before it.
    fn first_segment(&mut self) -> Result<PathBuf, Failure> {
        loop {
            let segments = self.look()?;
            let changed = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
            if let Some((_, latest)) = segments.iter().max_by_key(|(path, record)| (changed(path), record.number)) {
                let of_latest: Vec<_> =
                    segments.iter().filter(|(_, record)| record.recording == latest.recording).collect();
                let mut chosen = of_latest.first().map(|(path, _)| path.clone());
                for (path, _) in of_latest.iter().rev() {
                    match self.since() {
                        Some(since) if !self.begins_before(path, since)? => {}
                        Some(_) => {
                            chosen = Some(path.clone());
                            break;
                        }
                        None => break,
                    }
                }
                if let Some(chosen) = chosen {
                    return Ok(chosen);
                }
            }
            self.wait_for_change(None)?;
        }
    }

    /// Whether the first frame of the segment at `path` exists and began to arrive by `since`.
    fn begins_before(&self, path: &Path, since: i64) -> Result<bool, Failure> {
        let Some(Followed { mut frames, .. }) = self.try_open(path, 0)? else { return Ok(false) };
        Ok(matches!(frames.next_frame(), Ok(Some(first)) if first.tag().time <= since))
    }

    fn look(&mut self) -> Result<Vec<(PathBuf, SegmentRecord)>, Failure> {
        let found = self.places.files.look();
        found.map_err(|error| Failure::system(self.places.folder.as_path(), "cannot read", &error))
    }

    /// Waits until something may have changed, or until nobody reads the output any more.
    fn wait(&self, delivery: &Delivery<'_>) -> Result<(), Halt> {
        let output = delivery.is_direct().then(|| delivery.file().as_fd());
        match self.wait_for_change(output)? {
            Woken::Changed => Ok(()),
            Woken::NoReader => Err(Halt::NotTaken(StreamError::Write(io::ErrorKind::BrokenPipe.into()))),
        }
    }

    fn wait_for_change(&self, output: Option<BorrowedFd<'_>>) -> Result<Woken, Failure> {
        let woken = self.places.watch.wait(output);
        woken.map_err(|error| Failure::system(self.places.folder.as_path(), "cannot watch", &error))
    }

    /// Opens the stream at `path`, waiting for its header if that has not been written yet.
    fn open(&mut self, path: &Path) -> Result<Followed, Failure> {
        let opened = loop {
            match self.try_open(path, 0)? {
                Some(opened) => break opened,
                None => drop(self.wait_for_change(None)?),
            }
        };
        let Some(since) = self.since() else { return Ok(opened) };
        let header = opened.frames.stream().header();
        if !header.prefix.features.contains(Features::TIMED) {
            return Err(Failure::usage("carries no times").about(&opened.label).with_hint("leave --since out"));
        }
        let first = self.frame_at(path, since)?;
        self.try_open(path, first)?.ok_or_else(|| Failure::new(Exit::InputOutput, "was replaced").about(&opened.label))
    }

    /// The last frame of the stream at `path` that began to arrive by `since`.
    fn frame_at(&self, path: &Path, since: i64) -> Result<u64, Failure> {
        let Some(Followed { label, frames, .. }) = self.try_open(path, 0)? else { return Ok(0) };
        let layout = frames.stream().header().layout();
        let failed = |error: StreamError| stream_failure::reading(&label, layout, &error);
        let (file, stream) = frames.into_parts();
        let size = file.metadata().map_err(|error| Failure::system(&label, "cannot read", &error))?.len();
        let sealed = SealedFile::of_unfinished(stream, StreamFile::new(file, size, 0, layout)).map_err(failed)?;
        Ok(if sealed.frames() == 0 { 0 } else { sealed.frame_at_time(since).map_err(failed)?.unwrap_or(0) })
    }

    /// Opens the stream at `path`, to be read from frame `first` on; `None` if its header has not been written yet.
    fn try_open(&self, path: &Path, first: u64) -> Result<Option<Followed>, Failure> {
        // Opening a pipe would wait for its other end.
        if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            return Err(Failure::usage("is not a regular file, so --follow cannot read it again")
                .about(path)
                .with_hint("leave --follow out: a pipe is read as it arrives"));
        }
        let InputFile { file, label, .. } = InputFile::open(Some(path))?;
        // The frames come from the file that the header is in, whatever gets its name.
        let cannot_read = |error| Failure::system(&label, "cannot read", &error);
        let input = DescriptorInput::new(file.try_clone().map_err(cannot_read)?).map_err(cannot_read)?;
        let header = match StreamHeader::read(input, Vec::new()) {
            Ok(header) => header,
            Err(HeaderReadError::Refused(refused)) if refused.error == HeaderError::Cut => return Ok(None),
            Err(error) => return Err(stream_failure::header_read(&label, &error)),
        };
        let record = header.header().segment();
        let (stream, _) = self.keyring.open(&label, header)?;
        let frames = GrowingStream::new(Arc::new(file), stream, first);
        Ok(Some(Followed { path: path.to_owned(), label, record, frames, end: None }))
    }

    /// Delivers what is there and waits for more, until the recording's final frame, or until its recorder is gone
    /// without having written one.
    fn follow(
        &mut self,
        mut followed: Followed,
        delivery: &Delivery<'_>,
        progress: &FileProgress<'_>,
    ) -> Result<(), Halt> {
        let mut has_successor = false;
        loop {
            // If the recorder is already gone, nothing comes after what is delivered next.
            let recorder = self.recorder.look(followed.frames.source());
            let has_grown = followed.deliver(delivery, progress)?;
            let goes_on = followed.end.is_none_or(TagFlags::is_continued);
            match followed.record.filter(|_| goes_on) {
                None if followed.end.is_some() => return Ok(()),
                None => self.wait(delivery)?,
                Some(_) if followed.end.is_none() && has_grown && recorder != Presence::Left => self.wait(delivery)?,
                Some(record) => match self.successor(&record)? {
                    None if recorder == Presence::Left => {
                        return Err(
                            recorder_left(&followed.label, &record, followed.frames.length(), followed.end).into()
                        );
                    }
                    None => {
                        if recorder == Presence::Unknown && !mem::replace(&mut self.is_unseen_said, true) {
                            report::warning(&recorder_unseen(&followed.label));
                        }
                        self.wait(delivery)?;
                    }
                    // Once another segment has begun, this one no longer grows, so all of it is there now.
                    Some(_) if followed.end.is_none() && !has_successor => has_successor = true,
                    Some(next) => {
                        followed = self.go_on(&followed, &next)?;
                        has_successor = false;
                    }
                },
            }
        }
    }

    /// The segment after the one with this `record`, if it exists, or else the first of the later ones.
    fn successor(&mut self, record: &SegmentRecord) -> Result<Option<PathBuf>, Failure> {
        let is_later = |other: &SegmentRecord| other.recording == record.recording && other.number > record.number;
        let is_next = |other: &SegmentRecord| Some(other.number) == record.number.checked_add(1);
        let mut later = self.look()?.into_iter().find(|(_, other)| is_later(other));
        if later.as_ref().is_some_and(|(_, other)| !is_next(other)) {
            // Listing a folder while files appear in it may return a later one without the earlier one.
            later = self.look()?.into_iter().find(|(_, other)| is_later(other));
        }
        Ok(later.map(|(path, _)| path))
    }

    /// Goes on with the segment at `path`, if it continues the one that was being followed.
    fn go_on(&mut self, followed: &Followed, path: &Path) -> Result<Followed, Failure> {
        let Some(next) = self.try_open(path, 0)? else { return Err(replaced(path)) };
        let (Some(record), Some(next_record)) = (followed.record, next.record) else { return Err(replaced(path)) };
        let before = SegmentFacts::read_up_to(record, followed.frames.stream(), followed.frames.last());
        let facts = SegmentFacts::read_up_to(next_record, next.frames.stream(), None);
        match chain::continues(&before, &facts) {
            Ok(()) => Ok(next),
            Err(Break::Unfinished) => {
                report::warning(&Message::about(&followed.label, "is unfinished, and the recording goes on after it"));
                Ok(next)
            }
            Err(why) if why.is_gap() && self.allows_gaps => {
                let opened_by = next.frames.stream().slot().kind();
                report::warning(&gap_allowed(&followed.path, path, &why, opened_by));
                Ok(next)
            }
            Err(why) => Err(not_continued(&followed.path, path, &why)),
        }
    }
}
