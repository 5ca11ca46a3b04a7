//! Asking for a passphrase on the terminal.

#[cfg(feature = "age")]
use std::io::{BufRead, BufReader};
use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Write},
};

use rustix::{
    process::getpgrp,
    termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr},
};
use zeroize::Zeroizing;

use crate::cli::messages::failure::{Exit, Failure};
use crate::signals::{self, RestoreTerminal};

const TERMINAL: &str = "/dev/tty";

/// The subject of failures at the prompt.
pub(super) const PROMPT: &str = "the prompt";

/// The terminal, wherever standard input and output go, with its echo off until this is dropped, so that what is typed
/// before the second prompt is not shown either.
pub(in crate::cli) struct Prompt {
    terminal: File,
    _restored: RestoreTerminal,
}

impl Prompt {
    /// Opens the terminal, and turns its echo off.
    pub fn open() -> Result<Self, Failure> {
        Self::take(foreground_terminal()?).map_err(cannot_open)
    }

    fn take(terminal: File) -> io::Result<Self> {
        let mode = tcgetattr(&terminal)?;
        let restored = signals::restore_terminal(terminal.try_clone()?, mode.clone());
        turn_echo_off(&terminal, mode)?;
        Ok(Self { terminal, _restored: restored })
    }

    /// Shows the `parts` of a text that contains a secret, each from where it is, so that no copy of it is made.
    pub fn show(&self, parts: &[&str]) -> Result<(), Failure> {
        let written = parts.iter().try_for_each(|part| (&self.terminal).write_all(part.as_bytes()));
        written.map_err(|error| Failure::system(TERMINAL, "cannot write", &error))
    }

    /// Asks once.
    pub fn ask(&self, question: &str) -> Result<Zeroizing<String>, Failure> {
        match rpassword::prompt_password(format!("{question}: ")) {
            // Bytes that are not UTF-8 arrive as replacement characters, so different passphrases would become the
            // same.
            Ok(answer) if answer.contains(char::REPLACEMENT_CHARACTER) => {
                drop(Zeroizing::new(answer));
                Err(Failure::usage("the passphrase is not UTF-8 text")
                    .about(PROMPT)
                    .with_hint("set the terminal to UTF-8, or use --passphrase-file FILE"))
            }
            Ok(answer) => Ok(Zeroizing::new(answer)),
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                signals::wait_for_interrupt();
                Err(Failure::new(Exit::InputOutput, "interrupted at the prompt"))
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                Err(Failure::usage("no passphrase was typed").about(PROMPT).with_hint("end a passphrase with Enter"))
            }
            Err(error) => Err(Failure::system(TERMINAL, "cannot read", &error)),
        }
    }
}

/// Asks for something that is not secret: the answer is shown as it is typed.
#[cfg(feature = "age")]
pub(super) fn ask_with_echo(question: &str) -> Result<String, Failure> {
    let mut terminal = foreground_terminal()?;
    let written = write!(terminal, "{question}: ");
    written.map_err(|error| Failure::system(TERMINAL, "cannot write", &error))?;
    let mut answer = String::new();
    match BufReader::new(terminal).read_line(&mut answer) {
        Ok(0) => Err(Failure::usage("no answer was typed").about(PROMPT).with_hint("end an answer with Enter")),
        Ok(_) => Ok(answer.trim_end_matches(['\n', '\r']).to_owned()),
        Err(error) => Err(Failure::system(TERMINAL, "cannot read", &error)),
    }
}

/// Whether there is a terminal to ask on.
pub(in crate::cli) fn is_possible() -> bool {
    open_terminal().is_ok()
}

/// The terminal, if we are in its foreground.
fn foreground_terminal() -> Result<File, Failure> {
    let terminal = open_terminal().map_err(cannot_open)?;
    // Touching it from the background would stop this process, and it would no longer react to signals.
    if tcgetpgrp(&terminal).is_ok_and(|foreground| foreground != getpgrp()) {
        return Err(Failure::usage("cannot prompt for a passphrase in the background")
            .with_hint("start it in the foreground, or give the passphrase with --passphrase-file FILE"));
    }
    Ok(terminal)
}

fn cannot_open(error: io::Error) -> Failure {
    Failure::system(TERMINAL, "cannot open", &error)
}

fn open_terminal() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(TERMINAL)
}

fn turn_echo_off(terminal: &File, mut mode: Termios) -> io::Result<()> {
    mode.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL);
    Ok(tcsetattr(terminal, OptionalActions::Now, &mode)?)
}
