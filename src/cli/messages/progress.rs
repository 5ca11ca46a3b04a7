//! The progress of a command's files: counted, and shown as requested.

use std::{
    fs::Metadata,
    num::NonZero,
    sync::{
        Arc, Mutex, Weak,
        atomic::AtomicU64,
        mpsc::{Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    bars,
    byte_count::display_bytes,
    counts::{Counts, EndedFiles, FileCount, rate},
    display_name::display_name,
    event, lines, report,
};
use crate::{
    cli::plan::{ProgressForm, Reporting},
    files::label::Label,
    keys::{KeySlot, SlotKind},
    mutex::lock,
    signals::Watching,
};

/// What SIGUSR1 reports.
static CURRENT: Mutex<Weak<Counts>> = Mutex::new(Weak::new());
/// A replacement for that report, while there is one.
static STATUS: Mutex<Option<StatusLine>> = Mutex::new(None);

/// Returns a status line, and the object for programs.
pub(in crate::cli) type StatusLine = Box<dyn Fn() -> (String, Value) + Send>;

/// While this lives, SIGUSR1 prints the line that was given for it.
pub(in crate::cli) struct OwnStatus(());

/// Shows the progress of the files, until it is dropped.
pub(in crate::cli) struct Progress {
    counts: Arc<Counts>,
    form: Option<ProgressForm>,
    display: Mutex<Option<Display>>,
}

/// The thread of a display, which ends once `begun` is dropped.
struct Display {
    begun: Sender<Arc<FileCount>>,
    thread: JoinHandle<()>,
}

/// A file being processed. Dropped without [`FileProgress::finish`], it has failed.
pub(in crate::cli) struct FileProgress<'a> {
    file: Arc<FileCount>,
    progress: &'a Progress,
    /// How its progress is shown, if it is.
    form: Option<ProgressForm>,
    /// The number and kind of the key slot that opened it, if one did.
    slot: Option<(NonZero<usize>, SlotKind)>,
}

impl Progress {
    /// Progress of inputs of these sizes.
    pub fn start(_: &Watching, reporting: Reporting, sizes: impl ExactSizeIterator<Item = Option<u64>>) -> Self {
        let counts = Arc::new(Counts::new(sizes.len(), sizes.sum()));
        *lock(&CURRENT) = Arc::downgrade(&counts);
        Self { counts, form: reporting.progress, display: Mutex::default() }
    }

    /// Progress of nothing, which is not shown.
    #[cfg(test)]
    pub fn none() -> Self {
        Self { counts: Arc::new(Counts::new(0, None)), form: None, display: Mutex::default() }
    }

    /// Begins with the input `label`, from which `total` payload bytes are expected, if that is known. `to_terminal`
    /// says that the output itself goes to the terminal, which leaves no room for a bar.
    pub fn file(&self, label: &Label, total: Option<u64>, to_terminal: bool) -> FileProgress<'_> {
        self.begin(FileCount::new(label, display_name(label), total, true), to_terminal)
    }

    /// Begins with reading the output `label` back, which is shown separately and does not count towards the whole.
    pub fn reading_back(&self, label: &Label, file: Option<Metadata>) -> FileProgress<'_> {
        let name = format!("{}: reading back", display_name(label));
        self.begin(FileCount::new(label, name, file.map(|file| file.len()), false), false)
    }

    fn begin(&self, file: FileCount, to_terminal: bool) -> FileProgress<'_> {
        let file = Arc::new(file);
        self.counts.begin(&file);
        let form = self.form.filter(|&form| form == ProgressForm::Lines || !to_terminal);
        if let Some(form) = form {
            self.show(form, &file);
        }
        FileProgress { file, progress: self, form, slot: None }
    }

    /// Counts a file, of `input_bytes`, as done or failed, even if it was never started.
    pub fn file_ended(&self, input_bytes: Option<u64>, succeeded: bool) {
        self.counts.file_ended(input_bytes, succeeded);
    }

    /// All files have ended: stops showing progress and, if it was shown and there were several, prints a summary.
    pub fn finish(&self) {
        let EndedFiles { done, delivered, .. } = self.counts.ended();
        if self.end_display() && self.counts.files > 1 && done > 0 && !report::is_json() {
            let files = format_args!("{done} of {} files", self.counts.files);
            report::line(&format_args!("{files}, {}", throughput(delivered, self.counts.elapsed())));
        }
    }

    /// Ends the display, if there is one, and returns whether there was.
    fn end_display(&self) -> bool {
        let Some(Display { begun, thread }) = lock(&self.display).take() else { return false };
        drop(begun);
        let _ = thread.join();
        true
    }

    fn show(&self, form: ProgressForm, file: &Arc<FileCount>) {
        let mut display = lock(&self.display);
        if display.is_none() {
            let (counts, (begun, began)) = (Arc::clone(&self.counts), channel());
            let thread = thread::Builder::new().spawn(move || match form {
                ProgressForm::Bars => bars::draw(&counts, &began),
                ProgressForm::Lines => lines::print(&counts, &began),
            });
            // If the system refuses a thread, the work matters more than its display.
            *display = thread.ok().map(|thread| Display { begun, thread });
        }
        if let Some(display) = &*display {
            // A display that is gone has nothing to show.
            let _ = display.begun.send(Arc::clone(file));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end_display();
    }
}

