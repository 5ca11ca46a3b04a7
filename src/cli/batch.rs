//! Many files in one run: the failure of one does not stop the rest, and is named again at the end.

use std::{
    num::NonZero,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

use crate::cli::messages::{
    failure::{Exit, Failure},
    report,
};

/// How the files of a run ended.
#[derive(Default)]
pub(super) struct Batch {
    done: usize,
    failures: Vec<Failure>,
    not_begun: usize,
}

impl Batch {
    /// Does `work` on each of `items`, one after the other, and tells of each failure as it comes.
    ///
    /// # Errors
    ///
    /// The worst of the failures' exit codes; all has been told.
    pub fn each<T>(
        items: impl IntoIterator<Item = T>,
        mut work: impl FnMut(T) -> Result<(), Failure>,
    ) -> Result<(), Exit> {
        let (mut batch, mut items) = (Self::default(), items.into_iter());
        while let Some(item) = items.next() {
            if batch.note(work(item)) == Then::End {
                batch.not_begun += items.by_ref().count();
            }
        }
        batch.finish()
    }

    /// Does `work` on each of `items`, on up to `most` of them at once. The first go one by one until one is done: what
    /// is to be asked has been asked by then.
    ///
    /// # Errors
    ///
    /// As [`Batch::each`].
    pub fn side_by_side<T: Send>(
        items: Vec<T>,
        most: NonZero<usize>,
        work: impl Fn(T) -> Result<(), Failure> + Sync,
    ) -> Result<(), Exit> {
        let others = most.get().min(items.len()) - usize::from(!items.is_empty());
        let (items, batch) = (Mutex::new(items.into_iter()), Mutex::new(Self::default()));
        let one = || {
            let item = lock(&items).next()?;
            let result = work(item);
            let done = result.is_ok();
            let mut batch = lock(&batch);
            if batch.note(result) == Then::End {
                batch.not_begun += lock(&items).by_ref().count();
            }
            Some(done)
        };
        while one() == Some(false) {}
        thread::scope(|scope| {
            for _ in 0..others {
                // Where the system gives no more threads, this one does the work.
                let _ = thread::Builder::new().spawn_scoped(scope, || while one().is_some() {});
            }
            while one().is_some() {}
        });
        batch.into_inner().unwrap_or_else(PoisonError::into_inner).finish()
    }

    /// Notes how one file ended, and tells of it if it failed.
    pub fn ended(&mut self, result: Result<(), Failure>) {
        self.note(result);
    }

    /// Notes that so many more files were not begun.
    pub fn not_begun(&mut self, files: usize) {
        self.not_begun += files;
    }

    fn note(&mut self, result: Result<(), Failure>) -> Then {
        let Err(failure) = result else {
            self.done += 1;
            return Then::GoOn;
        };
        report::failure(&failure);
        let then = if failure.concerns_all() { Then::End } else { Then::GoOn };
        self.failures.push(failure);
        then
    }

    /// Names the failures, if there was more than the one file.
    ///
    /// # Errors
    ///
    /// The worst of the failures' exit codes.
    pub fn finish(self) -> Result<(), Exit> {
        let Some(worst) = self.failures.iter().map(Failure::exit).max() else { return Ok(()) };
        let files = self.done + self.failures.len() + self.not_begun;
        if files > 1 {
            let failed = self.failures.len();
            let not_begun = if self.not_begun > 0 { format!(", {} not begun", self.not_begun) } else { String::new() };
            report::summary(&format!("{failed} of {files} files failed{not_begun}"), &self.failures);
        }
        Err(worst)
    }
}

/// Whether a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    GoOn,
    End,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(of: u8) -> Result<(), Failure> {
        match of {
            0 => Ok(()),
            1 => Err(Failure::new(Exit::InputOutput, "unreadable")),
            4 => Err(Failure::new(Exit::BadStream, "damaged")),
            _ => Err(Failure::usage("no secret").for_all()),
        }
    }

    #[test]
    fn the_worst_exit_code_is_that_of_the_run_and_no_failure_stops_the_rest() {
        let work = |items: &[u8]| {
            let mut seen = Vec::new();
            let ended = Batch::each(items, |&item| {
                seen.push(item);
                outcome(item)
            });
            assert_eq!(seen, items);
            ended
        };
        assert_eq!(work(&[]), Ok(()));
        assert_eq!(work(&[0, 0]), Ok(()));
        assert_eq!(work(&[0, 1, 4, 1, 0]), Err(Exit::BadStream));
    }

    #[test]
    fn side_by_side_all_are_done_once() {
        let done = Mutex::new(Vec::new());
        let items: Vec<_> = (0..100).collect();
        let ended = Batch::side_by_side(items.clone(), NonZero::new(5).unwrap(), |item| {
            lock(&done).push(item);
            outcome(u8::from(item % 7 == 0))
        });
        assert_eq!(ended, Err(Exit::InputOutput));
        let mut done = done.into_inner().unwrap();
        done.sort_unstable();
        assert_eq!(done, items);
    }

    #[test]
    fn a_failure_that_concerns_all_ends_the_run() {
        let done = Mutex::new(Vec::new());
        let ended = Batch::side_by_side(vec![1, 9, 0, 0], NonZero::new(5).unwrap(), |item| {
            lock(&done).push(item);
            outcome(item)
        });
        assert_eq!(ended, Err(Exit::Usage));
        assert_eq!(done.into_inner().unwrap(), [1, 9]);
    }
}
