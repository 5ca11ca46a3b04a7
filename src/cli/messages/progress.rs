//! How far a run has come: what is counted, and when it is shown.

use std::{
    fs::Metadata,
    io::{self, IsTerminal},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU8, AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{bars, byte_count::display_bytes, display_name::display_name, report};
use crate::{
    cli::arguments::{ProgressMode, RunArguments},
    files::label::Label,
};

const LINE: Duration = Duration::from_secs(1);

/// The run whose status SIGUSR1 asks for.
static CURRENT: Mutex<Weak<Counts>> = Mutex::new(Weak::new());

/// Shows how far a run has come, until it is dropped.
pub(in crate::cli) struct Progress {
    counts: Arc<Counts>,
    form: Option<Form>,
    display: Mutex<Option<Display>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Bars,
    Lines,
}

struct Display {
    events: Sender<Event>,
    thread: JoinHandle<()>,
}

/// What a display is told.
pub(super) enum Event {
    Began(Arc<FileCount>),
    Ended,
}

/// What is counted in a run.
pub(super) struct Counts {
    /// The run's files.
    pub files: usize,
    /// The bytes of all inputs, if they are known.
    pub total: Option<u64>,
    started: Instant,
    ended: Mutex<EndedFiles>,
    in_hand: Mutex<Vec<Arc<FileCount>>>,
}

#[derive(Clone, Copy, Default)]
pub(super) struct EndedFiles {
    pub files: usize,
    pub bytes: u64,
}

/// What is counted in a file.
pub(super) struct FileCount {
    pub name: String,
    /// The payload bytes that are to come, if that is known.
    pub total: Option<u64>,
    delivered: AtomicU64,
    /// Whether its bytes count in the whole.
    counts: bool,
    outcome: AtomicU8,
    started: Instant,
}

const UNDER_WAY: u8 = 0;
const DONE: u8 = 1;
const FAILED: u8 = 2;

/// A file in hand. Dropped without [`FileProgress::finish`], it has failed.
pub(in crate::cli) struct FileProgress<'a> {
    file: Arc<FileCount>,
    progress: &'a Progress,
}

impl Progress {
    /// Progress of a run over inputs of these sizes.
    pub fn start(arguments: &RunArguments, sizes: impl ExactSizeIterator<Item = Option<u64>>) -> Self {
        let form = match (arguments.progress, io::stderr().is_terminal()) {
            (ProgressMode::Never, _) => None,
            (ProgressMode::Json, _) | (ProgressMode::Always, false) => Some(Form::Lines),
            (ProgressMode::Always, true) => Some(Form::Bars),
            (ProgressMode::Auto, terminal) => (terminal && !arguments.quiet).then_some(Form::Bars),
        };
        let (files, total) = (sizes.len(), sizes.sum());
        let (started, ended, in_hand) = (Instant::now(), Mutex::default(), Mutex::default());
        let counts = Arc::new(Counts { files, total, started, ended, in_hand });
        *lock(&CURRENT) = Arc::downgrade(&counts);
        Self { counts, form, display: Mutex::default() }
    }

    /// Progress of nothing, which is not shown.
    #[cfg(test)]
    pub fn none() -> Self {
        let (started, ended, in_hand) = (Instant::now(), Mutex::default(), Mutex::default());
        let counts = Arc::new(Counts { files: 0, total: None, started, ended, in_hand });
        Self { counts, form: None, display: Mutex::default() }
    }

    /// Begins with the input `label`, from which `total` payload bytes are to come, if that is known.
    /// `to_terminal` says that the output itself goes to the terminal, which leaves no room for a bar.
    pub fn file(&self, label: &Label, total: Option<u64>, to_terminal: bool) -> FileProgress<'_> {
        self.begin(FileCount::new(&display_name(label), total, true), to_terminal)
    }

    /// Begins with looking through `file` once more, which is shown by itself and does not count in the whole.
    pub fn check(&self, name: &str, file: Option<Metadata>) -> FileProgress<'_> {
        self.begin(FileCount::new(name, file.map(|file| file.len()), false), false)
    }

    fn begin(&self, file: FileCount, to_terminal: bool) -> FileProgress<'_> {
        let file = Arc::new(file);
        lock(&self.counts.in_hand).push(Arc::clone(&file));
        match self.form {
            Some(Form::Bars) if to_terminal => {}
            Some(form) => self.show(form, &file),
            None => {}
        }
        FileProgress { file, progress: self }
    }

    /// Counts a file, of `input_bytes`, as done or failed, also if it was never begun.
    pub fn file_ended(&self, input_bytes: Option<u64>) {
        let mut ended = lock(&self.counts.ended);
        *ended = EndedFiles { files: ended.files + 1, bytes: ended.bytes + input_bytes.unwrap_or(0) };
    }

    fn show(&self, form: Form, file: &Arc<FileCount>) {
        let mut display = lock(&self.display);
        if display.is_none() {
            let (counts, (events, receiver)) = (Arc::clone(&self.counts), channel());
            let thread = thread::Builder::new().spawn(move || match form {
                Form::Bars => bars::draw(&counts, &receiver),
                Form::Lines => print(&counts, &receiver),
            });
            // Where the system gives no more threads, the work matters more than its display.
            *display = thread.ok().map(|thread| Display { events, thread });
        }
        if let Some(display) = &*display {
            // A display that is gone has nothing to show.
            let _ = display.events.send(Event::Began(Arc::clone(file)));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(Display { events, thread }) = lock(&self.display).take() {
            let _ = events.send(Event::Ended);
            let _ = thread.join();
        }
    }
}

