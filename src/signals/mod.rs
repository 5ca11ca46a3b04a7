//! Signals: what they do to the process, and what is cleaned up before it dies of one.
//!
//! The process dies of the very signal that arrived, so that a shell sees what happened. Signals that were ignored when
//! the process started, as under nohup, stay ignored.

mod fatal_signal;
mod interrupts;
mod undo;

use std::{
    fs::{self, File},
    mem,
    sync::{
        Mutex, MutexGuard,
        mpsc::{SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use nix::sys::signal::{SigSet, Signal};
use rustix::termios::Termios;
use signal_hook::{iterator::Signals, low_level::emulate_default_handler};

use crate::mutex::lock;
pub(crate) use fatal_signal::FatalSignal;
use interrupts::Interrupts;
pub(crate) use interrupts::{Answer, EndRequest, StopRequest};
use undo::restore_terminal_before_death;
pub(crate) use undo::{EndedBeforeDeath, Starting, hold_off};

/// The signals that end a process unless it handles them, and that come from outside.
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

/// How long a second SIGINT waits for what the first one started. That takes less time, unless a file system does not
/// answer.
const INSISTENCE: Duration = Duration::from_millis(100);

static INTERRUPTS: Mutex<Interrupts> = Mutex::new(Interrupts::new());

/// The process as it was started: with one thread, and only inherited descriptors open. Created once, before anything
/// else. Whatever must come first, such as copying inherited descriptors, borrows it.
pub(crate) struct Startup {
    report_status: fn(),
}

/// Proof that signals are handled. Whatever starts threads or opens files asks for this: threads must inherit the set
/// of blocked signals, and an opened file could be mistaken for an inherited descriptor.
pub(crate) struct Watching {
    interrupts: &'static Mutex<Interrupts>,
    inherited_mask: SigSet,
}

/// While this lives, signals ask the work to end. After that, they end the process.
pub(crate) struct EndOnSignal<'a>(&'a Watching);

/// While this lives, an interrupt asks the work to stop. If it is dropped after that, it waits for the process to end.
pub(crate) struct StopOnInterrupt<'a> {
    watching: &'a Watching,
    is_set: bool,
}

/// While this lives, a signal restores the terminal; when it is dropped, the terminal is restored, too.
pub(crate) struct RestoreTerminal(());

impl Startup {
    /// Must be called once, before anything else. SIGUSR1 will call `report_status`.
    pub fn new(report_status: fn()) -> Self {
        Self { report_status }
    }

    /// Starts to handle signals; an interrupt does what `answer` says. If the system refuses a thread for it, signals
    /// keep their default effects.
    pub fn watch(self, answer: Answer) -> Watching {
        interrupts().answer = answer;
        let inherited_mask = SigSet::thread_get_mask().unwrap_or_else(|_| SigSet::empty());
        let ignored = ignored_signals();
        let handled: SigSet = HANDLED.into_iter().filter(|&signal| ignored & (1 << (signal as i32 - 1)) == 0).collect();
        // In this thread and in later ones they stay blocked, and the watching thread handles them: a thread stuck in a
        // file system would keep a signal waiting.
        if handled.thread_block().is_ok() {
            if start_watching(handled, self.report_status) {
                interrupts().are_handled = handled.contains(Signal::SIGINT);
            } else {
                let _ = handled.thread_unblock();
            }
        }
        // Blocked permanently, so that a write beyond the limit fails with an error that can be reported.
        let _ = SigSet::from(Signal::SIGXFSZ).thread_block();
        Watching { interrupts: &INTERRUPTS, inherited_mask }
    }
}

impl Watching {
    /// Until the result is dropped, makes an interrupt ask for a stop through `request`, unless interrupts are ignored.
    pub fn ask_to_stop(&self, request: StopRequest) -> StopOnInterrupt<'_> {
        StopOnInterrupt { watching: self, is_set: lock(self.interrupts).set_request(request) }
    }

    /// Until the result is dropped, makes the signals that end a process ask the work to end through `request`.
    pub fn ask_to_end(&self, request: EndRequest) -> EndOnSignal<'_> {
        lock(self.interrupts).answer = Answer::AskToEnd(request);
        EndOnSignal(self)
    }

    /// The signals that were blocked when the process was started.
    pub fn inherited_mask(&self) -> &SigSet {
        &self.inherited_mask
    }

    /// For tests: signals are not handled at all.
    #[cfg(test)]
    pub fn nothing() -> Self {
        let interrupts = Box::leak(Box::new(Mutex::new(Interrupts::new())));
        Self { interrupts, inherited_mask: SigSet::empty() }
    }
}

