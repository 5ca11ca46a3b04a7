//! Many files in one run: the failure of one does not stop the rest, and is named again at the end.

use crate::cli::messages::{
    failure::{Exit, Failure},
    report,
};

/// How the files of a run ended.
#[derive(Default)]
pub(super) struct Batch {
    done: usize,
    failures: Vec<Failure>,
}

impl Batch {
    /// Does `work` on each of `items`, one after the other, and tells of each failure as it comes.
    ///
    /// # Errors
    ///
    /// The worst of the failures' exit codes; all has been told.
    pub fn each<T>(items: &[T], mut work: impl FnMut(&T) -> Result<(), Failure>) -> Result<(), Exit> {
        let mut batch = Self::default();
        for item in items {
            batch.ended(work(item));
        }
        batch.finish()
    }

    /// Notes how one file ended, and tells of it if it failed.
    pub fn ended(&mut self, result: Result<(), Failure>) {
        match result {
            Ok(()) => self.done += 1,
            Err(failure) => {
                report::failure(&failure);
                self.failures.push(failure);
            }
        }
    }

    /// Names the failures, if there was more than the one file.
    ///
    /// # Errors
    ///
    /// The worst of the failures' exit codes.
    pub fn finish(self) -> Result<(), Exit> {
        let Some(worst) = self.failures.iter().map(Failure::exit).max() else { return Ok(()) };
        let files = self.done + self.failures.len();
        if files > 1 {
            report::summary(&format!("{} of {files} files failed:", self.failures.len()), &self.failures);
        }
        Err(worst)
    }
}
