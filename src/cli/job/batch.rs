//! Many files, one after another or in parallel. A failure does not stop the rest, and is reported again at the end.

use std::{
    collections::BTreeSet,
    mem,
    num::NonZero,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
};

use crate::cli::messages::{
    failure::{Exit, Failure},
    report,
};
use crate::mutex::lock;
use crate::signals::{StopOnInterrupt, Watching};

/// How the files ended.
pub(in crate::cli) struct Batch(Arc<Mutex<Outcomes>>);

/// The state of each file. Locked only briefly, never while something is written.
#[derive(Default)]
struct Outcomes {
    done: usize,
    failures: Vec<Arc<Failure>>,
    under_way: usize,
    not_begun: usize,
}

impl Batch {
    /// Does `work` on each of `items`, one after another, and reports each failure as it happens.
    ///
    /// # Errors
    ///
    /// The worst of the failures' exit codes. The failures have been reported.
    pub fn each<T>(
        watching: &Watching,
        items: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
        mut work: impl FnMut(T) -> Result<(), Failure>,
    ) -> Result<(), Exit> {
        let items = items.into_iter();
        let batch = Self::of(items.len());
        let stop = batch.stop_on_interrupt(watching);
        for item in items {
            batch.begin();
            if batch.note(work(item)) == Then::End {
                break;
            }
        }
        drop(stop);
        batch.finish()
    }

    /// Does `work` on each of `items`, on up to `most` of them at once, which may grow; `work` gets the item's position
    /// in the batch. The first ones are done one at a time until one has succeeded: by then, every prompt has been
    /// answered.
    #[must_use]
    pub fn side_by_side<T: Send>(
        watching: &Watching,
        items: Vec<T>,
        most: impl Fn() -> NonZero<usize>,
        work: impl Fn(T, Place<'_>) -> Result<(), Failure> + Sync,
    ) -> Self {
        let batch = Self::of(items.len());
        let stop = batch.stop_on_interrupt(watching);
        let (items, order) = (Mutex::new(items.into_iter().enumerate()), Order::default());
        let one = || {
            let (index, item) = lock(&items).next()?;
            // Also if `work` panics: others may wait for this one.
            let _ended = Ends { index, order: &order };
            batch.begin();
            let result = work(item, Place { index, order: &order });
            let done = result.is_ok();
            if batch.note(result) == Then::End {
                lock(&items).by_ref().for_each(drop);
            }
            Some(done)
        };
        while one() == Some(false) {}
        thread::scope(|scope| {
            let mut threads = 1;
            loop {
                let wanted = most().get().min(threads + lock(&items).len());
                while threads < wanted {
                    // If the system refuses more threads, the existing ones do the work.
                    let _ = thread::Builder::new().spawn_scoped(scope, || while one().is_some() {});
                    threads += 1;
                }
                if one().is_none() {
                    break;
                }
            }
        });
        drop(stop);
        batch
    }

    /// A batch of `files` files, none of which has started.
    pub fn of(files: usize) -> Self {
        Self(Arc::new(Mutex::new(Outcomes { not_begun: files, ..Outcomes::default() })))
    }

    /// With several files, makes an interrupt report their state before the process dies of it.
    pub fn stop_on_interrupt<'a>(&self, watching: &'a Watching) -> Option<StopOnInterrupt<'a>> {
        let outcomes = Arc::clone(&self.0);
        (lock(&self.0).files() > 1).then(|| {
            watching.ask_to_stop(Box::new(move |signal| {
                let (heading, failures) = {
                    let mut outcomes = lock(&outcomes);
                    let summary = (outcomes.interrupted(), mem::take(&mut outcomes.failures));
                    // Stays locked until the end, so that nothing else starts, or is reported as failed because of what
                    // is being removed now.
                    mem::forget(outcomes);
                    summary
                };
                signal.die_after(move || report::summary(&heading, &failures));
            }))
        })
    }

    fn begin(&self) {
        let mut outcomes = lock(&self.0);
        outcomes.not_begun -= 1;
        outcomes.under_way += 1;
    }

    /// Notes how a started file ended, and reports it if it failed.
    fn note(&self, result: Result<(), Failure>) -> Then {
        let failure = {
            let mut outcomes = lock(&self.0);
            outcomes.under_way -= 1;
            let Err(failure) = result else {
                outcomes.done += 1;
                return Then::GoOn;
            };
            let failure = Arc::new(failure);
            outcomes.failures.push(Arc::clone(&failure));
            failure
        };
        report::failure(&failure);
        if failure.concerns_all() { Then::End } else { Then::GoOn }
    }

    /// Notes how one of the files ended, and reports it if it failed.
    pub fn ended(&self, result: Result<(), Failure>) {
        self.begin();
        self.note(result);
    }

    /// Lists the failures, if there were several files.
    ///
    /// # Errors
    ///
    /// The worst of the failures' exit codes.
    pub fn finish(self) -> Result<(), Exit> {
        let outcomes = mem::take(&mut *lock(&self.0));
        let Some(worst) = outcomes.failures.iter().map(|failure| failure.exit()).max() else { return Ok(()) };
        if outcomes.files() > 1 {
            report::summary(&outcomes.failed(), &outcomes.failures);
        }
        Err(worst)
    }
}

