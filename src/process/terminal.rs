//! The terminal, whose foreground belongs to one process group at a time.

use std::fs::{File, OpenOptions};

use nix::sys::signal::{SigSet, Signal};
use rustix::{
    process::{Pid, getpgrp},
    termios::{OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr, tcsetpgrp},
};

use super::inherited::with_mask;

/// The terminal that controls this process.
pub(super) struct Terminal(File);

impl Terminal {
    /// `None` if there is none.
    pub fn open() -> Option<Self> {
        OpenOptions::new().read(true).write(true).open("/dev/tty").ok().map(Self)
    }

    /// Whether this process is in the foreground.
    pub fn is_ours(&self) -> bool {
        self.belongs_to(getpgrp())
    }

    /// Whether `group` is in the foreground.
    pub fn belongs_to(&self, group: Pid) -> bool {
        tcgetpgrp(&self.0).is_ok_and(|foreground| foreground == group)
    }

    /// Makes `group` the foreground.
    pub fn give_to(&self, group: Pid) {
        // If this fails, the programs do without the keyboard, as in the background.
        let _ = without_stopping(|| tcsetpgrp(&self.0, group));
    }

    /// Its mode: how it treats what is typed.
    pub fn mode(&self) -> Option<Termios> {
        tcgetattr(&self.0).ok()
    }

    pub fn set_mode(&self, mode: &Termios) {
        // If the terminal is gone, there is no mode to set.
        let _ = without_stopping(|| tcsetattr(&self.0, OptionalActions::Now, mode));
    }
}

/// Makes a `change` to the terminal that would stop a process in the background.
fn without_stopping<T>(change: impl FnOnce() -> T) -> T {
    let mut mask = SigSet::thread_get_mask().unwrap_or_else(|_| SigSet::empty());
    mask.add(Signal::SIGTTOU);
    with_mask(&mask, change)
}
