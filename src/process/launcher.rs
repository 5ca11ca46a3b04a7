//! The process that becomes the command: in a group of its own it takes the terminal, where it is to have it, and then runs
//! the command in its own place. No other process could do that without a race.

use std::{
    ffi::OsString,
    io,
    os::{fd::AsFd, unix::process::CommandExt},
    process::{Command, ExitCode, Stdio},
};

use rustix::process::getpgrp;

use super::{
    channel::{Channel, Received},
    inherited::close_inherited_descriptors,
    terminal::Terminal,
};

/// What a shell exits with if it cannot find a command.
const NOT_RUN: u8 = 127;

/// The first byte of the message that lets it start.
pub(super) const TAKES_TERMINAL: [u8; 1] = [1];
pub(super) const LEAVES_TERMINAL: [u8; 1] = [0];

/// Becomes the command `words`. Standard input is a channel, on which its own standard input comes, and on which the error
/// number goes out if the system refuses to run it; nothing, if it runs.
pub(super) fn launch(words: Vec<OsString>) -> ExitCode {
    close_inherited_descriptors();
    let Ok(channel) = Channel::of_standard_input() else { return NOT_RUN.into() };
    let error = match channel.receive() {
        Ok(Some(received)) => become_command(&words, received),
        Ok(None) => return NOT_RUN.into(),
        Err(error) => error,
    };
    let number = error.raw_os_error().unwrap_or(0);
    // Whoever does not listen any more has ended the command already.
    let _ = channel.send(&number.to_le_bytes(), &[]);
    NOT_RUN.into()
}

/// Returns only if the system refuses.
fn become_command(words: &[OsString], received: Received) -> io::Error {
    let Received { bytes, mut descriptors } = received;
    let (Some((program, arguments)), Some(input)) = (words.split_first(), descriptors.pop()) else {
        return io::ErrorKind::InvalidInput.into();
    };
    if bytes == TAKES_TERMINAL
        && let Some(terminal) = Terminal::open()
    {
        terminal.give_to(getpgrp());
    }
    Command::new(program).args(arguments).stdin(Stdio::from(input)).exec()
}

/// How a launch ended: the error with which the system refused, if it did. Waits for that.
pub(super) fn refusal(channel: &Channel) -> Option<io::Error> {
    let received = channel.receive().ok()??;
    let number = received.bytes.try_into().map(i32::from_le_bytes).unwrap_or(0);
    Some(io::Error::from_raw_os_error(number))
}

/// Lets the launcher at the other end of `channel` start with `input`.
pub(super) fn start(channel: &Channel, input: impl AsFd, takes_terminal: bool) -> io::Result<()> {
    channel.send(if takes_terminal { &TAKES_TERMINAL } else { &LEAVES_TERMINAL }, &[input.as_fd()])
}
