//! `reelseal verify`: authenticates every frame, and writes nothing.

mod recording;

use std::sync::Arc;

use recording::Recordings;

use crate::{
    cli::{
        job::{
            admission::Admission,
            batch::Place,
            each_file::each_file,
            inputs::{self, Started},
            opened_input::{InputFrames, InputHeader, warn_of_damaged_copy},
        },
        messages::{
            byte_count::count_of_bytes,
            damage::{self, Ended},
            display_name::display_name,
            failure::{Exit, Failure},
            message::Message,
            progress::Progress,
            report, standard_output, stream_failure,
        },
        plan::VerifyPlan,
        secrets::{keyring::Keyring, question::Question},
    },
    container::{Extent, TagFlags},
    files::{input::InputFile, label::Label, walk::NamedInput},
    pipeline::{DamagedFrames, FrameDamage, Opening, Survey, SurveySink, Workers},
    signals::Startup,
    stream::{OpenedStream, StreamError, widen_pipe},
};

/// What all files share, except the secret, which is dropped once the last file has been opened.
struct Verification<'a> {
    plan: &'a VerifyPlan,
    admission: Admission,
    progress: &'a Progress,
    recordings: &'a Recordings,
}

/// What a survey found, and how its run over the frames ended.
struct Surveyed {
    /// What was reported about the end, before the rest was read.
    reported: Option<Message>,
    survey: Survey,
    end: Result<(), StreamError>,
}

pub(in crate::cli) fn verify(plan: &VerifyPlan, startup: Startup) -> Result<(), Exit> {
    let mut many = plan.many.clone();
    let refused = |failure| report::failure(&failure);
    let recordings = Recordings::expand(&mut many.inputs).map_err(refused)?;
    let started = inputs::start(&many, startup).map_err(refused)?;
    let Started { watching, secret, inputs, passed_over, progress, .. } = started;
    let admission = Admission::new(many.threads);
    let verification = Verification { plan, admission, progress: &progress, recordings: &recordings };
    let question = Question::to_open(inputs.iter().flatten().map(|input| input.path.as_deref()));
    let keyring = Keyring::new(secret, many.limits, question);
    let most = || many.threads.most();
    let ended = each_file(&watching, inputs, &progress, &passed_over, most, keyring, |input, keyring, place| {
        verification.verify(input, keyring, &place)
    });
    recordings.report(ended, plan)
}

