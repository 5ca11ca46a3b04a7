//! The progress bar.

use std::{
    io::{self, IsTerminal},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::{
    arguments::{RunArguments, When},
    messages::{report, shown::shown_bytes},
};

const KNOWN: &str = "{msg} {wide_bar} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta} left";
const UNKNOWN: &str = "{msg} {spinner} {binary_bytes} {binary_bytes_per_sec}";
const REDRAW: Duration = Duration::from_millis(100);
const LINE: Duration = Duration::from_secs(1);

/// Shows how far a run has come, until it is dropped or finished.
pub(in crate::cli) struct Progress {
    delivered: Arc<AtomicU64>,
    display: Option<Display>,
}

struct Display {
    done: Sender<bool>,
    thread: JoinHandle<()>,
}

impl Progress {
    /// Progress of `name` towards `total` payload bytes, if that is known. `to_terminal` says that the output itself
    /// goes to the terminal, which leaves no room for a bar.
    pub fn start(arguments: &RunArguments, name: &str, total: Option<u64>, to_terminal: bool) -> Self {
        let delivered = Arc::new(AtomicU64::new(0));
        let terminal = io::stderr().is_terminal();
        let shown = match arguments.progress {
            When::Always => true,
            When::Auto => terminal && !arguments.quiet && !to_terminal,
            When::Never => false,
        };
        let display = shown.then_some(()).and_then(|()| {
            let (counter, name) = (Arc::clone(&delivered), name.to_owned());
            let (done, ended) = channel();
            let thread = thread::Builder::new().spawn(move || {
                if terminal { draw(&name, total, &counter, &ended) } else { print(&name, total, &counter, &ended) }
            });
            // Where the system gives no more threads, the work matters more than its display.
            thread.ok().map(|thread| Display { done, thread })
        });
        Self { delivered, display }
    }

    /// Counts the payload bytes delivered.
    pub fn delivered(&self) -> &AtomicU64 {
        &self.delivered
    }

    /// Leaves the last state of the bar on the terminal.
    pub fn finish(mut self) {
        self.end(true);
    }

    fn end(&mut self, finished: bool) {
        if let Some(display) = self.display.take() {
            // A display that is gone has nothing to end.
            let _ = display.done.send(finished);
            let _ = display.thread.join();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end(false);
    }
}

type Ended = std::sync::mpsc::Receiver<bool>;

fn draw(name: &str, total: Option<u64>, delivered: &AtomicU64, ended: &Ended) {
    let target = ProgressDrawTarget::stderr();
    let bar = ProgressBar::with_draw_target(total, target).with_message(name.to_owned());
    let template = if total.is_some() { KNOWN } else { UNKNOWN };
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    loop {
        let end = ended.recv_timeout(REDRAW);
        bar.set_position(delivered.load(Ordering::Relaxed));
        bar.tick();
        match end {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(true) => return bar.abandon(),
            Ok(false) | Err(RecvTimeoutError::Disconnected) => return bar.finish_and_clear(),
        }
    }
}

/// Lines in place of a bar, where it was asked for without a terminal.
fn print(name: &str, total: Option<u64>, delivered: &AtomicU64, ended: &Ended) {
    loop {
        let end = ended.recv_timeout(LINE);
        let bytes = shown_bytes(delivered.load(Ordering::Relaxed));
        match total {
            Some(total) => report::progress(&format!("{name}: {bytes} of {}", shown_bytes(total))),
            None => report::progress(&format!("{name}: {bytes}")),
        }
        if end != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}
