//! `reelseal record`.

use std::{ffi::OsStr, io, path::Path};

use crate::{
    cli::{
        messages::{
            command_failure::command_failure,
            failure::{Exit, Failure, describe},
            message::Message,
            progress::{FileProgress, Progress},
            report,
        },
        plan::RecordPlan,
        secrets::{lock_source::LockSource, new_lock::NewLock, question::Question},
    },
    files::{
        input::{InputErrorKind, InputFile},
        label::Label,
    },
    keys::{NewStream, random_bytes},
    process::{CommandFailure, CommandLine, RunningCommand},
    record::{
        Ended, Event, Journal, JournalError, JournalPlan, ProducerSource, RecordingFolder, Source, SourceEnd,
        StandardInputSource, SystemTime,
    },
    signals::{Answer, EndRequest, Startup, Watching},
};

pub(in crate::cli) fn record(plan: &RecordPlan, startup: Startup) -> Result<(), Exit> {
    run(plan, startup).map_err(|failure| report::failure(&failure))
}

/// All that can be refused before the command runs is refused before it runs.
fn run(plan: &RecordPlan, startup: Startup) -> Result<(), Failure> {
    let secret = LockSource::choose(&plan.secret, plan.producer.is_none(), &startup)?;
    let watching = startup.watch(if plan.ignores_interrupts { Answer::Ignore } else { Answer::Die });
    secret.check_cost(plan.limits, plan.cost)?;
    let input = match plan.producer {
        Some(_) => None,
        None => Some(standard_input(&secret)?),
    };
    let folder = RecordingFolder::open(&plan.folder)
        .map_err(|error| Failure::system(plan.folder.as_path(), "cannot record to this folder", &error))?;
    let label = plan.producer.as_ref().map_or(Label::StandardInput, |line| Label::Command(line.program.clone()));
    let question = match &plan.producer {
        Some(_) => Question::to_encrypt_output_of(&label),
        None => Question::to_encrypt([None]),
    };
    let lock = NewLock::new(secret, plan.cost, question);
    let first = lock.new_stream(plan.journal.layout, JournalPlan::features())?;
    let recording = random_bytes().map_err(|error| Failure::new(Exit::InputOutput, error.to_string()))?;
    let progress = Progress::start(&watching, plan.reporting, [None].into_iter());
    let mut recording = Recording { plan, folder, lock, first: Some(first), label, recording, progress };
    match (&plan.producer, input) {
        (Some(line), _) => recording.of_command(line, &watching),
        (None, Some(input)) => recording.of_input(&input, &watching),
        (None, None) => Ok(()),
    }
}

fn standard_input(secret: &LockSource) -> Result<InputFile, Failure> {
    let input = InputFile::open(None).map_err(|error| match error.kind {
        InputErrorKind::Terminal => Failure::usage("is a terminal, and there is no command")
            .about(&Label::StandardInput)
            .with_hint("pipe the input in, or give a command that writes it after --"),
        _ => error.into(),
    })?;
    input.check_apart_from(&secret.metadata())?;
    Ok(input)
}

struct Recording<'a> {
    plan: &'a RecordPlan,
    folder: RecordingFolder,
    lock: NewLock,
    /// The keys of the first segment: what has to be asked has been asked for them.
    first: Option<NewStream>,
    /// What is recorded.
    label: Label,
    recording: [u8; 16],
    progress: Progress,
}

