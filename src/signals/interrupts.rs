//! What the next signal that asks the work to stop or to end will do.

use std::{
    mem,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;

use super::fatal_signal::FatalSignal;

/// Within this time after a signal, another signal that asks for an end is the same request: `timeout` sends SIGTERM to
/// a process and once more to its group, and a shell passes on what the terminal has sent as well.
const SAME_REQUEST: Duration = Duration::from_millis(300);

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
    /// The work has been asked to end. Another SIGTERM or interrupt hastens it, where that is possible; an interrupt
    /// after that ends the process at once.
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
    /// Makes the end that was asked for come at once, if it can be hastened.
    pub hasten: Option<Box<dyn Fn() + Send>>,
    /// Whether interrupts do nothing.
    pub ignores_interrupts: bool,
}

/// What the next interrupt does. Locked only briefly: a thread that waits for the lock cannot handle signals.
pub(super) struct Interrupts {
    pub answer: Answer,
    /// When work was last asked to end, or hastened.
    asked: Option<Instant>,
    /// Whether a prompt is open.
    pub at_prompt: bool,
    /// Whether interrupts reach this process at all.
    pub are_handled: bool,
}

impl Ending {
    /// What another signal that asks the work to end will do.
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
    pub const fn new() -> Self {
        Self { answer: Answer::Die, asked: None, at_prompt: false, are_handled: false }
    }

    /// What a signal that comes `now` does. A request is made once: the next interrupt kills.
    pub fn next(&mut self, signal: Signal, now: Instant) -> Answer {
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
    pub fn set_request(&mut self, request: StopRequest) -> bool {
        let is_set = !matches!(self.answer, Answer::Ignore);
        if is_set {
            self.answer = Answer::AskToStop(request);
        }
        is_set
    }

    /// Makes interrupts kill again; returns whether no stop had been requested.
    pub fn withdraw_request(&mut self) -> bool {
        matches!(mem::replace(&mut self.answer, Answer::Die), Answer::AskToStop(_))
    }
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
                // The same request again, and what other programs send after it.
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
    fn a_request_that_comes_twice_counts_once_even_if_other_work_has_begun() {
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
