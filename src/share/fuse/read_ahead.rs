//! Decrypting in advance what a program that reads in order will ask for next.
//!
//! The kernel asks for one part, and for the next once the program has got to this one. Without reading ahead, either
//! the program works or we do, never both.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Condvar, Mutex, PoisonError, Weak},
    thread,
    time::Instant,
};

use rustix::io::Errno;

use super::{
    budget::Budget,
    content::{Answer, Content},
};
use crate::mutex::lock;

/// Parts that are decrypted ahead.
const DEPTH: usize = 4;
/// After this many reads in order, more of them are expected.
const EXPECTED_AFTER: u32 = 2;
/// The most parts in the queue: with too many readers, some do without reading ahead.
const LONGEST_QUEUE: usize = 64;

/// What is read ahead for one open file.
pub(super) struct Ahead {
    content: Content,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Where the last read ended.
    next: u64,
    /// The number of consecutive reads in order.
    in_order: u32,
    parts: VecDeque<Part>,
}

struct Part {
    offset: u64,
    size: usize,
    progress: Progress,
}

enum Progress {
    InQueue,
    Begun,
    Done(Result<Answer, Errno>),
}

/// Threads that decrypt ahead, for all open files.
pub(super) struct Decryptors {
    queue: Arc<Queue>,
    budget: Budget<Ahead>,
}

#[derive(Default)]
struct Queue {
    jobs: Mutex<Jobs>,
    arrived: Condvar,
}

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<(Weak<Ahead>, u64)>,
    ended: bool,
}

impl Ahead {
    /// A state in which nothing of `content` has been read ahead.
    pub fn of(content: Content) -> Self {
        Self { content, state: Mutex::default(), changed: Condvar::new() }
    }

    pub fn content(&self) -> &Content {
        &self.content
    }

    /// Returns what was read ahead at `offset`, and makes `decryptors` read what comes after it. Returns `None` if
    /// reading that part ahead has not started.
    pub fn take(self: &Arc<Self>, offset: u64, size: usize, decryptors: &Decryptors) -> Option<Result<Answer, Errno>> {
        let mut state = lock(&self.state);
        let end = offset.saturating_add(size as u64);
        // Several threads answer, so they may be out of step by a part or two.
        let near = (DEPTH * size) as u64;
        let is_in_order = offset <= state.next.saturating_add(near) && state.next <= offset.saturating_add(near);
        if is_in_order {
            state.in_order = state.in_order.saturating_add(1);
            state.next = state.next.max(end);
        } else {
            *state = State { next: end, ..State::default() };
        }
        let is_expected = state.in_order > EXPECTED_AFTER;
        drop(state);
        // Other files may have to drop what they have, so no lock is held.
        let may_ask = is_expected && decryptors.grant(self, DEPTH * size);
        let mut state = lock(&self.state);
        let last = state.next.saturating_add(near);
        state.parts.retain(|part| part.end() > offset.saturating_sub(near) && part.offset < last);
        if may_ask {
            let (from, length) = (state.next, self.content.stream.len());
            for number in 0..DEPTH as u64 {
                let ahead = from.saturating_add(number * size as u64);
                if ahead < length && !state.parts.iter().any(|part| part.offset == ahead) && decryptors.ask(self, ahead)
                {
                    state.parts.push_back(Part { offset: ahead, size, progress: Progress::InQueue });
                }
            }
        }
        loop {
            let at = state.parts.iter().position(|part| part.offset == offset && part.size == size)?;
            if matches!(state.parts.get(at)?.progress, Progress::Begun) {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            return match state.parts.remove(at)?.progress {
                Progress::Done(read) => Some(read),
                Progress::InQueue | Progress::Begun => None,
            };
        }
    }

    /// Drops everything that was read ahead, and what is still queued.
    fn forget(&self) {
        let forgotten = std::mem::take(&mut lock(&self.state).parts);
        self.changed.notify_all();
        drop(forgotten);
    }

    /// Waits until nothing that was asked for is still to be read.
    #[cfg(test)]
    pub fn wait_for_all(&self) {
        let is_done = |part: &Part| matches!(part.progress, Progress::Done(_));
        let mut state = lock(&self.state);
        while !state.parts.iter().all(is_done) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Reads the part at `offset`, if it is still wanted.
    fn work(&self, offset: u64) {
        let mut state = lock(&self.state);
        let waiting = |part: &&mut Part| part.offset == offset && matches!(part.progress, Progress::InQueue);
        let Some(part) = state.parts.iter_mut().find(waiting) else { return };
        part.progress = Progress::Begun;
        let size = part.size;
        drop(state);
        // If reading panics, a thread that waits for the part still gets an error.
        let mut begun = Begun { ahead: self, offset, read: Err(Errno::IO) };
        begun.read = self.content.read(offset, size, true);
    }

    /// Notes the result, `read`, for the part at `offset`, unless it is no longer wanted.
    fn done(&self, offset: u64, read: Result<Answer, Errno>) {
        let mut state = lock(&self.state);
        let begun = |part: &&mut Part| part.offset == offset && matches!(part.progress, Progress::Begun);
        if let Some(part) = state.parts.iter_mut().find(begun) {
            part.progress = Progress::Done(read);
        }
        drop(state);
        self.changed.notify_all();
    }
}

/// A part that is being read. Notes what was read when it is dropped.
struct Begun<'a> {
    ahead: &'a Ahead,
    offset: u64,
    read: Result<Answer, Errno>,
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        let read = std::mem::replace(&mut self.read, Err(Errno::IO));
        self.ahead.done(self.offset, read);
    }
}

impl Part {
    fn end(&self) -> u64 {
        self.offset.saturating_add(self.size as u64)
    }
}

impl Decryptors {
    /// Starts as many threads as there are cores.
    pub fn start() -> io::Result<Self> {
        let decryptors = Self { queue: Arc::default(), budget: Budget::default() };
        for _ in 0..thread::available_parallelism()?.get() {
            let queue = Arc::clone(&decryptors.queue);
            thread::Builder::new().name("ahead".to_owned()).spawn(move || queue.work())?;
        }
        Ok(decryptors)
    }

    /// Whether `file` may have `bytes` decrypted ahead, for which other files may have to drop theirs.
    fn grant(&self, file: &Arc<Ahead>, bytes: usize) -> bool {
        let (granted, forgetting) = self.budget.grant(file, bytes, Instant::now());
        forgetting.iter().for_each(|file| file.forget());
        granted
    }

    /// Queues the part of `file` at `offset` to be read ahead, unless there is too much to do already.
    fn ask(&self, file: &Arc<Ahead>, offset: u64) -> bool {
        let mut jobs = lock(&self.queue.jobs);
        if jobs.waiting.len() >= LONGEST_QUEUE {
            return false;
        }
        jobs.waiting.push_back((Arc::downgrade(file), offset));
        drop(jobs);
        self.queue.arrived.notify_one();
        true
    }
}

impl Drop for Decryptors {
    fn drop(&mut self) {
        lock(&self.queue.jobs).ended = true;
        self.queue.arrived.notify_all();
    }
}

impl Queue {
    fn work(&self) {
        loop {
            let mut jobs = lock(&self.jobs);
            let (file, offset) = loop {
                match jobs.waiting.pop_front() {
                    _ if jobs.ended => return,
                    Some(job) => break job,
                    None => jobs = self.arrived.wait(jobs).unwrap_or_else(PoisonError::into_inner),
                }
            };
            drop(jobs);
            if let Some(file) = file.upgrade() {
                file.work(offset);
            }
        }
    }
}
