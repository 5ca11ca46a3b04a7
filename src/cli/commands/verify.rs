//! `reelseal verify`: every frame authenticated, nothing written.

use std::sync::Arc;

use crate::cli::{
    arguments::VerifyArguments,
    batch::Batch,
    files::{
        inputs::{self, reads_standard_input},
        opened_input::{self, InputFrames},
        transfer::widen_pipe,
    },
    messages::{
        damage::{self, Ended},
        display_name::display_name,
        failure::{Exit, Failure},
        message::Message,
        progress::Progress,
        report, standard_output, stream_failure,
    },
    secrets::{keyring::Keyring, question::Question, secret_source::SecretSource},
    signals::{Startup, Watching},
};
use crate::{
    container::{Header, TagFlags},
    files::{
        input::InputFile,
        label::Label,
        walk::{FileKind, NamedInput},
    },
    pipeline::{Opening, Survey, SurveySink, Workers},
    stream::{OpenedStream, StreamError},
};

/// What all files of a run have in common, the secret excepted: that goes with the files still to be opened.
struct Verification<'a> {
    arguments: &'a VerifyArguments,
    progress: Progress,
}

/// An input with its share in the keyring, which is wiped when the last share is given up.
type Locked = (Result<NamedInput, Failure>, Arc<Keyring>);

pub(in crate::cli) fn verify(arguments: &VerifyArguments, startup: Startup) -> Result<(), Exit> {
    let (watching, verification, inputs) = begin(arguments, startup).map_err(|failure| report::failure(&failure))?;
    Batch::each(&watching, inputs, |(input, keyring)| verification.one(input, keyring))
}

fn begin(arguments: &VerifyArguments, startup: Startup) -> Result<(Watching, Verification<'_>, Vec<Locked>), Failure> {
    let VerifyArguments { inputs, recursive, secret, common } = arguments;
    report::configure(common);
    let source = SecretSource::choose(secret, reads_standard_input(inputs)?, &startup)?;
    let watching = startup.watch(common.answer_to_interrupts());
    let inputs = inputs::expand(&watching, inputs, *recursive, FileKind::Streams);
    let progress =
        Progress::start(&watching, common, inputs.iter().map(|input| input.as_ref().ok().and_then(NamedInput::size)));
    let question = Question::to_open(inputs.iter().flatten().map(|input| input.path.as_deref()));
    let keyring = Arc::new(Keyring::new(source, secret.kdf_limits(), question));
    let inputs = inputs.into_iter().map(|input| (input, Arc::clone(&keyring))).collect();
    Ok((watching, Verification { arguments, progress }, inputs))
}

impl Verification<'_> {
    fn one(&self, input: Result<NamedInput, Failure>, keyring: Arc<Keyring>) -> Result<(), Failure> {
        let size = input.as_ref().ok().and_then(NamedInput::size);
        let result = input.and_then(|input| self.verify(&input, keyring));
        self.progress.file_ended(size);
        result
    }

    fn verify(&self, named: &NamedInput, keyring: Arc<Keyring>) -> Result<(), Failure> {
        let input = InputFile::open(named.path.as_deref())?;
        input.check_apart_from(keyring.metadata().as_ref())?;
        let (stream, frames) = opened_input::open(&input, input.access()?, &keyring)?;
        drop(keyring);

        let header = stream.header();
        let failed = |error: &StreamError| {
            stream_failure::pipeline(&input.label, &Label::StandardOutput, false, header.layout(), error)
        };
        let (survey, end) = self.survey(&input, &stream, frames).map_err(|error| failed(&error))?;
        tell_damage(&input.label, header, &survey);
        match end {
            Err(error) if stream_failure::is_damage(&error) => {
                report::finding(failed(&error).message());
                Err(damage::not_whole(&input.label, &survey, Ended::Cut))
            }
            // The damage before is the worse of the two.
            Err(error) if stream_failure::is_unreadable(&error) && survey.damaged_frames() > 0 => {
                report::finding(failed(&error).message());
                Err(damage::not_whole(&input.label, &survey, Ended::Unreadable))
            }
            Err(error) => Err(failed(&error)),
            Ok(()) if survey.damaged_frames() > 0 => Err(damage::not_whole(&input.label, &survey, Ended::AtTheEnd)),
            Ok(()) => tell_whole(self.arguments, &input.label, &survey),
        }
    }

    /// What all frames of the stream are like, and how the run over them ended.
    fn survey(
        &self,
        input: &InputFile,
        stream: &OpenedStream,
        frames: InputFrames<'_>,
    ) -> Result<(Survey, Result<(), StreamError>), StreamError> {
        let layout = stream.header().layout();
        let size = match frames.file().map(|file| file.verify_final_frame(stream.chain())) {
            None => None,
            Some(Ok(last)) => last.tag().end(),
            Some(Err(error)) if stream_failure::is_damage(&error) || stream_failure::is_unreadable(&error) => {
                report::warning(
                    stream_failure::pipeline(&input.label, &Label::StandardOutput, false, layout, &error).message(),
                );
                None
            }
            Some(Err(error)) => return Err(error),
        };

        let progress = self.progress.file(&input.label, size, false);
        widen_pipe(&input.file);
        let workers = Workers::new(self.arguments.common.threads(false), layout.frame_size);
        let sink = SurveySink::default();
        let source = frames.source_past_unreadable(layout.frame_size, &sink);
        let workers = workers.with_progress(progress.delivered());
        let end = workers.run(&source, &Opening::across_gaps(stream.chain()), &sink);
        drop(source);
        let survey = sink.into_survey();
        if end.is_ok() && survey.damaged_frames() == 0 {
            progress.finish(None);
        }
        Ok((survey, end))
    }
}

fn tell_damage(input: &Label, header: &Header, survey: &Survey) {
    for damaged in survey.damaged() {
        report::finding(&damage::frames(input, header, damaged));
    }
    if survey.unlisted > 0 {
        let more = format!("and {} more damaged frames, too scattered to be listed", survey.unlisted);
        report::finding(&Message::about(input, more));
    }
}

fn tell_whole(arguments: &VerifyArguments, input: &Label, survey: &Survey) -> Result<(), Failure> {
    if arguments.common.quiet {
        return Ok(());
    }
    let frames = if survey.sound == 1 { "frame" } else { "frames" };
    let interrupted = survey.final_flags.is_some_and(TagFlags::is_interrupted);
    let ending = if interrupted { "; the writer was interrupted, and ended it there" } else { "" };
    standard_output::line(&format_args!(
        "{}: whole, {} bytes, {} {frames} authenticated{ending}",
        display_name(input),
        survey.payload,
        survey.sound
    ))
}
