//! A command line, and how it is started.

use std::{
    ffi::OsString,
    fs::File,
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::CommandExt,
    },
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, atomic::AtomicBool},
    thread,
    time::{Duration, Instant},
};

use rustix::process::Pid;

use super::{
    GUARD,
    channel::Channel,
    command_output::CommandOutput,
    continuations::Continuations,
    failure::CommandFailure,
    inherited::with_mask,
    message::{Order, Reach, Report, Role},
    monitor::Monitor,
    program,
    running_command::{Run, RunningCommand},
    terminal::Terminal,
    watch::Watch,
};
use crate::{
    files::standard_stream::is_pipe,
    signals::{Starting, Watching},
    stream::widen_pipe,
    system,
};

/// The longest that a group takes to end after SIGKILL. If nothing is known by then, its guardian does not answer.
const END_LIMIT: Duration = Duration::from_secs(10);

/// A command, and the conditions under which it runs.
#[derive(Clone, Debug)]
pub(crate) struct CommandLine {
    pub program: OsString,
    pub arguments: Vec<OsString>,
    /// The time after which it is ended.
    pub timeout: Option<Duration>,
    /// The time from SIGTERM to SIGKILL.
    pub kill_after: Duration,
    /// Environment variables that it does not get.
    pub hidden_variables: &'static [&'static str],
}

impl CommandLine {
    /// Checks that there is such a program, at a path or by a name that is found in `PATH`, and that it may be run.
    ///
    /// # Errors
    ///
    /// [`CommandFailure::NotFound`]; [`CommandFailure::CannotRun`].
    pub fn check(&self) -> Result<(), CommandFailure> {
        program::find(&self.program).map(drop)
    }

    /// Starts it, and returns it with its output.
    ///
    /// # Errors
    ///
    /// [`CommandFailure`] if it does not run.
    pub fn produce(&self, watching: &Watching) -> Result<(RunningCommand, CommandOutput), CommandFailure> {
        let input = io::stdin().as_fd().try_clone_to_owned().map_err(CommandFailure::not_started)?;
        self.produce_from(watching, input, Reach::Group, true)
    }

    /// Starts it with an empty input and no terminal, and returns it with its output. Everything within `reach` is
    /// ended with it.
    ///
    /// # Errors
    ///
    /// [`CommandFailure`] if it does not run.
    pub fn produce_unattended(
        &self,
        watching: &Watching,
        reach: Reach,
    ) -> Result<(RunningCommand, CommandOutput), CommandFailure> {
        let null = File::open("/dev/null").map_err(CommandFailure::not_started)?;
        self.produce_from(watching, null.into(), reach, false)
    }

    fn produce_from(
        &self,
        watching: &Watching,
        input: OwnedFd,
        reach: Reach,
        may_take_terminal: bool,
    ) -> Result<(RunningCommand, CommandOutput), CommandFailure> {
        let (output, into) = pipe().map_err(CommandFailure::not_started)?;
        let terminal = if may_take_terminal { Terminal::open() } else { None };
        let running = self.start(watching, (Role::Producer, reach), [input, into], None, terminal)?;
        let output = CommandOutput::new(File::from(output), running.watch()).map_err(CommandFailure::not_started)?;
        Ok((running, output))
    }

    /// Starts it, and returns it with a file: whatever is written to the file is its input, which does not end before
    /// [`RunningCommand::finish`].
    ///
    /// # Errors
    ///
    /// [`CommandFailure`] if it does not run.
    pub fn consume(&self, watching: &Watching) -> Result<(RunningCommand, File), CommandFailure> {
        let (input, into) = pipe().map_err(CommandFailure::not_started)?;
        let [held, kept] = [into.try_clone(), into.try_clone()].map(|copy| copy.map_err(CommandFailure::not_started));
        let running =
            self.start(watching, (Role::Consumer, Reach::Group), [input, held?], Some(kept?), Terminal::open())?;
        Ok((running, File::from(into)))
    }

    /// Starts it with this process's own input.
    ///
    /// # Errors
    ///
    /// [`CommandFailure`] if it does not run.
    #[cfg(feature = "serve")]
    pub fn run(&self, watching: &Watching) -> Result<RunningCommand, CommandFailure> {
        let input = io::stdin().as_fd().try_clone_to_owned().map_err(CommandFailure::not_started)?;
        // A consumer's message carries a pipe to hold open. This one leads nowhere: no input has to be kept from
        // ending.
        let (_, held) = pipe().map_err(CommandFailure::not_started)?;
        self.start(watching, (Role::Consumer, Reach::Group), [input, held], None, Terminal::open())
    }

