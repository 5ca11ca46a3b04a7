//! The hidden process that a command runs under. It reports how the command ends. On request, or when the process that
//! started it is gone, it ends the command with all of its group, and only then closes the pipe to it.
//!
//! Whatever the command has started becomes a child of the guardian once its own parent has ended. If all of that is to
//! end, children that are in another group get the same signals, one generation after the other. A child keeps its
//! number until it is waited for, which only the guardian does, so no signal reaches an unrelated process.

use std::{
    collections::HashSet,
    ffi::OsString,
    fs::OpenOptions,
    io::{self, Read},
    os::{fd::OwnedFd, unix::net::UnixStream},
    process::{ExitCode, Stdio},
    time::{Duration, Instant},
};

use nix::sys::signal::{SigSet, Signal as NixSignal};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{
        Pid, Signal, WaitId, WaitIdOptions, WaitOptions, getpid, kill_process, kill_process_group,
        test_kill_process_group, wait, waitid,
    },
    stdio::{dup2_stderr, dup2_stdin, dup2_stdout},
};

use super::{
    channel::{Channel, Received},
    inherited::{block_all_signals, close_inherited_descriptors},
    launcher,
    message::{End, Order, Reach, Report, Role},
    process_table::processes,
};
use crate::system;

/// How often it checks whether a group that is to end has ended.
const LOOK: Duration = Duration::from_millis(10);

/// How often it looks for other children that are to end: that means reading the list of all processes.
const LOOK_FOR_STRAYS: Duration = Duration::from_millis(50);

/// How long processes take to disappear after SIGKILL, unless the kernel holds them.
pub(super) const KILLED_ARE_GONE: Duration = Duration::from_secs(5);

/// Runs the command `words`. Standard input is the channel to the process that started it.
pub(super) fn guard(words: Vec<OsString>) -> ExitCode {
    close_inherited_descriptors();
    // If this fails, the other end of the channel sees that it is closed.
    match Guardian::start(&words) {
        Ok(guardian) => {
            guardian.into_iter().for_each(Guardian::watch);
            ExitCode::SUCCESS
        }
        Err(_) => ExitCode::FAILURE,
    }
}

struct Guardian {
    channel: Channel,
    /// Readable after the death of a child.
    deaths: UnixStream,
    command: Pid,
    kill_after: Duration,
    /// Keeps the input of a consumer from ending.
    held: Option<OwnedFd>,
    reach: Reach,
    has_ended: bool,
    /// Whether nothing is left of its group.
    group_is_gone: bool,
    /// Whether nothing is left of all that is within reach.
    is_gone: bool,
    /// The children in other groups that were sent SIGTERM.
    asked: HashSet<Pid>,
    /// When it next looks for more of them.
    looks_at: Instant,
    /// Whether the process that started it is gone.
    is_orphaned: bool,
    ending: Ending,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// The command runs on.
    No,
    /// It may go on without us.
    Released,
    /// SIGTERM was sent.
    Asked { kill_at: Instant },
    /// SIGKILL was sent.
    Killed { give_up_at: Instant },
}

