//! Bars on a terminal: one for each current file, and one for the whole batch if there are several.

use std::{
    mem,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget};

use super::{
    bar_line::{fitting, shortened},
    counts::{Counts, FileCount},
    screen,
};

const REDRAW: Duration = Duration::from_millis(100);

/// The bars on a terminal.
struct Bars {
    all: MultiProgress,
    whole: Option<Bar>,
    in_hand: Vec<(Arc<FileCount>, Bar)>,
    /// How many columns the terminal had when they were last drawn.
    columns: usize,
}

/// A bar, laid out for a terminal of a certain width.
struct Bar {
    bar: ProgressBar,
    /// How many columns its name may take; `None` before it is laid out.
    room: Option<usize>,
}

/// Draws a bar for each current file. `began` gives the files as they are begun, until its other end is dropped; then
/// no bar is left.
pub(super) fn draw(counts: &Counts, began: &Receiver<Arc<FileCount>>) {
    let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
    let shown = screen::show(&all);
    let mut bars = Bars::new(all, counts);
    loop {
        let begun = began.recv_timeout(REDRAW);
        if let Err(RecvTimeoutError::Disconnected) = begun {
            shown.change(|| bars.clear());
            return;
        }
        shown.change(|| {
            begun.into_iter().for_each(|file| bars.add(file));
            bars.update(counts);
        });
    }
}

impl Bars {
    fn new(all: MultiProgress, counts: &Counts) -> Self {
        let whole = (counts.files > 1).then(|| Bar::new(counts.total, |bar| all.add(bar)));
        Self { all, whole, in_hand: Vec::new(), columns: 0 }
    }

    fn add(&mut self, file: Arc<FileCount>) {
        let bar = Bar::new(file.total, |bar| match &self.whole {
            Some(whole) => self.all.insert_before(&whole.bar, bar),
            None => self.all.add(bar),
        });
        self.in_hand.push((file, bar));
    }

    fn update(&mut self, counts: &Counts) {
        let columns = Term::stderr().size().1.into();
        if mem::replace(&mut self.columns, columns) != columns {
            self.in_hand.iter_mut().map(|(_, bar)| bar).chain(&mut self.whole).for_each(|bar| bar.room = None);
        }
        self.in_hand.retain_mut(|(file, bar)| {
            let is_under_way = file.is_under_way();
            if is_under_way {
                bar.update(columns, &file.name, &file.name, file.bytes());
            } else {
                bar.remove_from(&self.all);
            }
            is_under_way
        });
        if let Some(whole) = &mut self.whole {
            let name = |done| format!("{done} of {} files", counts.files);
            whole.update(columns, &name(counts.ended().done), &name(counts.files), counts.bytes());
        }
    }

    fn clear(&mut self) {
        let bars = self.in_hand.drain(..).map(|(_, bar)| bar).chain(self.whole.take());
        bars.for_each(|bar| bar.remove_from(&self.all));
    }
}

impl Bar {
    /// A bar that `place` puts on the screen.
    fn new(total: Option<u64>, place: impl FnOnce(ProgressBar) -> ProgressBar) -> Self {
        Self { bar: place(ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden())), room: None }
    }

    /// Draws the bar with this name, which may grow to the length of `longest`.
    fn update(&mut self, columns: usize, name: &str, longest: &str, bytes: u64) {
        let room = *self.room.get_or_insert_with(|| {
            let (style, room) = fitting(columns, longest, self.bar.length().is_some());
            self.bar.set_style(style);
            room
        });
        self.bar.set_message(shortened(name, room));
        self.bar.set_position(bytes);
        self.bar.tick();
    }

    fn remove_from(&self, bars: &MultiProgress) {
        self.bar.finish_and_clear();
        bars.remove(&self.bar);
    }
}
