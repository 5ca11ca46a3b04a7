//! Starting a command, and having it end.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs::File,
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::CommandExt,
    },
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::{
    fs::{Access, FileType, access},
    pipe::{PipeFlags, pipe_with},
    process::Pid,
};

use super::{
    GUARD,
    channel::Channel,
    command_output::CommandOutput,
    failure::CommandFailure,
    inherited::with_mask,
    message::{Order, Report, Role},
    monitor::Monitor,
    terminal::Terminal,
    watch::Watch,
};
use crate::{
    signals::{self, Watching},
    stream::widen_pipe,
};

/// A command, and what is asked of it.
#[derive(Clone, Debug)]
pub(crate) struct CommandLine {
    pub program: OsString,
    pub arguments: Vec<OsString>,
    /// After this it is ended.
    pub timeout: Option<Duration>,
    /// This long after SIGTERM comes SIGKILL.
    pub kill_after: Duration,
    /// What it does not see of the environment.
    pub hidden_variables: &'static [&'static str],
}

/// A command that runs. Dropped, it is ended with its group, unless it was released.
pub(crate) struct RunningCommand {
    run: Arc<Run>,
    guardian: Child,
    monitor: Option<JoinHandle<()>>,
}

/// What a signal that ends this process needs, too.
struct Run {
    channel: Arc<Channel>,
    watch: Arc<Watch>,
    /// Our end of the pipe to a consumer, which is closed once it may end.
    to_consumer: Arc<Mutex<Option<OwnedFd>>>,
    is_released: Mutex<bool>,
}

impl CommandLine {
    /// Checks that there is such a program, at a path or by a name that is found in `PATH`, and that it may be run.
    ///
    /// # Errors
    ///
    /// [`CommandFailure::NotFound`]; [`CommandFailure::CannotRun`].
    pub fn check(&self) -> Result<(), CommandFailure> {
        let may_run = |path: &Path| access(path, Access::EXEC_OK);
        if !self.program.as_encoded_bytes().contains(&b'/') {
            let path = env::var_os("PATH").unwrap_or_default();
            let mut places = env::split_paths(&path).map(|folder| folder.join(&self.program));
            return if places.any(|path| path.is_file() && may_run(&path).is_ok()) {
                Ok(())
            } else {
                Err(CommandFailure::NotFound)
            };
        }
        may_run(self.program.as_ref()).map_err(|error| CommandFailure::not_run(&error.into()))
    }

    /// Starts it. What it writes is the output.
    ///
    /// # Errors
    ///
    /// [`CommandFailure`]: it does not run.
    pub fn produce(&self, watching: &Watching) -> Result<(RunningCommand, CommandOutput), CommandFailure> {
        let refused = |error: io::Error| CommandFailure::not_run(&error);
        let (output, into) = pipe().map_err(refused)?;
        let input = io::stdin().as_fd().try_clone_to_owned().map_err(refused)?;
        let running = self.start(watching, Role::Producer, [input, into], None)?;
        let output = CommandOutput::new(File::from(output), Arc::clone(&running.run.watch)).map_err(refused)?;
        Ok((running, output))
    }

    /// Starts it. What is written to the file is its input, which does not end before [`RunningCommand::finish`].
    ///
    /// # Errors
    ///
    /// [`CommandFailure`]: it does not run.
    pub fn consume(&self, watching: &Watching) -> Result<(RunningCommand, File), CommandFailure> {
        let refused = |error: io::Error| CommandFailure::not_run(&error);
        let (input, into) = pipe().map_err(refused)?;
        let [held, kept] = [into.try_clone(), into.try_clone()].map(|copy| copy.map_err(refused));
        let running = self.start(watching, Role::Consumer, [input, held?], Some(kept?))?;
        Ok((running, File::from(into)))
    }

    fn start(
        &self,
        watching: &Watching,
        role: Role,
        pipes: [OwnedFd; 2],
        to_consumer: Option<OwnedFd>,
    ) -> Result<RunningCommand, CommandFailure> {
        let refused = |error: io::Error| CommandFailure::not_run(&error);
        let terminal = Terminal::open();
        let takes_terminal = terminal.as_ref().is_some_and(Terminal::is_ours) && !is_in_a_pipeline();
        let terminal = terminal.map(|terminal| {
            let mode = terminal.is_ours().then(|| terminal.mode()).flatten();
            (terminal, mode)
        });
        let (channel, mut guardian) = self.spawn_guardian(watching, role).map_err(refused)?;
        let start = Order::Start { role, takes_terminal, kill_after: self.kill_after };
        let started = Instant::now();
        let first = channel.send(&start.encode(), &pipes.each_ref().map(AsFd::as_fd)).and_then(|()| channel.receive());
        drop(pipes);
        let first = first.ok().flatten().and_then(|received| Report::decode(&received.bytes).ok());
        let command = match first {
            Some(Report::Started(process)) => Pid::from_raw(process),
            first => {
                drop(channel);
                let _ = guardian.wait();
                return Err(match first {
                    Some(Report::CannotRun(number)) => refused(io::Error::from_raw_os_error(number)),
                    _ => CommandFailure::Unwatched,
                });
            }
        };
        let watch = Arc::new(Watch::new().map_err(refused)?);
        let (channel, to_consumer) = (Arc::new(channel), Arc::new(Mutex::new(to_consumer)));
        let monitor = Monitor {
            channel: Arc::clone(&channel),
            watch: Arc::clone(&watch),
            command: command.ok_or(CommandFailure::Unwatched)?,
            timeout: self.timeout,
            started,
            terminal,
            to_consumer: Arc::clone(&to_consumer),
        };
        let monitor = thread::Builder::new().spawn(move || monitor.run()).map_err(refused)?;
        let run = Arc::new(Run { channel, watch, to_consumer, is_released: Mutex::new(false) });
        let ending = Arc::clone(&run);
        signals::before_death(Box::new(move || ending.end()));
        Ok(RunningCommand { run, guardian, monitor: Some(monitor) })
    }

