//! What this process does while a command runs: it listens to the guardian, keeps the time limit, and passes the
//! terminal back and forth, as a shell does.

use std::{
    os::fd::OwnedFd,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Pid, Signal, getpgrp, kill_current_process_group, kill_process_group},
    termios::Termios,
};

use super::{
    channel::Channel,
    continuations::Continuations,
    guardian::KILLED_ARE_GONE,
    message::{Order, Report},
    terminal::Terminal,
    watch::Watch,
};

/// The longest that a stop of this process takes to begin.
const STOPS_ARE_SEEN: Duration = Duration::from_millis(200);

/// How often it checks whether processes that a command left behind still read.
const LOOK: Duration = Duration::from_millis(50);

/// Why a wait ended.
enum Woken {
    Report,
    Continued,
    TimedOut,
    ForReaders,
}

/// Listens until the guardian is gone.
pub(super) struct Monitor {
    pub channel: Arc<Channel>,
    pub watch: Arc<Watch>,
    pub command: Pid,
    pub timeout: Option<Duration>,
    pub started: Instant,
    /// Whether the command has the terminal in the foreground without asking for it.
    pub takes_terminal: bool,
    pub continuations: Continuations,
    /// The terminal, and the mode in which we had it, if there is one.
    pub terminal: Option<(Terminal, Option<Termios>)>,
    /// The pipe to a consumer, to see whether anybody reads it.
    pub to_consumer: Arc<Mutex<Option<OwnedFd>>>,
}

impl Monitor {
    pub fn run(mut self) {
        loop {
            match self.wait() {
                Woken::Report => {}
                Woken::TimedOut => {
                    self.timeout.take().into_iter().for_each(|timeout| self.watch.set_timed_out(timeout));
                    // A guardian that is gone is noticed with the next report.
                    let _ = self.channel.send(&Order::End.encode(), &[]);
                    continue;
                }
                Woken::Continued => {
                    self.continued();
                    continue;
                }
                Woken::ForReaders => {
                    self.look_for_readers();
                    continue;
                }
            }
            let report = self.channel.receive().ok().flatten().map(|received| Report::decode(&received.bytes));
            match report {
                Some(Ok(Report::Stopped(signal))) => self.command_stopped(signal),
                Some(Ok(Report::Ended(end))) => {
                    self.take_terminal_back();
                    self.watch.set_ended(end);
                    self.look_for_readers();
                }
                Some(Ok(Report::Gone)) => self.watch.set_gone(),
                Some(Ok(Report::Launched(_) | Report::Started | Report::CannotRun(_))) => {}
                None | Some(Err(_)) => return self.guardian_is_gone(),
            }
        }
    }

    /// Waits for a report, a continuation of this process, the end of the command's time, or the next look for readers.
    fn wait(&self) -> Woken {
        loop {
            let left = self.timeout.map(|timeout| timeout.saturating_sub(self.started.elapsed()));
            if left.is_some_and(|left| left.is_zero()) {
                return Woken::TimedOut;
            }
            // Processes that an ended command left behind may go on reading.
            let looks = self.watch.has_ended() && !self.watch.has_no_reader() && self.is_open();
            let limit = left.into_iter().chain(looks.then_some(LOOK)).min();
            let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
            let mut events =
                [PollFd::new(&*self.channel, PollFlags::IN), PollFd::new(&self.continuations, PollFlags::IN)];
            match poll(&mut events, limit.as_ref()) {
                Ok(0) if looks => return Woken::ForReaders,
                Ok(0) | Err(Errno::INTR) => continue,
                Ok(_) | Err(_) => {}
            }
            let [report, _] = &events;
            return if report.revents().is_empty() { Woken::Continued } else { Woken::Report };
        }
    }

    fn is_open(&self) -> bool {
        self.to_consumer.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// The guardian was killed, or has nothing more to do. A command that has not ended is ended here, before anything
    /// lets go of the pipe to it.
    pub fn guardian_is_gone(&self) {
        if !self.watch.has_ended() {
            // If the group is gone already, it needs no signal.
            let _ = kill_process_group(self.command, Signal::KILL);
            let killed = Instant::now();
            while self.is_open() && !self.has_no_reader() && killed.elapsed() < KILLED_ARE_GONE {
                thread::sleep(LOOK);
            }
        }
        self.take_terminal_back();
        self.watch.set_unwatched();
        self.watch.set_no_reader();
    }

    fn look_for_readers(&self) {
        if self.has_no_reader() {
            self.watch.set_no_reader();
        }
    }

    /// This process was continued: if it is in the foreground, the command gets the terminal.
    fn continued(&self) {
        self.continuations.forget();
        if let Some((terminal, _)) = &self.terminal
            && self.takes_terminal
            && terminal.is_ours()
            && !self.watch.has_ended()
        {
            terminal.give_to(self.command);
        }
    }

    /// Whether nobody can read what is written to a consumer any more.
    fn has_no_reader(&self) -> bool {
        let pipe = self.to_consumer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut events: Vec<_> = pipe.iter().map(|pipe| PollFd::new(pipe, PollFlags::empty())).collect();
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut events, Some(&at_once)).is_ok() && events.iter().any(|event| event.revents().contains(PollFlags::ERR))
    }

    /// The command has stopped, by a Ctrl-Z or because it wanted the terminal. This process stops too, unless the
    /// command can have the terminal; once this process is continued, so is the command.
    fn command_stopped(&self, signal: i32) {
        let wants_terminal = [Signal::TTIN, Signal::TTOU].iter().any(|wants| wants.as_raw() == signal);
        let Some((terminal, _)) = &self.terminal else { return };
        let had_terminal = terminal.belongs_to(self.command);
        let mut its_mode = None;
        if had_terminal && !wants_terminal {
            its_mode = terminal.mode();
            self.take_terminal_back();
        } else if !wants_terminal && signal != Signal::TSTP.as_raw() {
            // Whoever stopped it by hand will continue it, too.
            return;
        }
        if !terminal.is_ours() || !wants_terminal {
            self.stop(if wants_terminal { Signal::TTIN } else { Signal::TSTP });
        }
        if (had_terminal || wants_terminal) && terminal.is_ours() {
            its_mode.iter().for_each(|mode| terminal.set_mode(mode));
            terminal.give_to(self.command);
        }
        let _ = self.channel.send(&Order::Continue.encode(), &[]);
    }

    /// Stops this process, with its group, until it is continued. If stops are ignored, as without a shell that
    /// controls jobs, this returns after a short wait.
    fn stop(&self, signal: Signal) {
        self.continuations.forget();
        // The signal reaches this process soon, but not at once.
        let _ = kill_current_process_group(signal);
        let limit = Timespec { tv_sec: 0, tv_nsec: STOPS_ARE_SEEN.as_nanos() as i64 };
        let _ = poll(&mut [PollFd::new(&self.continuations, PollFlags::IN)], Some(&limit));
    }

    /// Takes the terminal back, in the mode in which we had it, if the command has it.
    fn take_terminal_back(&self) {
        if let Some((terminal, mode)) = &self.terminal
            && terminal.belongs_to(self.command)
        {
            terminal.give_to(getpgrp());
            mode.iter().for_each(|mode| terminal.set_mode(mode));
        }
    }
}
