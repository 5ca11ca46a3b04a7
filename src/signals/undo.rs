//! What is put right before the process dies of a signal.

use std::{
    fs::File,
    mem,
    sync::{
        Mutex, MutexGuard, PoisonError,
        mpsc::{Sender, channel},
    },
    time::Duration,
};

use rustix::{
    process::getpgrp,
    termios::{OptionalActions, Termios, tcgetpgrp, tcsetattr},
};

use crate::files::temporaries::{NoneLeft, TEMPORARIES};

static UNDO: Mutex<Undo> = Mutex::new(Undo { terminal: None, commands: Vec::new(), next: 0 });

/// What a signal undoes.
pub(super) struct Undo {
    terminal: Option<(File, Termios)>,
    /// Ends each running command, and whatever else must not outlive the process.
    commands: Vec<(u64, EndCommand)>,
    /// The number of the next command.
    next: u64,
}

/// Ends a command, and waits for its end.
pub(crate) type EndCommand = Box<dyn FnOnce() + Send>;

/// Until this is dropped, a command is ended before the process dies of a signal.
pub(crate) struct EndedBeforeDeath(u64);

/// How long a signal waits for what is being started. That takes far less, unless a file system does not answer.
const START_LIMIT: Duration = Duration::from_secs(5);

/// Something that is being started, and that a signal is to end: a signal that comes now waits until it is there.
pub(crate) struct Starting<T> {
    // Dropped first: a signal that comes then has nothing to wait for.
    started: Sender<T>,
    before_death: EndedBeforeDeath,
}

impl<T: Send + 'static> Starting<T> {
    /// Makes a signal call `end` for what is started, before the process dies of it.
    pub fn new(end: impl FnOnce(T) + Send + 'static) -> Self {
        let (started, starts) = channel();
        let end = move || {
            if let Ok(what) = starts.recv_timeout(START_LIMIT) {
                end(what);
            }
        };
        Self { started, before_death: EndedBeforeDeath::new(Box::new(end)) }
    }

    /// Notes that `what` has been started. It ends as [`EndedBeforeDeath::new`] says, until the result is dropped.
    pub fn started(self, what: T) -> EndedBeforeDeath {
        // The receiver lives as long as `before_death`.
        let _ = self.started.send(what);
        self.before_death
    }
}

/// Restores the terminal, removes temporary files, and ends the commands that run. The result is held until the end, so
/// that no thread changes the terminal or makes a temporary file after that.
pub(super) fn put_right() -> (MutexGuard<'static, Undo>, NoneLeft<'static>) {
    let mut undo = undo();
    undo.restore_terminal();
    let none_left = TEMPORARIES.remove_all();
    mem::take(&mut undo.commands).into_iter().for_each(|(_, end_command)| end_command());
    (undo, none_left)
}

/// Does `work` without dying of a signal between its steps.
pub(crate) fn hold_off<T>(work: impl FnOnce() -> T) -> T {
    let _held = undo();
    work()
}

/// Makes a signal set `terminal` to `mode`.
pub(super) fn restore_terminal_before_death(terminal: File, mode: Termios) {
    undo().terminal = Some((terminal, mode));
}

/// Sets the terminal to the mode that a signal would set it to.
pub(super) fn restore_terminal() {
    undo().restore_terminal();
}

impl EndedBeforeDeath {
    /// Until the result is dropped, makes a signal call `end`, which ends a command or something else that must not
    /// outlive the process, before the process dies of it.
    pub fn new(end: EndCommand) -> Self {
        let mut undo = undo();
        let number = undo.next;
        undo.next += 1;
        undo.commands.push((number, end));
        Self(number)
    }
}

impl Drop for EndedBeforeDeath {
    fn drop(&mut self) {
        undo().commands.retain(|(number, _)| *number != self.0);
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

fn undo() -> MutexGuard<'static, Undo> {
    UNDO.lock().unwrap_or_else(PoisonError::into_inner)
}