impl FileProgress<'_> {
    /// Counts the payload bytes delivered.
    pub fn delivered(&self) -> &AtomicU64 {
        &self.file.delivered
    }

    /// The file is done, and its `output` written, if it has one.
    pub fn finish(self, output: Option<&Label>) {
        let output = output.map(display_name);
        self.file.outcome.store(DONE, Ordering::Release);
        let FileCount { name, .. } = &*self.file;
        let (bytes, elapsed) = (self.file.bytes(), self.file.started.elapsed());
        report::event(
            || json!({"event": "done", "file": name, "output": output, "bytes": bytes, "seconds": elapsed.as_secs_f64()}),
        );
        let leads = output.as_ref().map(|output| format!(" -> {output}")).unwrap_or_default();
        let (shown, rate) = (display_bytes(bytes), display_bytes(self.file.rate()));
        report::detail(&format!("{name}{leads}: {shown} in {:.1} s, {rate}/s", elapsed.as_secs_f64()));
    }
}

impl Drop for FileProgress<'_> {
    fn drop(&mut self) {
        let _ = self.file.outcome.compare_exchange(UNDER_WAY, FAILED, Ordering::AcqRel, Ordering::Acquire);
        lock(&self.progress.counts.in_hand).retain(|file| !Arc::ptr_eq(file, &self.file));
    }
}

impl FileCount {
    fn new(name: &str, total: Option<u64>, counts: bool) -> Self {
        let (delivered, outcome) = (AtomicU64::new(0), AtomicU8::new(UNDER_WAY));
        Self { name: name.to_owned(), total, delivered, counts, outcome, started: Instant::now() }
    }

    /// The payload bytes delivered so far.
    pub fn bytes(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// Whether the file is done, once it is no longer under way.
    pub fn outcome(&self) -> Option<bool> {
        match self.outcome.load(Ordering::Acquire) {
            UNDER_WAY => None,
            outcome => Some(outcome == DONE),
        }
    }

    fn rate(&self) -> u64 {
        (self.bytes() as f64 / self.started.elapsed().as_secs_f64()) as u64
    }

    fn report(&self, counts: &Counts) {
        let (bytes, rate) = (self.bytes(), self.rate());
        let of = self.total.map(|total| format!(" of {}", display_bytes(total))).unwrap_or_default();
        let text = format!("{}: {}{of}, {}/s", self.name, display_bytes(bytes), display_bytes(rate));
        report::progress(&text, || self.object(counts));
    }

    fn object(&self, counts: &Counts) -> Value {
        json!({
            "event": "progress",
            "file": self.name,
            "bytes": self.bytes(),
            "total": self.total,
            "bytes_per_second": self.rate(),
            "files_done": counts.ended().files,
            "files": counts.files,
        })
    }
}

impl Counts {
    /// The files that are done or have failed.
    pub fn ended(&self) -> EndedFiles {
        *lock(&self.ended)
    }

    /// The bytes of files that have ended, and those delivered of files in hand.
    pub fn bytes(&self) -> u64 {
        let in_hand: u64 = lock(&self.in_hand).iter().filter(|file| file.counts).map(|file| file.bytes()).sum();
        self.ended().bytes + in_hand
    }

    fn report(&self) {
        let in_hand: Vec<_> = lock(&self.in_hand).clone();
        in_hand.iter().for_each(|file| file.report(self));
        if self.files > 1 {
            let rate = self.bytes() as f64 / self.started.elapsed().as_secs_f64();
            let text = format!(
                "{} of {} files, {}, {}/s",
                self.ended().files,
                self.files,
                display_bytes(self.bytes()),
                display_bytes(rate as u64)
            );
            report::progress(&text, || {
                json!({
                    "event": "progress",
                    "files_done": self.ended().files,
                    "files": self.files,
                    "bytes": self.bytes(),
                    "total": self.total,
                    "bytes_per_second": rate as u64,
                })
            });
        }
    }
}

/// Tells how far the run has come, if one is under way.
pub(in crate::cli) fn report_status() {
    let counts = lock(&CURRENT).upgrade();
    match counts {
        Some(counts) => counts.report(),
        None => report::progress("nothing is under way yet", || json!({"event": "progress", "files_done": 0})),
    }
}

/// Lines in place of bars: one a second, and, for people, one at the end of each file that is done.
fn print(counts: &Counts, events: &Receiver<Event>) {
    let mut in_hand: Vec<Arc<FileCount>> = Vec::new();
    let mut next_line = Instant::now() + LINE;
    loop {
        let event = events.recv_timeout(next_line.saturating_duration_since(Instant::now()));
        let due = Instant::now() >= next_line;
        if due {
            next_line += LINE;
        }
        in_hand.retain(|file| {
            let outcome = file.outcome();
            if due && outcome.is_none() || outcome == Some(true) && !report::is_json() {
                file.report(counts);
            }
            outcome.is_none()
        });
        match event {
            Ok(Event::Began(file)) => in_hand.push(file),
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Event::Ended) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
