//! What this process does while a command runs: it listens to the guardian, keeps the time limit, and passes the terminal
//! back and forth, as a shell does.

use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixStream},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, Signal, kill_current_process_group},
    termios::Termios,
};

use super::{
    channel::Channel,
    message::{Order, Report},
    terminal::Terminal,
    watch::Watch,
};

/// How long a stop of this process takes at most to begin.
const STOPS_ARE_SEEN: Duration = Duration::from_millis(200);

/// Listens until the guardian is gone.
pub(super) struct Monitor {
    pub channel: Arc<Channel>,
    pub watch: Arc<Watch>,
    pub command: Pid,
    pub timeout: Option<Duration>,
    pub started: Instant,
    /// The terminal, and the mode in which we had it, if there is one.
    pub terminal: Option<(Terminal, Option<Termios>)>,
    /// The pipe to a consumer, to see whether anybody reads it.
    pub to_consumer: Arc<Mutex<Option<OwnedFd>>>,
}

impl Monitor {
    pub fn run(mut self) {
        loop {
            if !self.wait() {
                self.timeout.take().into_iter().for_each(|timeout| self.watch.set_timed_out(timeout));
                // A guardian that is gone is noticed with the next report.
                let _ = self.channel.send(&Order::End.encode(), &[]);
                continue;
            }
            let report = self.channel.receive().ok().flatten().map(|received| Report::decode(&received.bytes));
            match report {
                Some(Ok(Report::Stopped(signal))) => self.command_stopped(signal),
                Some(Ok(Report::Ended(end))) => {
                    self.take_terminal_back();
                    self.watch.set_ended(end);
                    if self.has_no_reader() {
                        self.watch.nobody_reads();
                    }
                }
                Some(Ok(Report::Gone)) => self.watch.set_gone(),
                Some(Ok(Report::Started(_) | Report::CannotRun(_))) => {}
                None | Some(Err(_)) => {
                    self.take_terminal_back();
                    self.watch.set_unwatched();
                    self.watch.nobody_reads();
                    return;
                }
            }
        }
    }

    /// Waits for a report; `false` if the command's time is over first.
    fn wait(&self) -> bool {
        if self.watch.has_ended() {
            return true;
        }
        let Some(timeout) = self.timeout else { return true };
        let left = timeout.saturating_sub(self.started.elapsed());
        let limit = Timespec { tv_sec: left.as_secs().min(1 << 31) as i64, tv_nsec: left.subsec_nanos().into() };
        let mut events = [PollFd::new(&*self.channel, PollFlags::IN)];
        match poll(&mut events, Some(&limit)) {
            Ok(0) => self.started.elapsed() < timeout && self.wait(),
            Ok(_) | Err(_) => true,
        }
    }

    /// Whether nothing can read any more what is written to a consumer.
    fn has_no_reader(&self) -> bool {
        let pipe = self.to_consumer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut events: Vec<_> = pipe.iter().map(|pipe| PollFd::new(pipe, PollFlags::empty())).collect();
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut events, Some(&at_once)).is_ok() && events.iter().any(|event| event.revents().contains(PollFlags::ERR))
    }

    /// The command has stopped: by a Ctrl-Z, or as it wanted the terminal. So do we, unless it can have that; once we are
    /// continued, so is the command.
    fn command_stopped(&mut self, signal: i32) {
        let wants_terminal = [Signal::TTIN, Signal::TTOU].iter().any(|wants| wants.as_raw() == signal);
        let Some((terminal, _)) = &self.terminal else { return };
        let had_terminal = terminal.belongs_to(self.command);
        let mut its_mode = None;
        if had_terminal && !wants_terminal {
            its_mode = terminal.mode();
            self.take_terminal_back();
        } else if !wants_terminal && signal != Signal::TSTP.as_raw() {
            // Whoever stopped it by hand continues it, too.
            return;
        }
        if !terminal_is_free(&self.terminal) || !wants_terminal {
            // Where the system does not let us, the command goes on all the same.
            let _ = stop(if wants_terminal { Signal::TTIN } else { Signal::TSTP });
        }
        if let Some((terminal, _)) = &self.terminal
            && (had_terminal || wants_terminal)
            && terminal.is_ours()
        {
            if let Some(mode) = its_mode {
                terminal.set_mode(&mode);
            }
            terminal.give_to(self.command);
        }
        let _ = self.channel.send(&Order::Continue.encode(), &[]);
    }

    /// Takes the terminal back, in the mode in which we had it, if the command has it.
    fn take_terminal_back(&self) {
        if let Some((terminal, mode)) = &self.terminal
            && terminal.belongs_to(self.command)
        {
            terminal.give_to(rustix::process::getpgrp());
            mode.iter().for_each(|mode| terminal.set_mode(mode));
        }
    }
}

fn terminal_is_free(terminal: &Option<(Terminal, Option<Termios>)>) -> bool {
    terminal.as_ref().is_some_and(|(terminal, _)| terminal.is_ours())
}

/// Stops this process, with its group, until it is continued. Where stops are ignored, as without a shell that controls jobs,
/// it goes on soon.
fn stop(signal: Signal) -> io::Result<()> {
    let (continued, told) = UnixStream::pair()?;
    let registered = signal_hook::low_level::pipe::register(Signal::CONT.as_raw(), told)?;
    // It reaches this process some time soon.
    let stopped = kill_current_process_group(signal);
    let limit = Timespec { tv_sec: 0, tv_nsec: STOPS_ARE_SEEN.as_nanos() as i64 };
    let _ = poll(&mut [PollFd::new(&continued, PollFlags::IN)], Some(&limit));
    signal_hook::low_level::unregister(registered);
    Ok(stopped?)
}
