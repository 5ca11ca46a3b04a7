//! Lines for standard error, written by a separate thread, so that a reader that does not read holds nothing up.

use std::{
    io, mem,
    sync::{
        Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel},
    },
    thread,
    time::Duration,
};

/// The most lines that wait; any more are dropped.
const MOST_LINES: usize = 1000;
/// How long the last lines may take at the end.
const LIMIT: Duration = Duration::from_secs(2);

static STATE: Mutex<State> = Mutex::new(State::Direct);

enum State {
    /// Each thread writes its own lines.
    Direct,
    Queued(Queue),
    /// The writing thread is stuck waiting for a reader; nobody waits for it any more.
    Stuck,
}

struct Queue {
    lines: SyncSender<String>,
    /// Disconnected once the thread has ended.
    end: Receiver<()>,
    lost: u64,
}

/// From here on, lines are passed to a thread, which calls `write` for each.
///
/// # Errors
///
/// The system refuses a thread.
pub(super) fn begin(write: impl Fn(&str) + Send + 'static) -> io::Result<()> {
    let (lines, next) = sync_channel::<String>(MOST_LINES);
    let (ends, end): (Sender<()>, _) = channel();
    thread::Builder::new().name("report".to_owned()).spawn(move || {
        next.iter().for_each(|line| write(&line));
        drop(ends);
    })?;
    *state() = State::Queued(Queue { lines, end, lost: 0 });
    Ok(())
}

/// Queues the line that `line` makes, if lines are passed to a thread; returns whether they are. If lines were dropped
/// before it, the line that `about_lost` makes from their number comes first.
pub(super) fn take(line: impl FnOnce() -> String, about_lost: impl FnOnce(u64) -> String) -> bool {
    match &mut *state() {
        State::Direct => return false,
        State::Stuck => {}
        State::Queued(queue) => {
            if queue.lost > 0 && queue.lines.try_send(about_lost(queue.lost)).is_ok() {
                queue.lost = 0;
            }
            if queue.lost > 0 || queue.lines.try_send(line()).is_err() {
                queue.lost = queue.lost.saturating_add(1);
            }
        }
    }
    true
}

/// Waits a short time for all lines to be written.
pub(super) fn end() {
    let mut state = state();
    if let State::Queued(Queue { lines, end, .. }) = mem::replace(&mut *state, State::Direct) {
        drop(lines);
        if end.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
            *state = State::Stuck;
        }
    }
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}
