//! `reelseal record`.

mod ending;
mod surroundings;

use std::{io, sync::Arc, thread};

use ending::{failure_of, folder_failure};
use serde_json::json;
use surroundings::{Parts, Surroundings, ledger_failure, listen, open_ledger};

use crate::{
    cli::{
        messages::{
            command_failure::command_failure,
            display_name::display_name,
            failure::{Exit, Failure},
            producer::{report_producer, report_waiting},
            progress::{FileProgress, Progress, answer_status_with},
            recorder::status_line,
            report,
            segments::{report_keeping, report_segment},
        },
        plan::RecordPlan,
        secrets::{lock_source::LockSource, new_lock::NewLock, question::Question},
    },
    files::{
        input::{InputErrorKind, InputFile},
        label::Label,
    },
    keys::{NewStream, random_bytes},
    process::CommandLine,
    record::{
        Board, CommandProducers, Control, Ended, Event, Journal, JournalPlan, Keeper, KeeperEvent, ObservedSource,
        RecordingFolder, ServiceManager, Source, SourceEnd, StandardInputSource, SupervisedSource, SystemTime,
    },
    signals::{Answer, EndRequest, Startup, Watching},
};

pub(in crate::cli) fn record(plan: &RecordPlan, startup: Startup) -> Result<(), Exit> {
    let recorded = run(plan, startup).map_err(|failure| report::failure(&failure));
    report::flush();
    recorded
}