impl Guardian {
    /// Starts the command as ordered, and reports that; `None` if it does not run.
    fn start(words: &[OsString]) -> io::Result<Option<Self>> {
        let channel = Channel::of_standard_input()?;
        let mask = SigSet::thread_get_mask()?;
        block_all_signals(NixSignal::SIGCHLD);
        system::adopt_orphans()?;
        let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
        let (deaths, death) = UnixStream::pair()?;
        deaths.set_nonblocking(true)?;
        signal_hook::low_level::pipe::register(NixSignal::SIGCHLD as i32, death)?;

        let Some(Received { bytes, descriptors }) = channel.receive()? else { return Ok(None) };
        let Order::Start { role, takes_terminal, reach, kill_after } = Order::decode(&bytes)? else { return Ok(None) };
        let Ok([input, pipe]) = <[OwnedFd; 2]>::try_from(descriptors) else { return Ok(None) };
        let (output, held) = match role {
            Role::Producer => (Stdio::from(pipe), None),
            Role::Consumer => (Stdio::inherit(), Some(pipe)),
        };
        let launched = launch(words, output, &mask).and_then(|(launcher, command)| {
            // This is sent first: if this process is killed as soon as the command runs, the command's group must be
            // known.
            channel.send(&Report::Launched(command.as_raw_nonzero().get()).encode(), &[])?;
            launcher::start(&launcher, &input, takes_terminal)?;
            Ok((launcher, command))
        });
        drop(input);
        let refused =
            |error: io::Error| channel.send(&Report::CannotRun(error.raw_os_error().unwrap_or(0)).encode(), &[]);
        let (launcher, command) = match launched {
            Ok(launched) => launched,
            Err(error) => return refused(error).map(|()| None),
        };
        if let Some(error) = launcher::refusal(&launcher) {
            return refused(error).map(|()| None);
        }
        // Otherwise whoever reads from our standard output or error would wait for us, too.
        let _ = dup2_stdin(&null).and_then(|()| dup2_stdout(&null)).and_then(|()| dup2_stderr(&null));
        let guardian = Self {
            channel,
            deaths,
            command,
            kill_after,
            held,
            reach,
            has_ended: false,
            group_is_gone: false,
            is_gone: false,
            asked: HashSet::new(),
            looks_at: Instant::now(),
            is_orphaned: false,
            ending: Ending::No,
        };
        guardian.report(Report::Started);
        Ok(Some(guardian))
    }

    fn watch(mut self) {
        loop {
            self.look_after_command();
            match self.ending {
                Ending::No | Ending::Released => {}
                Ending::Asked { .. } | Ending::Killed { .. } if self.is_gone => break,
                Ending::Asked { kill_at } if Instant::now() >= kill_at => self.kill(),
                Ending::Killed { give_up_at } if Instant::now() >= give_up_at => break,
                Ending::Asked { .. } | Ending::Killed { .. } if Instant::now() >= self.looks_at => self.end_strays(),
                Ending::Asked { .. } | Ending::Killed { .. } => {}
            }
            // Whatever fails here, the command must not go on without us.
            match self.wait() {
                Ok(false) => {}
                Ok(true) => match self.channel.receive().ok().flatten() {
                    Some(received) => match Order::decode(&received.bytes) {
                        Ok(order) => self.obey(order),
                        Err(_) => self.end(),
                    },
                    None if self.ending == Ending::Released => return,
                    None => {
                        self.is_orphaned = true;
                        self.end();
                    }
                },
                Err(_) => self.end(),
            }
        }
        if self.is_gone {
            self.report(Report::Gone);
        }
        self.outlive_readers();
    }

