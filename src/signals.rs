//! Signals: what they do to the process, and what is cleaned up before it dies of one.
//!
//! The process dies of the very signal that arrived, so that a shell sees what happened. Signals that were ignored when
//! the process started, as under nohup, stay ignored.

use std::{
    fs::{self, File},
    mem, process,
    sync::{
        Mutex, MutexGuard, PoisonError,
        mpsc::{SyncSender, channel, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use nix::sys::signal::{SigSet, Signal};
use rustix::{
    process::getpgrp,
    termios::{OptionalActions, Termios, tcgetpgrp, tcsetattr},
};
use signal_hook::{iterator::Signals, low_level::emulate_default_handler};

use crate::files::temporaries::{NoneLeft, TEMPORARIES};

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

/// How long a second SIGINT waits for what the first one started, which takes less time unless a file system does not
/// answer.
const INSISTENCE: Duration = Duration::from_millis(100);

/// So soon after one signal, another of its kind is the same request: `timeout` sends SIGTERM to a process and once more to its
/// group, and a shell passes on what the terminal has sent as well.
const SAME_REQUEST: Duration = Duration::from_millis(300);

/// How long the process waits for its last message to be read.
const LAST_WORDS: Duration = Duration::from_secs(1);

static INTERRUPTS: Mutex<Interrupts> = Mutex::new(Interrupts::new());
static UNDO: Mutex<Undo> = Mutex::new(Undo { terminal: None, commands: Vec::new(), next: 0 });

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

/// What an interrupt (SIGINT) does.
pub(crate) enum Answer {
    /// The process dies of it, as of other signals.
    Die,
    /// Nothing, except at the prompt.
    Ignore,
    /// The work is asked to stop, once: it leaves the rest undone and then lets the process die of the signal. A second
    /// interrupt does not wait for that. At the prompt there is nothing to stop yet, so the process dies.
    AskToStop(StopRequest),
    /// The work is asked to finish, once, by SIGTERM and SIGHUP as well as by an interrupt, and the process does not
    /// die of the signal.
    AskToEnd(EndRequest),
    /// The work has been asked to end. Another SIGTERM or interrupt hastens it, where that is possible; an interrupt after
    /// that ends the process at once.
    Ending(Ending),
    /// The work is hastened.
    Hasten(Box<dyn Fn() + Send>),
}

/// Work that has been asked to end.
pub(crate) struct Ending {
    hasten: Option<Box<dyn Fn() + Send>>,
    ignores_interrupts: bool,
}

/// Asks the work to stop; called on a separate thread.
pub(crate) type StopRequest = Box<dyn FnOnce(FatalSignal) + Send>;

/// Asks the work to end; called on a separate thread.
pub(crate) struct EndRequest {
    pub end: Box<dyn Fn() + Send>,
    /// Has the end that was asked for come at once, where it can be hastened.
    pub hasten: Option<Box<dyn Fn() + Send>>,
    /// Whether interrupts do nothing.
    pub ignores_interrupts: bool,
}

/// While this lives, signals ask the work to end. After that, they end the process.
pub(crate) struct EndOnSignal<'a>(&'a Watching);

/// A signal that the process has yet to die of.
pub(crate) struct FatalSignal(i32);

/// While this lives, an interrupt asks the work to stop. If it is dropped after that, it waits for the process to end.
pub(crate) struct StopOnInterrupt<'a> {
    watching: &'a Watching,
    is_set: bool,
}

/// While this lives, a signal restores the terminal; when it is dropped, the terminal is restored, too.
pub(crate) struct RestoreTerminal(());

/// What the next interrupt does. Locked only briefly: a thread that waits for the lock cannot handle signals.
struct Interrupts {
    answer: Answer,
    /// When work was last asked to end, or hastened.
    asked: Option<Instant>,
    /// Whether a prompt is open.
    at_prompt: bool,
    /// Whether interrupts reach this process at all.
    are_handled: bool,
}

struct Undo {
    terminal: Option<(File, Termios)>,
    /// Ends each running command, and whatever else must not outlive the process.
    commands: Vec<(u64, EndCommand)>,
    /// The number of the next one.
    next: u64,
}

/// Ends a command, and waits for its end.
pub(crate) type EndCommand = Box<dyn FnOnce() + Send>;

/// Until this is dropped, a command is ended before the process dies of a signal.
pub(crate) struct EndedBeforeDeath(u64);

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

    /// Signals are not handled at all.
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
    /// Leaves it so until the process ends, which is about to.
    pub fn for_good(self) {
        mem::forget(self);
    }
}

