//! What is counted while files are worked on.

use std::{
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{files::label::Label, mutex::lock};

/// What is counted for all the files of a command.
pub(super) struct Counts {
    /// How many files there are.
    pub files: usize,
    /// The bytes of all inputs, if they are known.
    pub total: Option<u64>,
    /// When the first file was started: the time at a prompt before that does not count.
    started: OnceLock<Instant>,
    ended: Mutex<EndedFiles>,
    in_hand: Mutex<Vec<Arc<FileCount>>>,
}

/// The files that are done or have failed.
#[derive(Clone, Copy, Default)]
pub(super) struct EndedFiles {
    pub done: usize,
    pub failed: usize,
    /// The bytes of their inputs.
    passed: u64,
    /// The payload bytes of those that are done.
    pub delivered: u64,
}

/// What is counted for one file.
pub(super) struct FileCount {
    pub input: Label,
    /// The name, as it is shown.
    pub name: String,
    /// The payload bytes expected, if that is known.
    pub total: Option<u64>,
    pub delivered: AtomicU64,
    counts_in_whole: bool,
    has_ended: AtomicBool,
    pub started: Instant,
}

impl Counts {
    /// Counts of zero for this many files, of `total` bytes together, if that is known.
    pub fn new(files: usize, total: Option<u64>) -> Self {
        Self { files, total, started: OnceLock::new(), ended: Mutex::default(), in_hand: Mutex::default() }
    }

    /// Starts with `file`.
    pub fn begin(&self, file: &Arc<FileCount>) {
        self.started.get_or_init(Instant::now);
        lock(&self.in_hand).push(Arc::clone(file));
    }

    /// Ends the count of `file`, which has failed unless it is done.
    pub fn let_go(&self, file: &Arc<FileCount>) {
        file.has_ended.store(true, Ordering::Release);
        lock(&self.in_hand).retain(|other| !Arc::ptr_eq(other, file));
    }

    /// Notes that the file is done.
    pub fn done(&self, file: &FileCount) {
        file.has_ended.store(true, Ordering::Release);
        lock(&self.ended).delivered += file.bytes();
    }

    /// Counts a file, of `input_bytes`, as done or failed, even if it was never started.
    pub fn file_ended(&self, input_bytes: Option<u64>, succeeded: bool) {
        let mut ended = lock(&self.ended);
        *if succeeded { &mut ended.done } else { &mut ended.failed } += 1;
        ended.passed += input_bytes.unwrap_or(0);
    }

    pub fn ended(&self) -> EndedFiles {
        *lock(&self.ended)
    }

    pub fn in_hand(&self) -> Vec<Arc<FileCount>> {
        lock(&self.in_hand).clone()
    }

    /// The bytes of files that have ended, and those delivered so far for current files.
    pub fn bytes(&self) -> u64 {
        let in_hand: u64 =
            lock(&self.in_hand).iter().filter(|file| file.counts_in_whole).map(|file| file.bytes()).sum();
        self.ended().passed + in_hand
    }

    /// The time since the first file was started.
    pub fn elapsed(&self) -> Duration {
        self.started.get().map(Instant::elapsed).unwrap_or_default()
    }
}

impl FileCount {
    /// A count of zero for a file. Its bytes count towards the whole batch unless they are read a second time.
    pub fn new(input: &Label, name: String, total: Option<u64>, counts_in_whole: bool) -> Self {
        let (delivered, has_ended) = (AtomicU64::new(0), AtomicBool::new(false));
        let (input, started) = (input.clone(), Instant::now());
        Self { input, name, total, delivered, counts_in_whole, has_ended, started }
    }

    pub fn is_under_way(&self) -> bool {
        !self.has_ended.load(Ordering::Acquire)
    }

    /// The payload bytes delivered so far.
    pub fn bytes(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }
}

/// Bytes per second.
pub(super) fn rate(bytes: u64, elapsed: Duration) -> u64 {
    (bytes as f64 / elapsed.as_secs_f64()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_counts_ended_and_current_files_but_not_what_is_read_again() {
        let counts = Counts::new(3, Some(60));
        let [film, again] = [true, false].map(|counts_in_whole| {
            Arc::new(FileCount::new(&Label::StandardInput, "film".to_owned(), None, counts_in_whole))
        });
        for file in [&film, &again] {
            counts.begin(file);
            file.delivered.store(5, Ordering::Relaxed);
        }
        counts.file_ended(Some(20), true);
        counts.file_ended(None, true);
        assert_eq!((counts.bytes(), counts.in_hand().len()), (25, 2));
        counts.let_go(&film);
        assert_eq!((counts.bytes(), counts.in_hand().len()), (20, 1));
    }

    #[test]
    fn a_failed_file_is_passed_and_not_done() {
        let counts = Counts::new(3, Some(60));
        let file = Arc::new(FileCount::new(&Label::StandardInput, "film".to_owned(), None, true));
        counts.begin(&file);
        file.delivered.store(18, Ordering::Relaxed);
        counts.done(&file);
        counts.let_go(&file);
        counts.file_ended(Some(20), true);
        counts.file_ended(Some(20), false);
        let EndedFiles { done, failed, delivered, .. } = counts.ended();
        assert_eq!((done, failed, delivered, counts.bytes()), (1, 1, 18, 40));
    }

    #[test]
    fn a_file_is_under_way_until_it_is_done_or_has_failed() {
        let counts = Counts::new(2, None);
        let [done, failed] =
            ["done", "failed"].map(|name| Arc::new(FileCount::new(&Label::StandardInput, name.to_owned(), None, true)));
        assert!(done.is_under_way() && failed.is_under_way());
        counts.done(&done);
        counts.let_go(&failed);
        assert!(!done.is_under_way() && !failed.is_under_way());
    }
}