    fn start(
        &self,
        watching: &Watching,
        (role, reach): (Role, Reach),
        pipes: [OwnedFd; 2],
        to_consumer: Option<OwnedFd>,
        terminal: Option<Terminal>,
    ) -> Result<RunningCommand, CommandFailure> {
        let takes_terminal = terminal.as_ref().is_some_and(Terminal::is_ours) && !is_in_a_pipeline();
        let terminal = terminal.map(|terminal| {
            let mode = terminal.is_ours().then(|| terminal.mode()).flatten();
            (terminal, mode)
        });
        let watch = Watch::new().map_err(CommandFailure::not_started)?;
        let continuations = Continuations::watch().map_err(CommandFailure::not_started)?;
        let (channel, mut guardian) = self.spawn_guardian(watching, role).map_err(CommandFailure::not_started)?;
        let start = Order::Start { role, takes_terminal, reach, kill_after: self.kill_after };
        let started = Instant::now();
        // From here on the command may run.
        let starting = Starting::new(|run: Arc<Run>| run.end());
        // If this cannot be sent, the guardian is gone, and no report will come either.
        let _ = channel.send(&start.encode(), &pipes.each_ref().map(AsFd::as_fd));
        drop(pipes);
        let command = match report(&channel) {
            Some(Report::Launched(process)) => Pid::from_raw(process).ok_or(CommandFailure::Unwatched)?,
            report => {
                drop(channel);
                let _ = guardian.wait();
                return Err(self.not_started(report));
            }
        };
        let (channel, watch) = (Arc::new(channel), Arc::new(watch));
        let monitor = Monitor {
            channel: Arc::clone(&channel),
            watch: Arc::clone(&watch),
            command,
            timeout: self.timeout,
            started,
            terminal,
            takes_terminal,
            continuations,
            to_consumer: Arc::new(Mutex::new(to_consumer)),
        };
        let to_consumer = Arc::clone(&monitor.to_consumer);
        match report(&channel) {
            Some(Report::Started) => {}
            report => {
                if report.is_none() {
                    // The command may be running nevertheless.
                    monitor.guardian_is_gone();
                }
                channel.close();
                let _ = guardian.wait();
                return Err(self.not_started(report));
            }
        }
        let monitor = match thread::Builder::new().spawn(move || monitor.run()) {
            Ok(monitor) => monitor,
            Err(error) => {
                // The guardian ends the command once the channel is closed.
                channel.close();
                let _ = guardian.wait();
                return Err(CommandFailure::not_started(error));
            }
        };
        let end_limit = self.kill_after.saturating_add(END_LIMIT);
        let is_released = AtomicBool::new(false);
        let run = Run { channel, watch, to_consumer, is_released, command, end_limit };
        Ok(RunningCommand::new(starting, run, guardian, monitor))
    }

    /// The failure of a start, as precisely as `report` gives it.
    fn not_started(&self, report: Option<Report>) -> CommandFailure {
        match report {
            // The program may have been there when it was last looked for, and be gone now.
            Some(Report::CannotRun(number)) => self.check().err().unwrap_or(CommandFailure::CannotRun(number)),
            _ => CommandFailure::Unwatched,
        }
    }

    fn spawn_guardian(&self, watching: &Watching, role: Role) -> io::Result<(Channel, Child)> {
        let (channel, theirs) = Channel::pair()?;
        let mut guardian = Command::new("/proc/self/exe");
        guardian.arg0("guardian").arg(GUARD).arg(&self.program).args(&self.arguments);
        guardian.stdin(Stdio::from(theirs)).process_group(0);
        if role == Role::Producer {
            // Our own standard output is not for the command.
            guardian.stdout(Stdio::null());
        }
        for name in self.hidden_variables {
            guardian.env_remove(name);
        }
        let guardian = with_mask(watching.inherited_mask(), || guardian.spawn())?;
        Ok((channel, guardian))
    }
}

/// What the guardian reports next; `None` if it is gone.
fn report(channel: &Channel) -> Option<Report> {
    let received = channel.receive().ok().flatten()?;
    Report::decode(&received.bytes).ok()
}

/// A wide pipe whose ends no command inherits.
fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (from, into) = system::pipe()?;
    let into = File::from(into);
    widen_pipe(&into);
    Ok((from, into.into()))
}

/// Whether we are connected to another program, which may share the terminal with us: a command then takes the terminal
/// only once it asks for it.
fn is_in_a_pipeline() -> bool {
    is_pipe(&io::stdin()) || is_pipe(&io::stdout())
}