    /// Waits until nobody reads what is written to a consumer. A process that has left the group may still do so, and
    /// must not see an end of its input either.
    fn outlive_readers(&self) {
        let Some(pipe) = &self.held else { return };
        loop {
            match poll(&mut [PollFd::new(pipe, PollFlags::empty())], None) {
                Err(Errno::INTR) => {}
                Ok(_) | Err(_) => return,
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Release if self.ending == Ending::No => {
                self.held = None;
                self.ending = Ending::Released;
            }
            Order::Continue => self.signal(Signal::CONT),
            Order::End => self.end(),
            Order::Kill if !matches!(self.ending, Ending::Killed { .. }) => self.kill(),
            Order::Release | Order::Kill | Order::Start { .. } => {}
        }
    }

    /// Waits for something to happen. Returns whether there is an order to receive.
    fn wait(&mut self) -> io::Result<bool> {
        let is_ending = matches!(self.ending, Ending::Asked { .. } | Ending::Killed { .. });
        let look = Timespec { tv_sec: 0, tv_nsec: LOOK.as_nanos() as i64 };
        let (order, died) = {
            let mut events = vec![PollFd::new(&self.deaths, PollFlags::IN)];
            // The channel of a process that is gone would be readable for ever.
            if !self.is_orphaned {
                events.push(PollFd::new(&self.channel, PollFlags::IN));
            }
            match poll(&mut events, is_ending.then_some(&look)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let happened = |at: usize| events.get(at).is_some_and(|event| !event.revents().is_empty());
            (happened(1), happened(0))
        };
        if died {
            let mut bytes = [0; 64];
            while self.deaths.read(&mut bytes).is_ok_and(|read| read > 0) {}
        }
        Ok(order)
    }

    /// Reports what happened to the command, and reaps it and the members of its group that it left behind, which are
    /// our children now.
    fn look_after_command(&mut self) {
        let has_children = loop {
            let (process, status) = match wait(WaitOptions::NOHANG | WaitOptions::UNTRACED) {
                Ok(Some(found)) => found,
                Ok(None) => break true,
                Err(Errno::INTR) => continue,
                Err(_) => break false,
            };
            if process != self.command {
                if status.stopping_signal().is_none() {
                    self.asked.remove(&process);
                }
                continue;
            }
            if let Some(signal) = status.stopping_signal() {
                self.report(Report::Stopped(signal));
                continue;
            }
            let end = status.terminating_signal().map(End::Killed);
            if let Some(end) = end.or_else(|| status.exit_status().map(End::Exited)) {
                self.has_ended = true;
                self.report(Report::Ended(end));
            }
        };
        // From then on the group's number may be given to another.
        self.group_is_gone |= self.has_ended && test_kill_process_group(self.command).is_err();
        self.is_gone |= self.group_is_gone && (self.reach == Reach::Group || !has_children);
    }

    /// Makes the group end.
    fn end(&mut self) {
        if !matches!(self.ending, Ending::No | Ending::Released) {
            return;
        }
        if self.kill_after.is_zero() {
            return self.kill();
        }
        self.signal(Signal::TERM);
        // A stopped process would not receive it.
        self.signal(Signal::CONT);
        let now = Instant::now();
        self.ending = Ending::Asked { kill_at: now.checked_add(self.kill_after).unwrap_or(now) };
        self.end_strays();
    }

    fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.ending = Ending::Killed { give_up_at: Instant::now() + KILLED_ARE_GONE };
        self.end_strays();
    }

    /// Asks the children in other groups to end, once each; when the group is killed, so are they.
    fn end_strays(&mut self) {
        for stray in self.strays() {
            // A process that we may not signal, because it is another user's, goes on.
            if matches!(self.ending, Ending::Killed { .. }) {
                let _ = kill_process(stray, Signal::KILL);
            } else if self.asked.insert(stray) {
                let _ = kill_process(stray, Signal::TERM);
                let _ = kill_process(stray, Signal::CONT);
            }
        }
        self.looks_at = Instant::now() + LOOK_FOR_STRAYS;
    }

    /// The children that are to end but are not reached by a signal to the group.
    fn strays(&self) -> Vec<Pid> {
        if self.reach == Reach::Group {
            return Vec::new();
        }
        let (this, group) = (getpid().as_raw_nonzero().get(), self.command.as_raw_nonzero().get());
        let strays = processes().into_iter().filter(|child| child.parent == this && child.group != group);
        strays.filter_map(|child| Pid::from_raw(child.process)).filter(|child| is_child(*child)).collect()
    }

    fn signal(&self, signal: Signal) {
        if !self.group_is_gone {
            // A group that is just ending needs no signal.
            let _ = kill_process_group(self.command, signal);
        }
    }

    fn report(&self, report: Report) {
        // If nobody listens any more, the next wait on the channel shows that.
        let _ = self.channel.send(&report.encode(), &[]);
    }
}

/// Whether this process has a child of that number. /proc may be that of a container, or of the machine around one,
/// where numbers mean something else.
fn is_child(process: Pid) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(process), options).is_ok()
}

/// Starts the process that is to become the command, in a group of its own. Returns the channel to it, and its process
/// number.
fn launch(words: &[OsString], output: Stdio, mask: &SigSet) -> io::Result<(Channel, Pid)> {
    let (channel, launcher) = launcher::spawn(words, output, mask, &[])?;
    let command = i32::try_from(launcher.id()).ok().and_then(Pid::from_raw);
    Ok((channel, command.ok_or(io::ErrorKind::InvalidData)?))
}
