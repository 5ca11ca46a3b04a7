//! What is put right before a signal ends the process: a file to remove, a terminal to restore.
//!
//! Nothing is set up until there is something to put right; until then a signal does what it always does. Afterwards
//! the process dies by that very signal, so that a shell sees what happened. Signals that were ignored when the process
//! started, as under nohup, stay ignored.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, Once, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use rustix::{
    process::getpgrp,
    termios::{OptionalActions, Termios, tcgetpgrp, tcsetattr},
};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM},
    iterator::Signals,
    low_level::emulate_default_handler,
};

const FATAL: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

static UNDO: Mutex<Undo> = Mutex::new(Undo { files: Vec::new(), terminal: None });
static WATCHING: Once = Once::new();
static INTERRUPT_HANDLED: AtomicBool = AtomicBool::new(false);

struct Undo {
    files: Vec<PathBuf>,
    terminal: Option<(fs::File, Termios)>,
}

/// While this lives, a signal removes the file.
pub(super) struct RemoveFile(PathBuf);

/// While this lives, a signal restores the terminal; when it is dropped, the terminal is restored, too.
pub(super) struct RestoreTerminal(());

/// Has a signal remove `path`.
pub(super) fn remove_file(path: &Path) -> RemoveFile {
    lock().files.push(path.to_owned());
    watch();
    RemoveFile(path.to_owned())
}

/// Has a signal, and the drop of the guard, set `terminal` to `mode`.
pub(super) fn restore_terminal(terminal: fs::File, mode: Termios) -> RestoreTerminal {
    lock().terminal = Some((terminal, mode));
    watch();
    RestoreTerminal(())
}

/// Waits for the end of the process, if an interrupt that was just raised brings it.
pub(super) fn wait_for_interrupt() {
    while INTERRUPT_HANDLED.load(Ordering::Acquire) {
        thread::park();
    }
}

impl Drop for RemoveFile {
    fn drop(&mut self) {
        lock().files.retain(|file| *file != self.0);
    }
}

impl Drop for RestoreTerminal {
    fn drop(&mut self) {
        lock().restore_terminal();
    }
}

impl Undo {
    fn restore_terminal(&mut self) {
        if let Some((terminal, mode)) = self.terminal.take() {
            // In the background the terminal belongs to others, and touching it would stop us.
            if tcgetpgrp(&terminal).is_ok_and(|foreground| foreground == getpgrp()) {
                // A terminal that is gone needs no mode.
                let _ = tcsetattr(&terminal, OptionalActions::Now, &mode);
            }
        }
    }

    fn undo_all(&mut self) {
        self.restore_terminal();
        for file in self.files.drain(..) {
            // It may be gone already; there is nobody to tell.
            let _ = fs::remove_file(file);
        }
    }
}

fn lock() -> MutexGuard<'static, Undo> {
    UNDO.lock().unwrap_or_else(PoisonError::into_inner)
}

fn watch() {
    WATCHING.call_once(|| {
        let ignored = ignored_signals();
        let handled: Vec<i32> = FATAL.into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0).collect();
        // Without a handler, signals do what they always do, and nothing is put right.
        let Ok(mut signals) = Signals::new(&handled) else { return };
        let handle = signals.handle();
        let watching = thread::Builder::new().spawn(move || {
            if let Some(signal) = signals.forever().next() {
                // The lock is kept: nobody registers anything any more, and no file gets its final name half-way.
                let mut undo = lock();
                undo.undo_all();
                let _ = emulate_default_handler(signal);
            }
        });
        match watching {
            Ok(_) => INTERRUPT_HANDLED.store(handled.contains(&SIGINT), Ordering::Release),
            Err(_) => handle.close(),
        }
    });
}

/// The signals that this process was started to ignore, a bit each, as /proc tells them.
fn ignored_signals() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