    fn spawn_guardian(&self, watching: &Watching, role: Role) -> io::Result<(Channel, Child)> {
        let (channel, theirs) = Channel::pair()?;
        let mut guardian = Command::new("/proc/self/exe");
        guardian.arg0("reelseal").arg(GUARD).arg(&self.program).args(&self.arguments);
        guardian.stdin(Stdio::from(theirs)).process_group(0);
        if role == Role::Producer {
            // Ours is not for the command.
            guardian.stdout(Stdio::null());
        }
        for name in self.hidden_variables {
            guardian.env_remove(name);
        }
        let guardian = with_mask(watching.inherited_mask(), || guardian.spawn())?;
        Ok((channel, guardian))
    }
}

impl RunningCommand {
    /// Waits for the command's end.
    ///
    /// # Errors
    ///
    /// How it failed.
    pub fn wait(&self) -> Result<(), CommandFailure> {
        self.run.watch.wait()
    }

    /// Has `stop` called once nobody reads what is written to a consumer any more.
    pub fn on_no_reader(&self, stop: Box<dyn Fn() + Send>) {
        self.run.watch.on_no_reader(stop);
    }

    /// Ends the command with its group, and waits until nothing is left of it. A consumer sees no end of its input.
    pub fn end(&self) {
        self.run.end();
    }

    /// Lets a consumer's input end, and waits for the end of the command. What it started may go on.
    ///
    /// # Errors
    ///
    /// How it failed.
    pub fn finish(&self) -> Result<(), CommandFailure> {
        self.run.release();
        self.wait()
    }

    /// Whether a consumer has read all that was written to it so far; waits for that, or for its end.
    pub fn has_read_all(&self) -> bool {
        let pipe = lock(&self.run.to_consumer).as_ref().and_then(|pipe| pipe.try_clone().ok());
        let Some(pipe) = pipe else { return false };
        loop {
            match rustix::io::ioctl_fionread(&pipe) {
                Ok(0) => return true,
                Ok(_) if !self.run.watch.has_ended() => thread::sleep(Duration::from_millis(5)),
                Ok(_) | Err(_) => return false,
            }
        }
    }
}

impl Run {
    fn release(&self) {
        *lock(&self.is_released) = true;
        // If the guardian is gone, there is nothing that it could end.
        let _ = self.channel.send(&Order::Release.encode(), &[]);
        *lock(&self.to_consumer) = None;
    }

    fn end(&self) {
        if self.channel.send(&Order::End.encode(), &[]).is_ok() {
            self.watch.wait_until_gone();
        }
        *lock(&self.to_consumer) = None;
    }
}

impl Drop for RunningCommand {
    fn drop(&mut self) {
        if !*lock(&self.run.is_released) {
            self.end();
        }
        signals::nothing_before_death();
        self.run.channel.close();
        if let Some(monitor) = self.monitor.take() {
            let _ = monitor.join();
        }
        let _ = self.guardian.wait();
    }
}

/// A wide pipe whose ends are ours alone.
fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (from, into) = pipe_with(PipeFlags::CLOEXEC)?;
    let into = File::from(into);
    widen_pipe(&into);
    Ok((from, into.into()))
}

/// Whether we are connected to another program, which may share the terminal with us: a command then takes it only once it
/// wants it.
fn is_in_a_pipeline() -> bool {
    let is_pipe = |stream: &dyn AsFd| {
        rustix::fs::fstat(stream.as_fd())
            .is_ok_and(|status| matches!(FileType::from_raw_mode(status.st_mode), FileType::Fifo | FileType::Socket))
    };
    is_pipe(&io::stdin()) || is_pipe(&io::stdout())
}

/// Whether `word` names an existing file in this folder.
pub(crate) fn names_a_file(word: &OsStr) -> bool {
    std::fs::symlink_metadata(word).is_ok()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