impl Recording<'_> {
    fn of_command(&mut self, line: &CommandLine, watching: &Watching) -> Result<(), Failure> {
        let started = line.produce_unattended(watching);
        let (running, output) = started.map_err(|failure| command_failure(&line.program, &failure))?;
        let mut source = ProducerSource::new(&running, output);
        let ignores_interrupts = false;
        let ending = watching.ask_to_end(EndRequest { end: Box::new(source.ender()), ignores_interrupts });
        let ended = self.record(&mut source);
        drop(ending);
        if matches!(ended.how, Ok(SourceEnd::Finished)) {
            // What it has started may go on.
            let _ = running.finish();
        }
        self.report(ended, Some((line, &running)))
    }

    fn of_input(&mut self, input: &InputFile, watching: &Watching) -> Result<(), Failure> {
        let source = StandardInputSource::new(&input.file);
        let mut source = source.map_err(|error| Failure::system(&self.label, "cannot read", &error))?;
        let ignores_interrupts = self.plan.ignores_interrupts;
        let ending = watching.ask_to_end(EndRequest { end: Box::new(source.ender()), ignores_interrupts });
        let ended = self.record(&mut source);
        drop(ending);
        self.report(ended, None)
    }

    fn record(&mut self, source: &mut impl Source) -> Ended {
        let Self { plan, folder, lock, first, label, recording, progress } = self;
        let file: FileProgress<'_> = progress.file(label, None, false);
        let mut streams = || match first.take() {
            Some(first) => Ok(first),
            None => {
                let made = lock.new_stream(plan.journal.layout, JournalPlan::features());
                made.map_err(|failure| io::Error::other(failure.to_string()))
            }
        };
        let path = folder.path().to_owned();
        let journal = Journal {
            plan: &plan.journal,
            folder,
            source,
            time: &SystemTime,
            streams: &mut streams,
            report: &mut |event| report_event(&path, event),
            delivered: file.delivered(),
        };
        let ended = journal.record(*recording);
        if matches!(ended.how, Ok(SourceEnd::Finished | SourceEnd::Asked)) {
            file.finish(Some(&Label::Path(path)));
        }
        ended
    }

    /// Says how the recording ended, unless it ended well.
    fn report(&self, ended: Ended, command: Option<(&CommandLine, &RunningCommand)>) -> Result<(), Failure> {
        let segment = |name: &OsStr| self.folder.path().join(name);
        let kept = kept(&ended);
        match ended.how {
            Ok(SourceEnd::Failed) => {
                let (line, failure) = match command {
                    Some((line, running)) => (line, running.wait().err().unwrap_or(CommandFailure::Unwatched)),
                    None => return Ok(()),
                };
                Err(command_failure(&line.program, &failure).with_hint(kept))
            }
            Ok(SourceEnd::Finished | SourceEnd::Asked) if ended.is_doubtful => {
                Err(Failure::new(Exit::InputOutput, "not all of the recording may be there")
                    .about(self.folder.path())
                    .with_hint(
                        "what was reported before says what may be lost; reelseal verify DIR shows what is there",
                    ))
            }
            Ok(SourceEnd::Finished | SourceEnd::Asked) => Ok(()),
            Err(JournalError::Read(error)) => {
                let of_command = error.get_ref().and_then(|inner| inner.downcast_ref::<CommandFailure>());
                match (of_command, command) {
                    (Some(failure), Some((line, _))) => Err(command_failure(&line.program, failure)),
                    _ => Err(Failure::system(&self.label, "cannot read", &error).with_hint(kept)),
                }
            }
            Err(JournalError::Full { segment: name, error }) => {
                let failure = Failure::system(segment(&name).as_path(), "there is no room for more", &error);
                let is_too_long = error.kind() == io::ErrorKind::FileTooLarge;
                Err(failure.with_hint(match is_too_long {
                    true => format!(
                        "{kept}; larger files are not allowed here: begin new segments in time with --segment-size"
                    ),
                    false => format!("{kept}; make room, and record again"),
                }))
            }
            Err(JournalError::Create { segment: name, error }) => {
                Err(Failure::system(segment(&name).as_path(), "cannot make the segment", &error).with_hint(kept))
            }
            Err(JournalError::Failing { segment: name, error }) => {
                let failure = Failure::system(segment(&name).as_path(), "one segment after another fails", &error);
                Err(failure.with_hint(format!("{kept}; the disk may be failing: record to another")))
            }
            Err(error @ JournalError::Name(_)) => Err(Failure::usage(error.to_string()).about("--name")),
            Err(JournalError::Keys(error)) => Err(Failure::new(Exit::InputOutput, describe(&error)).with_hint(kept)),
        }
    }
}

/// What there is of a recording, for a hint.
fn kept(ended: &Ended) -> String {
    match (ended.bytes, ended.segments) {
        (0, _) => "nothing was recorded".to_owned(),
        (bytes, 1) => format!("{bytes} bytes were recorded, and are kept"),
        (bytes, segments) => format!("{bytes} bytes in {segments} segments were recorded, and are kept"),
    }
}

fn report_event(folder: &Path, event: Event<'_>) {
    let about = |name: &OsStr, fact: String| Message::about(folder.join(name).as_path(), fact);
    match event {
        Event::Began(name) => report::detail(&about(name, "begun".to_owned()).to_string()),
        Event::Finished { segment, bytes } => {
            report::detail(&about(segment, format!("finished, {bytes} bytes")).to_string());
        }
        Event::NotSynced(name, error) => report::warning(&about(
            name,
            format!("cannot be synced, and a power cut may lose what was written to it last: {}", describe(error)),
        )),
        Event::NotMade(name, error) => {
            report::warning(&about(name, format!("cannot be made, and another is tried: {}", describe(error))));
        }
        Event::Removed(name) => {
            report::warning(&about(
                name,
                "was removed while it was written; the recording goes on in another".to_owned(),
            ));
        }
        Event::Unfinished(name, error) => {
            report::warning(&about(name, format!("is left unfinished: cannot write: {}", describe(error))));
        }
        Event::ClockStepped => report::detail("the clock was set, or the machine slept: another segment begins"),
        Event::Lost(1) => report::warning(&Message::about(folder, "1 byte that had arrived could not be stored")),
        Event::Lost(bytes) => {
            report::warning(&Message::about(folder, format!("{bytes} bytes that had arrived could not be stored")));
        }
    }
}
