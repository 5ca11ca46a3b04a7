//! Lines for standard error, written by a thread of their own: whoever does not read them holds nothing up.

use std::{
    io, mem,
    sync::{
        Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel},
    },
    thread,
    time::Duration,
};

/// So many lines wait at most; those that come then are lost.
const MOST_LINES: usize = 1000;
/// How long the last lines may take at the end.
const LIMIT: Duration = Duration::from_secs(2);

static STATE: Mutex<State> = Mutex::new(State::Direct);

enum State {
    /// Whoever has a line writes it.
    Direct,
    Queued(Queue),
    /// The thread still waits for a reader, and it is not waited for.
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
/// There is no thread to be had.
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

/// Takes the line that `line` makes, if lines are passed to a thread; returns whether that is so. Where lines were lost before
/// it, the line that `about_lost` makes of their number comes first.
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

/// Waits a short time until all lines are written.
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
