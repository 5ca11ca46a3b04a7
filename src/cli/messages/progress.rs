//! How far the files of a command have come: counted, and shown as it was asked for.

use std::{
    fs::Metadata,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::AtomicU64,
        mpsc::{Sender, channel},
    },
    thread::{self, JoinHandle},
};

use serde_json::{Value, json};

use super::{
    bars,
    byte_count::display_bytes,
    counts::{Counts, FileCount},
    display_name::display_name,
    event, lines, report,
};
use crate::{
    cli::plan::{ProgressForm, Reporting},
    files::label::Label,
    signals::Watching,
};

/// What SIGUSR1 asks for the status of.
static CURRENT: Mutex<Weak<Counts>> = Mutex::new(Weak::new());

/// Shows how far the files have come, until it is dropped.
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

/// A file in hand. Dropped without [`FileProgress::finish`], it has failed.
pub(in crate::cli) struct FileProgress<'a> {
    file: Arc<FileCount>,
    progress: &'a Progress,
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

    /// Begins with the input `label`, from which `total` payload bytes are to come, if that is known.
    /// `to_terminal` says that the output itself goes to the terminal, which leaves no room for a bar.
    pub fn file(&self, label: &Label, total: Option<u64>, to_terminal: bool) -> FileProgress<'_> {
        self.begin(FileCount::new(label, display_name(label), total, true), to_terminal)
    }

    /// Begins with reading the output `label` back, which is shown by itself and does not count in the whole.
    pub fn reading_back(&self, label: &Label, file: Option<Metadata>) -> FileProgress<'_> {
        let name = format!("{}: reading back", display_name(label));
        self.begin(FileCount::new(label, name, file.map(|file| file.len()), false), false)
    }

    fn begin(&self, file: FileCount, to_terminal: bool) -> FileProgress<'_> {
        let file = Arc::new(file);
        self.counts.begin(&file);
        match self.form {
            Some(ProgressForm::Bars) if to_terminal => {}
            Some(form) => self.show(form, &file),
            None => {}
        }
        FileProgress { file, progress: self }
    }

    /// Counts a file, of `input_bytes`, as done or failed, also if it was never begun.
    pub fn file_ended(&self, input_bytes: Option<u64>, succeeded: bool) {
        self.counts.file_ended(input_bytes, succeeded);
    }

    fn show(&self, form: ProgressForm, file: &Arc<FileCount>) {
        let mut display = lock(&self.display);
        if display.is_none() {
            let (counts, (begun, began)) = (Arc::clone(&self.counts), channel());
            let thread = thread::Builder::new().spawn(move || match form {
                ProgressForm::Bars => bars::draw(&counts, &began),
                ProgressForm::Lines => lines::print(&counts, &began),
            });
            // Where the system gives no more threads, the work matters more than its display.
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
        if let Some(Display { begun, thread }) = lock(&self.display).take() {
            drop(begun);
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
        self.file.done();
        let FileCount { input, name, .. } = &*self.file;
        let (bytes, elapsed) = (self.file.bytes(), self.file.started.elapsed());
        report::event(|| {
            let mut fields = event::of("done");
            event::name(&mut fields, "file", input);
            match output {
                Some(output) => event::name(&mut fields, "output", output),
                None => drop(fields.insert("output".to_owned(), Value::Null)),
            }
            fields.extend([("bytes".to_owned(), json!(bytes)), ("seconds".to_owned(), json!(elapsed.as_secs_f64()))]);
            fields.into()
        });
        let leads = output.map(|output| format!(" -> {}", display_name(output))).unwrap_or_default();
        let (shown, rate) = (display_bytes(bytes), display_bytes(self.file.rate()));
        report::detail(&format!("{name}{leads}: {shown} in {:.1} s, {rate}/s", elapsed.as_secs_f64()));
    }
}

impl Drop for FileProgress<'_> {
    fn drop(&mut self) {
        self.progress.counts.let_go(&self.file);
    }
}

/// Prints how far the files have come, if any are under way.
pub(in crate::cli) fn report_status() {
    let counts = lock(&CURRENT).upgrade();
    match counts {
        Some(counts) => lines::print_status(&counts),
        None => report::progress(
            "nothing is under way yet",
            || json!({"event": "progress", "files_done": 0, "files_failed": 0}),
        ),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