/// Everything that can be refused is refused before the command runs.
fn run(plan: &RecordPlan, startup: Startup) -> Result<(), Failure> {
    let secret = LockSource::choose(&plan.secret, plan.producer.is_none(), &startup)?;
    let watching = startup.watch(if plan.ignores_interrupts { Answer::Ignore } else { Answer::Die });
    secret.check_cost(plan.limits, plan.cost)?;
    let input = match plan.producer {
        Some(_) => None,
        None => Some(standard_input(&secret)?),
    };
    let folder = RecordingFolder::open(&plan.folder).map_err(|error| folder_failure(&plan.folder, &error))?;
    let looks_after = plan.retention.removes_any() || plan.hook.is_some();
    let ledger = if looks_after { Some(open_ledger(&folder)?) } else { None };
    let listener = plan.status.as_ref().map(|address| listen(address, plan.reporting.quiet)).transpose()?;
    let label = plan.producer.as_ref().map_or(Label::StandardInput, |line| Label::Command(line.program.clone()));
    let question = match &plan.producer {
        Some(_) => Question::to_encrypt_output_of(&label),
        None => Question::to_encrypt([None]),
    };
    let lock = NewLock::new(secret, plan.cost, question);
    let first = lock.new_stream(plan.journal.layout, JournalPlan::features())?;
    let recording = random_bytes().map_err(|error| Failure::new(Exit::InputOutput, error.to_string()))?;
    let control = Control::new().map_err(|error| Failure::system(&label, "cannot be recorded", &error))?;
    let program = plan.hook.as_ref().map(|hook| hook.line.program.as_os_str());
    let report_kept = |event: KeeperEvent<'_>| report_keeping(folder.path(), program, &event);
    let keeper = ledger.map(|ledger| {
        let tasks = (plan.retention, plan.hook.as_ref());
        Keeper::new(&folder, ledger, recording, tasks, &SystemTime, &report_kept)
    });
    let keeper = keeper.transpose().map_err(|error| ledger_failure(&folder, error))?;
    let service = ServiceManager::find();
    let for_thread = service.clone();
    let recorder = Recorder {
        plan,
        folder: &folder,
        lock,
        first: Some(first),
        what: display_name(&label),
        label,
        recording,
        progress: Progress::start(&watching, plan.reporting, [None].into_iter()),
        board: Arc::new(Board::new(plan.producer.is_some())),
        control: Arc::new(control),
        service,
    };
    let parts = Parts { listener, service: for_thread, keeper };
    match (&plan.producer, input) {
        (Some(line), _) => recorder.of_command(line, parts, &watching),
        (None, Some(input)) => recorder.of_input(&input, parts, &watching),
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

struct Recorder<'a> {
    plan: &'a RecordPlan,
    folder: &'a RecordingFolder,
    lock: NewLock,
    /// The keys of the first segment, for which all prompts have been answered.
    first: Option<NewStream>,
    /// What is recorded, as a label and as it is shown.
    label: Label,
    what: String,
    recording: [u8; 16],
    progress: Progress,
    board: Arc<Board>,
    control: Arc<Control>,
    service: Option<ServiceManager>,
}

impl Recorder<'_> {
    fn of_command(mut self, line: &CommandLine, parts: Parts<'_>, watching: &Watching) -> Result<(), Failure> {
        let (board, control) = (Arc::clone(&self.board), Arc::clone(&self.control));
        let producers = CommandProducers { line, watching, control: Arc::clone(&control) };
        let report = |event| {
            board.note_producer(&event);
            report_producer(&line.program, &event);
        };
        let supervision = self.plan.supervision;
        let source =
            SupervisedSource::start(producers, &SystemTime, supervision, Arc::clone(&control), Box::new(report));
        let mut source = source.map_err(|failure| command_failure(&line.program, &failure))?;
        let request = self.end_of_command(line);
        let ended = self.record(&mut source, request, parts, watching)?;
        let last_end = source.last_end().cloned();
        // Whatever is left of the command ends before the end is reported.
        drop(source);
        failure_of(
            ended,
            self.folder.path(),
            &self.label,
            Some((line.program.as_os_str(), last_end)),
            self.plan.retention.removes_any(),
        )
    }

    fn of_input(mut self, input: &InputFile, parts: Parts<'_>, watching: &Watching) -> Result<(), Failure> {
        let source = StandardInputSource::new(&input.file);
        let mut source = source.map_err(|error| Failure::system(&self.label, "cannot read", &error))?;
        let ignores_interrupts = self.plan.ignores_interrupts;
        let request = EndRequest { end: Box::new(source.ender()), hasten: None, ignores_interrupts };
        let ended = self.record(&mut source, request, parts, watching)?;
        failure_of(ended, self.folder.path(), &self.label, None, self.plan.retention.removes_any())
    }

    /// The request that ends the recording by ending its command, which `line` runs.
    fn end_of_command(&self, line: &CommandLine) -> EndRequest {
        let (ending, hastening, board) =
            (Arc::clone(&self.control), Arc::clone(&self.control), Arc::clone(&self.board));
        let (what, limit, quiet) = (self.what.clone(), line.kill_after, self.plan.reporting.quiet);
        let end = move || {
            ending.end();
            if board.is_producer_running() && !limit.is_zero() && !quiet {
                report_waiting(&what, limit);
            }
        };
        EndRequest { end: Box::new(end), hasten: Some(Box::new(move || hastening.hasten())), ignores_interrupts: false }
    }

    /// Records `source` until it ends, by itself or because `request` asked it to; then finishes what is to be done
    /// with finished segments.
    fn record(
        &mut self,
        source: &mut impl Source,
        request: EndRequest,
        parts: Parts<'_>,
        watching: &Watching,
    ) -> Result<Ended, Failure> {
        let (board, control, what) = (Arc::clone(&self.board), Arc::clone(&self.control), self.what.clone());
        let (shown, asked) = (Arc::clone(&board), what.clone());
        let _status = answer_status_with(Box::new(move || {
            let known = shown.snapshot();
            let line = status_line(&asked, &known);
            let object = json!({
                "event": "progress",
                "message": line,
                "bytes": known.bytes,
                "restarts": known.restarts,
                "pid": known.process,
                "segment": known.segment.map(|name| name.to_string_lossy().into_owned()),
            });
            (line, object)
        }));
        // A reader of the reports that stops reading does not stop the recording.
        report::stop_waiting_for_readers();
        thread::scope(|scope| {
            let mut surroundings = Surroundings::start(scope, parts, (&board, &control), &what, watching)?;
            let service = self.service.clone();
            let end = move || {
                service.iter().for_each(ServiceManager::stopping);
                (request.end)();
            };
            // What remains to be done after the recording has ended takes no time, so a signal that comes late does no
            // harm.
            watching.ask_to_end(EndRequest { end: Box::new(end), ..request }).for_good();
            self.service.iter().for_each(ServiceManager::ready);
            let (time, beat) = (&SystemTime, self.service.as_ref().and_then(ServiceManager::beat));
            let mut source = ObservedSource { source, time, board: &board, control: &control, beat };
            let hook = self.plan.hook.as_ref();
            let when_over = || {
                if let Some(stop) = hook.map(|hook| hook.stop.clone()) {
                    // From here on, a signal leaves what is still to be done with the segments to the next recorder.
                    let hastening = stop.clone();
                    let (end, hasten) = (Box::new(move || stop.request()), Box::new(move || hastening.hasten()));
                    let leave = EndRequest { end, hasten: Some(hasten), ignores_interrupts: false };
                    watching.ask_to_end(leave).for_good();
                }
            };
            let ended = self.journal(&mut source, &surroundings, when_over);
            self.service.iter().for_each(ServiceManager::stopping);
            surroundings.work_off();
            Ok(ended)
        })
    }

    /// Calls `when_over` before anybody learns that the recording is over.
    fn journal(
        &mut self,
        source: &mut impl Source,
        surroundings: &Surroundings<'_>,
        when_over: impl FnOnce(),
    ) -> Ended {
        let Self { plan, folder, lock, first, label, recording, progress, board, .. } = self;
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
            folder: *folder,
            source,
            time: &SystemTime,
            streams: &mut streams,
            report: &mut |event: Event<'_>| {
                board.note_segment(&event);
                report_segment(&path, &event);
                surroundings.tell(&event);
            },
            delivered: file.delivered(),
        };
        let ended = journal.record(*recording);
        when_over();
        if matches!(ended.how, Ok(SourceEnd::Finished | SourceEnd::Asked)) {
            file.finish(Some(&Label::Path(path)));
        }
        ended
    }
}