impl Drop for EndOnSignal<'_> {
    fn drop(&mut self) {
        lock(self.0.interrupts).answer = Answer::Die;
    }
}

impl Ending {
    /// What another signal does that asks work to end.
    fn next(&mut self, signal: Signal) -> Answer {
        let is_interrupt = signal == Signal::SIGINT;
        // A terminal that goes away sends more than one SIGHUP, and a service manager may send one after SIGTERM.
        if signal == Signal::SIGHUP || is_interrupt && self.ignores_interrupts {
            return Answer::Ignore;
        }
        match self.hasten.take() {
            Some(hasten) => Answer::Hasten(hasten),
            None if is_interrupt => Answer::Die,
            None => Answer::Ignore,
        }
    }
}

impl Interrupts {
    const fn new() -> Self {
        Self { answer: Answer::Die, asked: None, at_prompt: false, are_handled: false }
    }

    /// What the signal that has come `now` does. A request is made once: the next interrupt kills.
    fn next(&mut self, signal: Signal, now: Instant) -> Answer {
        let is_interrupt = signal == Signal::SIGINT;
        let asks_to_end = is_interrupt || matches!(signal, Signal::SIGTERM | Signal::SIGHUP);
        let is_same = self.asked.is_some_and(|asked| now.saturating_duration_since(asked) < SAME_REQUEST);
        match &mut self.answer {
            _ if self.at_prompt => Answer::Die,
            Answer::AskToEnd(_) | Answer::Ending(_) if asks_to_end && is_same => Answer::Ignore,
            Answer::AskToEnd(request) if is_interrupt && request.ignores_interrupts => Answer::Ignore,
            Answer::AskToEnd(request) if asks_to_end => {
                let (hasten, ignores_interrupts) = (request.hasten.take(), request.ignores_interrupts);
                self.asked = Some(now);
                mem::replace(&mut self.answer, Answer::Ending(Ending { hasten, ignores_interrupts }))
            }
            Answer::Ending(ending) if asks_to_end => {
                let next = ending.next(signal);
                if matches!(next, Answer::Hasten(_)) {
                    self.asked = Some(now);
                }
                next
            }
            Answer::Ignore if is_interrupt => Answer::Ignore,
            Answer::AskToStop(_) if is_interrupt => mem::replace(&mut self.answer, Answer::Die),
            _ => Answer::Die,
        }
    }

    /// Makes interrupts ask for a stop, unless they are ignored; returns whether it did.
    fn set_request(&mut self, request: StopRequest) -> bool {
        let is_set = !matches!(self.answer, Answer::Ignore);
        if is_set {
            self.answer = Answer::AskToStop(request);
        }
        is_set
    }

    /// Makes interrupts kill again; returns whether no stop had been requested.
    fn withdraw_request(&mut self) -> bool {
        matches!(mem::replace(&mut self.answer, Answer::Die), Answer::AskToStop(_))
    }
}

impl FatalSignal {
    /// Cleans up, and dies.
    pub fn die(self) {
        let _held = put_right();
        self.kill();
    }

    /// Cleans up, prints `last_words`, and dies, whether or not they are read in time.
    pub fn die_after(self, last_words: impl FnOnce() + Send + 'static) {
        let _held = put_right();
        let (speaking, spoken) = channel::<()>();
        let speaker = thread::Builder::new().spawn(move || {
            last_words();
            drop(speaking);
        });
        if speaker.is_ok() {
            // Returns early once the other end is dropped.
            let _ = spoken.recv_timeout(LAST_WORDS);
        }
        self.kill();
    }

    fn kill(self) -> ! {
        let _ = emulate_default_handler(self.0);
        // Not reached if the signal's default ends the process.
        process::exit(128 + self.0);
    }
}