impl Verification<'_> {
    fn verify(&self, named: &NamedInput, keyring: Arc<Keyring>, place: &Place<'_>) -> Result<(), Failure> {
        let result = self.survey(named, keyring, place);
        // Findings are reported in the order of the files.
        place.wait_for_those_before();
        let (input, stream, Surveyed { reported, survey, end }) = result?;
        self.recordings.note(&input, &stream, end.is_ok() && survey.damaged_frames() == 0)?;
        let (label, header) = (&input.label, stream.header());
        let failed = |error: &StreamError| stream_failure::reading(label, header.layout(), error);
        let report = |finding: &Message| {
            if reported.as_ref() != Some(finding) {
                report::finding(finding);
            }
        };
        survey.damaged().for_each(|damaged| report(&damage::frames(label, header, damaged)));
        if survey.unlisted > 0 {
            let more = format!("and {} more damaged frames, too scattered to be listed", survey.unlisted);
            report(&Message::about(label, more));
        }
        match end {
            Err(error) if stream_failure::is_damage(&error) => {
                report(failed(&error).message());
                Err(damage::not_whole(label, &survey, Ended::Cut))
            }
            // Of the two problems, the damage found first matters more.
            Err(error) if stream_failure::is_unreadable(&error) && survey.damaged_frames() > 0 => {
                report(failed(&error).message());
                Err(damage::not_whole(label, &survey, Ended::Unreadable))
            }
            Err(error) => Err(failed(&error)),
            Ok(()) if survey.damaged_frames() > 0 => Err(damage::not_whole(label, &survey, Ended::AtTheEnd)),
            Ok(()) => self.report_whole(label, &survey),
        }
    }

    /// Surveys all frames of an input.
    fn survey(
        &self,
        named: &NamedInput,
        keyring: Arc<Keyring>,
        place: &Place<'_>,
    ) -> Result<(InputFile, OpenedStream, Surveyed), Failure> {
        let input = InputFile::open(named.path.as_deref())?;
        input.check_apart_from(&keyring.metadata())?;
        // Reading moves the position from which the input's length is counted.
        let length = input.access()?.length(&input.metadata);
        let (stream, surveyed) = {
            let header = InputHeader::read(&input, |_| {})?;
            if let Some(copy) = header.header().damaged_copy() {
                place.wait_for_those_before();
                warn_of_damaged_copy(&input.label, Some(copy));
            }
            let (stream, frames) = header.open(&keyring)?;
            drop(keyring);
            let surveyed = self.survey_frames(&input, length, &stream, frames, place)?;
            (stream, surveyed)
        };
        Ok((input, stream, surveyed))
    }

    fn survey_frames(
        &self,
        input: &InputFile,
        length: Option<u64>,
        stream: &OpenedStream,
        frames: InputFrames<'_>,
        place: &Place<'_>,
    ) -> Result<Surveyed, Failure> {
        let (label, header) = (&input.label, stream.header());
        let layout = header.layout();
        let failed = |error: &StreamError| stream_failure::reading(label, layout, error);
        let mut reported = None;
        let size = match frames.file().map(|file| file.verify_final_frame(stream.chain())) {
            None => None,
            Some(Ok(last)) => last.tag().end(),
            Some(Err(error)) if stream_failure::is_damage(&error) || stream_failure::is_unreadable(&error) => {
                // Reported at once: reading the rest of a film may take a while.
                place.wait_for_those_before();
                let extent = length.and_then(|length| layout.extent(length).ok());
                let finding = match extent.and_then(|extent| last_frame(extent, &error)) {
                    Some(damaged) => damage::frames(label, header, &damaged),
                    None => failed(&error).message().clone(),
                };
                report::finding(&finding);
                reported = Some(finding);
                None
            }
            Some(Err(error)) => return Err(failed(&error)),
        };

        let admitted = self.admission.admit(size, layout.frame_size);
        let progress = self.progress.file(label, size, false).opened_by(stream.slot());
        widen_pipe(&input.file);
        let workers = Workers::new(admitted.workers(self.plan.many.threads.most()), layout.frame_size);
        let workers = workers.with_progress(progress.delivered());
        let sink = SurveySink::default();
        let end = {
            let source = frames.source_past_unreadable(layout.frame_size, &sink);
            workers.run(&source, &Opening::across_gaps(stream.chain()), &sink)
        };
        let survey = sink.into_survey();
        if end.is_ok() && survey.damaged_frames() == 0 {
            progress.finish(None);
        }
        Ok(Surveyed { reported, survey, end })
    }

    fn report_whole(&self, input: &Label, survey: &Survey) -> Result<(), Failure> {
        if self.plan.many.reporting.quiet {
            return Ok(());
        }
        let frames = if survey.sound == 1 { "frame" } else { "frames" };
        let interrupted = survey.final_flags.is_some_and(TagFlags::is_interrupted);
        let ending = if interrupted { "; the writer was interrupted, and ended it there" } else { "" };
        standard_output::line(&format_args!(
            "{}: whole, {}, {} {frames} authenticated{ending}",
            display_name(input),
            count_of_bytes(survey.payload),
            survey.sound
        ))
    }
}

/// `error` as what a survey would find about the last frame; `None` if it is about something else.
fn last_frame(Extent { last_index, last_wire }: Extent, error: &StreamError) -> Option<DamagedFrames> {
    let (index, damage) = match error {
        StreamError::Frame { index, fault } => (*index, FrameDamage::Refused(*fault)),
        StreamError::ReadFrame { index, error } => (*index, FrameDamage::Unreadable { os_error: error.raw_os_error() }),
        _ => return None,
    };
    (index == last_index).then_some(DamagedFrames { first: index, last: index, last_wire, damage })
}
