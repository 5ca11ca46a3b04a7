//! The process that becomes the command: in a group of its own, it takes the terminal, if it is to have it, and then
//! executes the command in its own place. No other process could do that without a race.

use std::{
    convert::Infallible,
    env,
    ffi::{CString, OsStr, OsString},
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{ffi::OsStrExt, process::CommandExt},
    },
    process::{Child, Command, ExitCode, Stdio},
    sync::Arc,
};

use nix::{
    sys::signal::{SigSet, Signal as NixSignal},
    unistd::execve,
};
use rustix::{io::Errno, process::getpgrp, stdio::dup2_stdin};

use super::{
    LAUNCH,
    channel::{Channel, Received},
    inherited::{close_inherited_descriptors, with_mask},
    program,
    terminal::Terminal,
};
use crate::system;

/// What a shell exits with if it cannot find a command.
const NOT_RUN: u8 = 127;

/// A message that lets it start, and says whether it takes the terminal.
const TAKES_TERMINAL: [u8; 1] = [1];
const LEAVES_TERMINAL: [u8; 1] = [0];
/// A message that lets it start, and go on when whoever started it is gone.
const GOES_ON: [u8; 1] = [2];

/// Becomes the command `words`. Standard input is a channel: the command's own standard input arrives on it, and if the
/// system refuses to run the command, the error number is sent back on it.
pub(super) fn launch(words: Vec<OsString>) -> ExitCode {
    close_inherited_descriptors();
    let Ok(channel) = Channel::of_standard_input() else { return NOT_RUN.into() };
    let error = match channel.receive() {
        Ok(Some(received)) => become_command(&words, received, &channel),
        Ok(None) => return NOT_RUN.into(),
        Err(error) => error,
    };
    let number = error.raw_os_error().unwrap_or(0);
    // If nobody listens any more, the command has been ended already.
    let _ = channel.send(&number.to_le_bytes(), &[]);
    NOT_RUN.into()
}

/// Returns only if the system refuses. A file that is not a program is refused, too: execvp(3) would hand it to a
/// shell.
fn become_command(words: &[OsString], received: Received, guardian: &Channel) -> io::Error {
    let Received { bytes, mut descriptors } = received;
    let (Some(program), Some(input)) = (words.first(), descriptors.pop()) else {
        return io::ErrorKind::InvalidInput.into();
    };
    if bytes == TAKES_TERMINAL
        && let Some(terminal) = Terminal::open()
    {
        terminal.give_to(getpgrp());
    }
    if bytes != GOES_ON {
        // The command does not outlive the guardian, however that ends.
        let _ = system::die_with_parent();
        // If the guardian ended before that, no signal comes.
        if guardian.is_closed() {
            return io::ErrorKind::BrokenPipe.into();
        }
    }
    match execute(program, words, &input) {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

fn execute(program: &OsStr, words: &[OsString], input: &OwnedFd) -> io::Result<Infallible> {
    let path = program::find(program).map_err(|_| Errno::NOENT)?;
    let as_c = |word: &OsStr| CString::new(word.as_bytes()).map_err(io::Error::from);
    let words = words.iter().map(|word| as_c(word)).collect::<io::Result<Vec<_>>>()?;
    let variable = |(name, value): (OsString, OsString)| as_c(&[name, value].join("=".as_ref()));
    let environment = env::vars_os().map(variable).collect::<io::Result<Vec<_>>>()?;
    // This program ignores SIGPIPE. A signal that is handled gets its default effect when another program is executed.
    signal_hook::flag::register(NixSignal::SIGPIPE as i32, Arc::default())?;
    dup2_stdin(input)?;
    Ok(execve(&as_c(path.as_os_str())?, &words, &environment)?)
}

/// Waits for a launch to succeed or fail. Returns the error with which the system refused it, if it did.
pub(super) fn refusal(channel: &Channel) -> Option<io::Error> {
    let received = channel.receive().ok()??;
    let number = received.bytes.try_into().map(i32::from_le_bytes).unwrap_or(0);
    Some(io::Error::from_raw_os_error(number))
}

/// Starts the launcher of the command `words`, in a group of its own, with the signals of `mask` blocked and without
/// the `hidden_variables`. Gives the channel to it.
pub(super) fn spawn(
    words: &[OsString],
    output: Stdio,
    mask: &SigSet,
    hidden_variables: &[&str],
) -> io::Result<(Channel, Child)> {
    let (channel, theirs) = Channel::pair()?;
    let mut launcher = Command::new("/proc/self/exe");
    launcher.arg(LAUNCH).args(words).stdin(Stdio::from(theirs)).stdout(output).process_group(0);
    for name in hidden_variables {
        launcher.env_remove(name);
    }
    let launcher = with_mask(mask, || launcher.spawn())?;
    Ok((channel, launcher))
}

/// Lets the launcher at the other end of `channel` start its command with `input`. The command may outlive whoever
/// started it.
#[cfg(feature = "serve")]
pub(super) fn start_apart(channel: &Channel, input: impl AsFd) -> io::Result<()> {
    channel.send(&GOES_ON, &[input.as_fd()])
}

/// Lets the launcher at the other end of `channel` start its command with `input`.
pub(super) fn start(channel: &Channel, input: impl AsFd, takes_terminal: bool) -> io::Result<()> {
    channel.send(if takes_terminal { &TAKES_TERMINAL } else { &LEAVES_TERMINAL }, &[input.as_fd()])
}