impl Outcomes {
    fn files(&self) -> usize {
        self.done + self.failures.len() + self.under_way + self.not_begun
    }

    /// The summary of failures of a batch that was completed.
    fn failed(&self) -> String {
        let (failed, files) = (self.failures.len(), self.files());
        format!("{failed} of {files} files failed{}", counted(self.not_begun, "not begun"))
    }

    /// The summary of an interrupted batch.
    fn interrupted(&self) -> String {
        let (failed, files) = (self.failures.len(), self.files());
        let [failed, under_way, not_begun] =
            [(failed, "failed"), (self.under_way, "under way"), (self.not_begun, "not begun")]
                .map(|(count, what)| counted(count, what));
        format!("interrupted: {} of {files} files done{failed}{under_way}{not_begun}", self.done)
    }
}

/// A part of a list other than the first, such as ", 2 failed"; empty if there are none.
fn counted(count: usize, what: &str) -> String {
    if count > 0 { format!(", {count} {what}") } else { String::new() }
}

/// The position of an item in a batch.
pub(in crate::cli) struct Place<'a> {
    index: usize,
    order: &'a Order,
}

/// Which items have ended.
#[derive(Default)]
struct Order {
    ended: Mutex<Ended>,
    changed: Condvar,
}

#[derive(Default)]
struct Ended {
    /// Every item before this one has ended.
    first: usize,
    /// And so have these after it.
    others: BTreeSet<usize>,
}

impl Place<'_> {
    /// Waits until all items before this one have ended, so that reports come in order.
    pub fn wait_for_those_before(&self) {
        let mut ended = lock(&self.order.ended);
        while ended.first < self.index {
            ended = self.order.changed.wait(ended).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// An item that ends when this is dropped.
struct Ends<'a> {
    index: usize,
    order: &'a Order,
}

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        let mut ended = lock(&self.order.ended);
        ended.others.insert(self.index);
        while let Some(first) = ended.others.first().copied().filter(|&first| first == ended.first) {
            ended.others.remove(&first);
            ended.first += 1;
        }
        drop(ended);
        self.order.changed.notify_all();
    }
}

/// Whether other files follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    GoOn,
    End,
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::{
            Barrier,
            atomic::{AtomicUsize, Ordering},
        },
    };

    use super::*;

    fn five() -> NonZero<usize> {
        NonZero::new(5).unwrap()
    }

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
            let ended = Batch::each(&Watching::nothing(), items, |&item| {
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
    fn side_by_side_each_item_is_done_once() {
        let done = Mutex::new(Vec::new());
        let items: Vec<_> = (0..100).collect();
        let ended = Batch::side_by_side(&Watching::nothing(), items.clone(), five, |item, _| {
            lock(&done).push(item);
            outcome(u8::from(item % 7 == 0))
        });
        assert_eq!(ended.finish(), Err(Exit::InputOutput));
        let mut done = done.into_inner().unwrap();
        done.sort_unstable();
        assert_eq!(done, items);
    }

    #[test]
    fn more_items_are_worked_on_at_once_as_soon_as_that_is_allowed() {
        let (most, all_at_once) = (AtomicUsize::new(1), Barrier::new(3));
        let now = || NonZero::new(most.load(Ordering::Relaxed)).unwrap();
        let ended = Batch::side_by_side(&Watching::nothing(), vec![0, 1, 2, 3], now, |item, _| {
            if item == 0 {
                most.store(3, Ordering::Relaxed);
            } else {
                // If they were done one at a time, the first would wait for ever.
                all_at_once.wait();
            }
            Ok(())
        });
        assert_eq!(ended.finish(), Ok(()));
    }

    #[test]
    fn a_panic_ends_the_run_and_nobody_waits_for_its_item() {
        let second_waits = Barrier::new(2);
        let run = || {
            Batch::side_by_side(&Watching::nothing(), vec![0, 1, 2], five, |item, place| {
                match item {
                    0 => {}
                    1 => {
                        second_waits.wait();
                        panic!("as it should");
                    }
                    _ => {
                        second_waits.wait();
                        place.wait_for_those_before();
                    }
                }
                Ok(())
            })
        };
        assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
    }

    #[test]
    fn a_failure_that_concerns_all_ends_the_run() {
        let done = Mutex::new(Vec::new());
        let ended = Batch::side_by_side(&Watching::nothing(), vec![1, 9, 0, 0], five, |item, _| {
            lock(&done).push(item);
            outcome(item)
        });
        assert_eq!(ended.finish(), Err(Exit::Usage));
        assert_eq!(done.into_inner().unwrap(), [1, 9]);
    }
}