/// Restores the terminal, removes temporary files, and ends the commands that run. The result is held until the end, so
/// that no thread changes the terminal or makes a temporary file after that.
fn put_right() -> (MutexGuard<'static, Undo>, NoneLeft<'static>) {
    let mut undo = undo();
    undo.restore_terminal();
    let none_left = TEMPORARIES.remove_all();
    mem::take(&mut undo.commands).into_iter().for_each(|(_, end_command)| end_command());
    (undo, none_left)
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

/// Reports the status whenever it is asked to. Writing may block, and the watching thread must not.
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

/// Does `work` without dying of a signal between its steps.
pub(crate) fn hold_off<T>(work: impl FnOnce() -> T) -> T {
    let _held = undo();
    work()
}

/// Makes a signal, and dropping the guard, set `terminal` to `mode`.
pub(crate) fn restore_terminal(terminal: File, mode: Termios) -> RestoreTerminal {
    undo().terminal = Some((terminal, mode));
    interrupts().at_prompt = true;
    RestoreTerminal(())
}

/// Until the result is dropped, makes a signal call `end`, which ends a command or something else that must not outlive
/// the process, before the process dies of it.
pub(crate) fn before_death(end: EndCommand) -> EndedBeforeDeath {
    let mut undo = undo();
    let number = undo.next;
    undo.next += 1;
    undo.commands.push((number, end));
    EndedBeforeDeath(number)
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

impl Drop for EndedBeforeDeath {
    fn drop(&mut self) {
        undo().commands.retain(|(number, _)| *number != self.0);
    }
}

impl Drop for RestoreTerminal {
    fn drop(&mut self) {
        undo().restore_terminal();
        interrupts().at_prompt = false;
    }
}

impl Undo {
    fn restore_terminal(&mut self) {
        if let Some((terminal, mode)) = self.terminal.take() {
            // In the background the terminal belongs to others, and touching it would stop this process.
            if tcgetpgrp(&terminal).is_ok_and(|foreground| foreground == getpgrp()) {
                // If the terminal is gone, there is no mode to restore.
                let _ = tcsetattr(&terminal, OptionalActions::Now, &mode);
            }
        }
    }
}

fn interrupts() -> MutexGuard<'static, Interrupts> {
    lock(&INTERRUPTS)
}

fn undo() -> MutexGuard<'static, Undo> {
    lock(&UNDO)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn request() -> StopRequest {
        Box::new(|_| {})
    }

    #[test]
    fn the_first_interrupt_asks_to_stop_and_the_next_one_kills() {
        let mut interrupts = Interrupts::new();
        assert!(interrupts.set_request(request()));
        assert!(matches!(interrupts.next(Signal::SIGINT, Instant::now()), Answer::AskToStop(_)));
        assert!(matches!(interrupts.next(Signal::SIGINT, Instant::now()), Answer::Die));
        assert!(!interrupts.withdraw_request());
    }

    #[test]
    fn an_interrupt_after_the_request_was_withdrawn_kills() {
        let mut interrupts = Interrupts::new();
        interrupts.set_request(request());
        assert!(interrupts.withdraw_request());
        assert!(matches!(interrupts.next(Signal::SIGINT, Instant::now()), Answer::Die));
    }

    #[test]
    fn a_request_is_withdrawn_with_its_guard() {
        let watching = Watching::nothing();
        let stop = watching.ask_to_stop(request());
        assert!(matches!(lock(watching.interrupts).answer, Answer::AskToStop(_)));
        drop(stop);
        assert!(matches!(lock(watching.interrupts).answer, Answer::Die));
    }

    #[test]
    fn interrupts_that_are_ignored_ask_nobody_to_stop() {
        let mut interrupts = Interrupts { answer: Answer::Ignore, ..Interrupts::new() };
        assert!(!interrupts.set_request(request()));
        assert!(matches!(interrupts.next(Signal::SIGINT, Instant::now()), Answer::Ignore));
    }

    fn asking(hastens: bool, ignores_interrupts: bool) -> Interrupts {
        let hasten = hastens.then(|| Box::new(|| {}) as Box<dyn Fn() + Send>);
        let request = EndRequest { end: Box::new(|| {}), hasten, ignores_interrupts };
        Interrupts { answer: Answer::AskToEnd(request), ..Interrupts::new() }
    }

    #[test]
    fn work_is_asked_to_end_once_then_hastened_and_then_only_an_interrupt_kills() {
        for first in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
            for second in [Signal::SIGTERM, Signal::SIGINT] {
                let mut interrupts = asking(true, false);
                let asked = Instant::now();
                assert!(matches!(interrupts.next(first, asked), Answer::AskToEnd(_)));
                // The same request once more, and what others send after it.
                for again in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
                    assert!(matches!(interrupts.next(again, asked + SAME_REQUEST / 2), Answer::Ignore));
                }
                assert!(matches!(interrupts.next(Signal::SIGHUP, asked + SAME_REQUEST * 9), Answer::Ignore));
                let hastened = asked + SAME_REQUEST * 10;
                assert!(matches!(interrupts.next(second, hastened), Answer::Hasten(_)));
                assert!(matches!(interrupts.next(Signal::SIGINT, hastened), Answer::Ignore));
                let later = hastened + SAME_REQUEST;
                assert!(matches!(interrupts.next(Signal::SIGTERM, later), Answer::Ignore));
                assert!(matches!(interrupts.next(Signal::SIGINT, later), Answer::Die));
            }
        }
    }

    #[test]
    fn a_request_that_comes_twice_is_one_also_for_the_work_that_comes_next() {
        let (mut interrupts, asked) = (asking(false, false), Instant::now());
        assert!(matches!(interrupts.next(Signal::SIGTERM, asked), Answer::AskToEnd(_)));
        interrupts.answer = asking(false, false).answer;
        assert!(matches!(interrupts.next(Signal::SIGTERM, asked), Answer::Ignore));
        assert!(matches!(interrupts.next(Signal::SIGTERM, asked + SAME_REQUEST), Answer::AskToEnd(_)));
    }

    #[test]
    fn work_that_cannot_be_hastened_is_killed_by_the_second_interrupt() {
        let (mut interrupts, asked) = (asking(false, false), Instant::now());
        assert!(matches!(interrupts.next(Signal::SIGTERM, asked), Answer::AskToEnd(_)));
        assert!(matches!(interrupts.next(Signal::SIGTERM, asked + SAME_REQUEST), Answer::Ignore));
        assert!(matches!(interrupts.next(Signal::SIGINT, asked + SAME_REQUEST), Answer::Die));
    }

    #[test]
    fn work_is_asked_to_end_by_no_other_signal_and_by_none_that_is_ignored() {
        let now = Instant::now();
        assert!(matches!(asking(true, false).next(Signal::SIGQUIT, now), Answer::Die));
        let mut ignoring = asking(true, true);
        assert!(matches!(ignoring.next(Signal::SIGINT, now), Answer::Ignore));
        assert!(matches!(ignoring.next(Signal::SIGTERM, now), Answer::AskToEnd(_)));
        assert!(matches!(ignoring.next(Signal::SIGINT, now + SAME_REQUEST), Answer::Ignore));
        assert!(matches!(ignoring.next(Signal::SIGTERM, now + SAME_REQUEST), Answer::Hasten(_)));
        let mut at_prompt = Interrupts { at_prompt: true, ..asking(true, false) };
        assert!(matches!(at_prompt.next(Signal::SIGTERM, now), Answer::Die));
    }

    #[test]
    fn at_the_prompt_an_interrupt_kills_whatever_else_it_does() {
        for answer in [Answer::Die, Answer::Ignore, Answer::AskToStop(request())] {
            let mut interrupts = Interrupts { answer, at_prompt: true, ..Interrupts::new() };
            assert!(matches!(interrupts.next(Signal::SIGINT, Instant::now()), Answer::Die));
        }
        let mut interrupts = Interrupts { answer: Answer::AskToStop(request()), at_prompt: true, ..Interrupts::new() };
        interrupts.next(Signal::SIGINT, Instant::now());
        interrupts.at_prompt = false;
        assert!(matches!(interrupts.next(Signal::SIGINT, Instant::now()), Answer::AskToStop(_)));
    }
}