impl Drop for StopOnInterrupt<'_> {
    fn drop(&mut self) {
        if self.is_set && !lock(self.watching.interrupts).withdraw_request() {
            wait_for_the_end();
        }
    }
}

impl EndOnSignal<'_> {
    /// Stays in effect until the process ends, which is about to happen.
    pub fn for_good(self) {
        mem::forget(self);
    }
}

impl Drop for EndOnSignal<'_> {
    fn drop(&mut self) {
        lock(self.0.interrupts).answer = Answer::Die;
    }
}

fn start_watching(handled: SigSet, report_status: fn()) -> bool {
    let Ok(mut signals) = Signals::new(handled.iter().map(|signal| signal as i32)) else { return false };
    let handle = signals.handle();
    let status = start_reporting(report_status);
    let watching = thread::Builder::new().spawn(move || {
        let _ = handled.thread_unblock();
        let (mut asked, mut dying) = (false, false);
        for signal in signals.forever() {
            if signal == Signal::SIGUSR1 as i32 {
                // One pending request is enough.
                let _ = status.try_send(());
                continue;
            }
            let is_interrupt = signal == Signal::SIGINT as i32;
            let answer =
                Signal::try_from(signal).map_or(Answer::Die, |signal| interrupts().next(signal, Instant::now()));
            match answer {
                Answer::Ignore | Answer::Ending(_) => {}
                Answer::AskToEnd(EndRequest { end, .. }) | Answer::Hasten(end) => end(),
                Answer::AskToStop(request) => {
                    asked = true;
                    in_a_thread(signal, request);
                }
                Answer::Die => {
                    let insists = is_interrupt && (asked || dying);
                    if !mem::replace(&mut dying, true) {
                        in_a_thread(signal, Box::new(FatalSignal::die));
                    }
                    if insists {
                        thread::sleep(INSISTENCE);
                        let _ = emulate_default_handler(signal);
                    }
                }
            }
        }
    });
    if watching.is_err() {
        handle.close();
    }
    watching.is_ok()
}

/// Starts a thread that reports the status whenever it is asked to. Writing may block, and the watching thread must
/// not.
fn start_reporting(report_status: fn()) -> SyncSender<()> {
    let (asked, requests) = sync_channel(1);
    // If the system refuses a thread, status requests are ignored.
    let _ = thread::Builder::new().spawn(move || requests.into_iter().for_each(|()| report_status()));
    asked
}

/// Does `what` on a separate thread; if the system refuses one, the process dies at once.
fn in_a_thread(signal: i32, what: StopRequest) {
    if thread::Builder::new().spawn(move || what(FatalSignal(signal))).is_err() {
        FatalSignal(signal).die();
    }
}

/// Makes a signal, and dropping the guard, set `terminal` to `mode`.
pub(crate) fn restore_terminal(terminal: File, mode: Termios) -> RestoreTerminal {
    restore_terminal_before_death(terminal, mode);
    interrupts().at_prompt = true;
    RestoreTerminal(())
}

/// Waits for the end of the process, if an interrupt that this thread has just raised will end it.
pub(crate) fn wait_for_interrupt() {
    let _ = SigSet::from(Signal::SIGINT).thread_unblock();
    if interrupts().are_handled {
        wait_for_the_end();
    }
}

fn wait_for_the_end() {
    loop {
        thread::park();
    }
}

impl Drop for RestoreTerminal {
    fn drop(&mut self) {
        undo::restore_terminal();
        interrupts().at_prompt = false;
    }
}

fn interrupts() -> MutexGuard<'static, Interrupts> {
    lock(&INTERRUPTS)
}

/// The signals that were ignored when this process was started, as a bit set from /proc.
fn ignored_signals() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_withdrawn_with_its_guard() {
        let watching = Watching::nothing();
        let stop = watching.ask_to_stop(Box::new(|_| {}));
        assert!(matches!(lock(watching.interrupts).answer, Answer::AskToStop(_)));
        drop(stop);
        assert!(matches!(lock(watching.interrupts).answer, Answer::Die));
    }
}