impl FileProgress<'_> {
    /// Notes which key slot opened it.
    pub fn opened_by(mut self, slot: &KeySlot) -> Self {
        self.slot = Some((slot.number(), slot.kind()));
        self
    }

    /// Counts the payload bytes delivered.
    pub fn delivered(&self) -> &AtomicU64 {
        &self.file.delivered
    }

    /// Notes that the file is done, and its `output` written, if it has one.
    pub fn finish(self, output: Option<&Label>) {
        let Self { file, progress, form, slot } = &self;
        progress.counts.done(file);
        let is_single = progress.counts.files <= 1;
        if is_single {
            // Its bar is replaced by the result.
            progress.end_display();
        }
        let FileCount { input, name, .. } = &**file;
        let (bytes, elapsed) = (file.bytes(), file.started.elapsed());
        report::event(|| {
            let mut fields = event::of("done");
            event::name(&mut fields, "file", input);
            match output {
                Some(output) => event::name(&mut fields, "output", output),
                None => drop(fields.insert("output".to_owned(), Value::Null)),
            }
            if let Some((number, kind)) = slot {
                fields.insert("slot".to_owned(), json!(number));
                fields.insert("slot_kind".to_owned(), json!(kind.in_kebab_case()));
            }
            fields.extend([("bytes".to_owned(), json!(bytes)), ("seconds".to_owned(), json!(elapsed.as_secs_f64()))]);
            fields.into()
        });
        let leads = output.map(|output| format!(" -> {}", display_name(output))).unwrap_or_default();
        let text = format!("{name}{leads}: {}", throughput(bytes, elapsed));
        // For many files with bars, one line at the end is enough; a command without an output prints its own result.
        let tells = output.is_some() && (*form == Some(ProgressForm::Lines) || is_single && form.is_some());
        if tells && !report::is_json() { report::line(&text) } else { report::detail(&text) }
    }
}

impl Drop for FileProgress<'_> {
    fn drop(&mut self) {
        self.progress.counts.let_go(&self.file);
    }
}

/// This many bytes in this time, as shown.
fn throughput(bytes: u64, elapsed: Duration) -> String {
    let (shown, rate) = (display_bytes(bytes), display_bytes(rate(bytes, elapsed)));
    format!("{shown} in {:.1} s, {rate}/s", elapsed.as_secs_f64())
}

/// Until the result is dropped, makes SIGUSR1 print what `line` returns.
pub(in crate::cli) fn answer_status_with(line: StatusLine) -> OwnStatus {
    *lock(&STATUS) = Some(line);
    OwnStatus(())
}

impl Drop for OwnStatus {
    fn drop(&mut self) {
        *lock(&STATUS) = None;
    }
}

/// Prints the progress of the files, if any are under way.
pub(in crate::cli) fn report_status() {
    let own = lock(&STATUS).as_ref().map(|line| line());
    if let Some((line, object)) = own {
        return report::progress(&line, || object);
    }
    let counts = lock(&CURRENT).upgrade();
    match counts {
        Some(counts) => lines::print_status(&counts),
        None => report::progress(
            "nothing is under way yet",
            || json!({"event": "progress", "files_done": 0, "files_failed": 0}),
        ),
    }
}
