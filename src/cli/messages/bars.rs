//! Bars on a terminal: one for each file in hand, and one for the whole where that is several.

use std::{
    fmt,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::{
    counts::{Counts, FileCount},
    screen,
};

const KNOWN: &str = "{msg} {wide_bar:.cyan} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {left}";
const UNKNOWN: &str = "{msg} {spinner:.cyan} {binary_bytes} {binary_bytes_per_sec}";
const REDRAW: Duration = Duration::from_millis(100);

/// Draws a bar for each file in hand. `began` gives the files as they are begun, until its other end is dropped.
pub(super) fn draw(counts: &Counts, began: &Receiver<Arc<FileCount>>) {
    let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
    let _shown = screen::show(&bars);
    let whole = (counts.files > 1).then(|| add(&bars, counts.total));
    let mut in_hand: Vec<(Arc<FileCount>, ProgressBar)> = Vec::new();
    loop {
        let begun = began.recv_timeout(REDRAW);
        if let Ok(file) = &begun {
            let bar = match &whole {
                Some(whole) => bars.insert_before(whole, styled(file.total)),
                None => add(&bars, file.total),
            };
            bar.set_message(file.name.clone());
            in_hand.push((Arc::clone(file), bar));
        }
        in_hand.retain(|(file, bar)| {
            let outcome = file.outcome();
            bar.set_position(file.bytes());
            bar.tick();
            match outcome {
                None => return true,
                // Of a single file the last state stays to be read.
                Some(true) if whole.is_none() => bar.abandon(),
                Some(_) => {
                    bar.finish_and_clear();
                    bars.remove(bar);
                }
            }
            false
        });
        if let Some(whole) = &whole {
            whole.set_message(format!("{} of {} files", counts.ended().done, counts.files));
            whole.set_position(counts.bytes());
            whole.tick();
        }
        if let Err(RecvTimeoutError::Disconnected) = begun {
            whole.iter().for_each(ProgressBar::abandon);
            return;
        }
    }
}

fn add(bars: &MultiProgress, total: Option<u64>) -> ProgressBar {
    bars.add(styled(total))
}

fn styled(total: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
    let template = if total.is_some() { KNOWN } else { UNKNOWN };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style.with_key("left", time_left));
    bar
}

/// Before anything has come, nothing is known of the time that it takes.
fn time_left(state: &ProgressState, out: &mut dyn fmt::Write) {
    if state.pos() > 0 || state.len() == Some(0) {
        // Where it cannot be written, there is nothing to see.
        let _ = write!(out, "{:#} left", HumanDuration(state.eta()));
    }
}
