//! What is put right before a signal ends the process: a file to remove, a terminal to restore.
//!
//! The process then dies by that very signal, so that a shell sees what happened. Signals that were ignored when the
//! process started, as under nohup, stay ignored.

use std::{
    fs, process,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use nix::sys::signal::{SigSet, Signal};
use rustix::{
    process::getpgrp,
    termios::{OptionalActions, Termios, tcgetpgrp, tcsetattr},
};
use signal_hook::{iterator::Signals, low_level::emulate_default_handler};

use crate::{cli::messages::progress, files::temporaries::TEMPORARIES};

/// The signals that end a process unless it sees to them, and that others send.
const HANDLED: [Signal; 10] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGALRM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGVTALRM,
    Signal::SIGPROF,
    Signal::SIGXCPU,
];

/// How long a second SIGINT waits for what the first one has begun, which takes less unless a file system does not answer.
const INSISTENCE: Duration = Duration::from_millis(100);

static INTERRUPT_HANDLED: AtomicBool = AtomicBool::new(false);
static IGNORE_INTERRUPTS: AtomicBool = AtomicBool::new(false);
/// Whether a terminal is to be restored: somebody sits at the prompt.
static AT_PROMPT: AtomicBool = AtomicBool::new(false);
static UNDO: Mutex<Undo> = Mutex::new(Undo { terminal: None });

struct Undo {
    terminal: Option<(fs::File, Termios)>,
}

/// While this lives, a signal restores the terminal; when it is dropped, the terminal is restored, too.
pub(super) struct RestoreTerminal(());

/// Begins to see to signals; to be called before there is a second thread, and after inherited descriptors were
/// copied, whose numbers it may take. Where the system gives no thread for it,
/// signals do what they always do. An interrupt is ignored, if that is asked for; SIGUSR1 asks for the status.
pub(super) fn watch(ignore_interrupts: bool) {
    let ignored = ignored_signals();
    IGNORE_INTERRUPTS.store(ignore_interrupts, Ordering::Release);
    let handled: SigSet = HANDLED.into_iter().filter(|&signal| ignored & (1 << (signal as i32 - 1)) == 0).collect();
    // Here and in the threads to come they stay blocked, and are left to the one that watches: a thread that a file
    // system holds would keep a signal waiting.
    if handled.thread_block().is_ok() {
        if start_watching(handled) {
            INTERRUPT_HANDLED.store(handled.contains(Signal::SIGINT), Ordering::Release);
        } else {
            let _ = handled.thread_unblock();
        }
    }
    // Blocked for good: a write beyond the limit then fails with an error that can be told.
    let _ = SigSet::from(Signal::SIGXFSZ).thread_block();
}

fn start_watching(handled: SigSet) -> bool {
    let Ok(mut signals) = Signals::new(handled.iter().map(|signal| signal as i32)) else { return false };
    let handle = signals.handle();
    let status = start_reporting();
    let watching = thread::Builder::new().spawn(move || {
        let _ = handled.thread_unblock();
        let mut coming = signals.forever();
        let Some(first) = coming.find(|&signal| !is_answered(signal, &status)) else { return };
        if thread::Builder::new().spawn(move || end_by_signal(first)).is_err() {
            end_by_signal(first);
        }
        if coming.any(|signal| signal == Signal::SIGINT as i32) {
            thread::sleep(INSISTENCE);
            let _ = emulate_default_handler(Signal::SIGINT as i32);
        }
    });
    if watching.is_err() {
        handle.close();
    }
    watching.is_ok()
}

/// Tells of the status whenever it is asked to. Writing may block, which the thread that watches must not.
fn start_reporting() -> SyncSender<()> {
    let (wanted, requests) = sync_channel(1);
    // Where the system gives no thread for it, nobody is told.
    let _ = thread::Builder::new().spawn(move || requests.into_iter().for_each(|()| progress::report_status()));
    wanted
}

/// Does `work` with no signal coming between its steps.
pub(super) fn without_signals<T>(work: impl FnOnce() -> T) -> T {
    let _held = lock();
    work()
}

/// Has a signal, and the drop of the guard, set `terminal` to `mode`.
pub(super) fn restore_terminal(terminal: fs::File, mode: Termios) -> RestoreTerminal {
    lock().terminal = Some((terminal, mode));
    AT_PROMPT.store(true, Ordering::Release);
    RestoreTerminal(())
}

/// Answers a signal that does not end the process: SIGUSR1, which asks for the status, and an interrupt that is to be
/// ignored, if that is not for somebody at the prompt. Takes no lock: who holds one may wait for long.
fn is_answered(signal: i32, status: &SyncSender<()>) -> bool {
    if signal == Signal::SIGUSR1 as i32 {
        // One request that waits stands for all.
        let _ = status.try_send(());
        return true;
    }
    let is_interrupt = signal == Signal::SIGINT as i32;
    is_interrupt && IGNORE_INTERRUPTS.load(Ordering::Acquire) && !AT_PROMPT.load(Ordering::Acquire)
}

/// Waits for the end of the process, if an interrupt that this thread has just raised for itself brings it.
pub(super) fn wait_for_interrupt() {
    let _ = SigSet::from(Signal::SIGINT).thread_unblock();
    while INTERRUPT_HANDLED.load(Ordering::Acquire) {
        thread::park();
    }
}

impl Drop for RestoreTerminal {
    fn drop(&mut self) {
        lock().restore_terminal();
        AT_PROMPT.store(false, Ordering::Release);
    }
}

impl Undo {
    fn restore_terminal(&mut self) {
        if let Some((terminal, mode)) = self.terminal.take() {
            // In the background the terminal belongs to others, and touching it would stop us.
            if tcgetpgrp(&terminal).is_ok_and(|foreground| foreground == getpgrp()) {
                // A terminal that is gone needs no mode.
                let _ = tcsetattr(&terminal, OptionalActions::Now, &mode);
            }
        }
    }
}

fn lock() -> MutexGuard<'static, Undo> {
    UNDO.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts everything right and dies of `signal`. The locks are kept to the end: nobody makes a file any more.
fn end_by_signal(signal: i32) {
    let mut undo = lock();
    undo.restore_terminal();
    let _none_left = TEMPORARIES.remove_all();
    let _ = emulate_default_handler(signal);
    // Not reached where the signal has a default that ends a process.
    process::exit(128 + signal);
}

/// The signals that this process was started to ignore, a bit each, as /proc tells them.
fn ignored_signals() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
