//! The line of a progress bar, in a form that fits the terminal and is never wrapped.

use std::{fmt, time::Duration};

use console::measure_text_width;
use indicatif::{HumanDuration, ProgressState, ProgressStyle};

/// The figures on a line, next to the name: their template, and the most columns that they take.
struct Form {
    template: &'static str,
    columns: usize,
}

// The widest form of each figure, with the space before it. The bar gets at least this much, plus whatever is left
// over.
const BAR: usize = 6;
const SPINNER: usize = 2;
const PERCENT: usize = " 100%".len();
const BYTES: usize = " 1024.00 KiB".len();
const TOTAL: usize = "/1024.00 KiB".len();
const RATE: usize = " 1024.00 KiB/s".len();
const LEFT: usize = " 99y left".len();

/// The forms where the total is known, the fullest first.
const KNOWN: [Form; 4] = [
    Form {
        template: "{msg} {wide_bar:.cyan} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {left}",
        columns: BAR + BYTES + TOTAL + RATE + LEFT,
    },
    Form {
        template: "{msg} {wide_bar:.cyan} {binary_bytes}/{binary_total_bytes} {left}",
        columns: BAR + BYTES + TOTAL + LEFT,
    },
    Form { template: "{msg} {wide_bar:.cyan} {percent}% {left}", columns: BAR + PERCENT + LEFT },
    Form { template: "{msg} {percent}%", columns: PERCENT },
];

/// The forms where the total is not known.
const UNKNOWN: [Form; 2] = [
    Form { template: "{msg} {spinner:.cyan} {binary_bytes} {binary_bytes_per_sec}", columns: SPINNER + BYTES + RATE },
    Form { template: "{msg} {binary_bytes}", columns: BYTES },
];

/// A longer name is shortened to make room for the figures.
const LONG_NAME: usize = 20;

/// The longest time left that is shown.
const LONGEST: Duration = Duration::from_secs(99 * 365 * 24 * 60 * 60);

/// How a line with `name` looks on a terminal of `width` columns, and how many of them the name has.
pub(super) fn fitting(width: usize, name: &str, is_known: bool) -> (ProgressStyle, usize) {
    let forms: &[Form] = if is_known { &KNOWN } else { &UNKNOWN };
    let name = columns(name).min(LONG_NAME);
    let form = forms.iter().find(|form| name + form.columns <= width);
    let form = form.or_else(|| forms.last().filter(|form| form.columns <= width));
    let (template, room) = form.map_or(("", 0), |form| (form.template, width - form.columns));
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    (style.with_key("left", time_left), room)
}

/// As much of the end of `name` as fits into `room` columns: names that are much alike differ there.
pub(super) fn shortened(name: &str, room: usize) -> String {
    let name: String = name.chars().filter(|&character| !joins(character)).collect();
    if columns(&name) <= room {
        return name;
    }
    let mut left = room.saturating_sub(1);
    let kept = name.char_indices().rev().take_while(|&(_, character)| {
        let rest = left.checked_sub(columns_of(character));
        left = rest.unwrap_or(left);
        rest.is_some()
    });
    let end = kept.last().and_then(|(at, _)| name.get(at..)).unwrap_or_default();
    if room > 0 { format!("…{end}") } else { String::new() }
}

/// Whether `character` joins several characters into one emoji. Terminals disagree on how wide that is.
fn joins(character: char) -> bool {
    matches!(character, '\u{200d}' | '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}')
}

fn columns(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

fn columns_of(character: char) -> usize {
    measure_text_width(character.encode_utf8(&mut [0; 4]))
}

/// The time left, which is unknown until something has arrived.
fn time_left(state: &ProgressState, out: &mut dyn fmt::Write) {
    if state.pos() > 0 || state.len() == Some(0) {
        // If it cannot be written, there is nothing to show.
        let _ = write!(out, "{:#} left", HumanDuration(state.eta().min(LONGEST)));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use indicatif::{ProgressBar, ProgressDrawTarget, TermLike};

    use super::*;

    /// A shrugging man: one emoji of five characters.
    const SHRUG: &str = "\u{1f937}\u{1f3fd}\u{200d}\u{2642}\u{fe0f}";

    /// A terminal of this width, and what has been written to it.
    #[derive(Clone, Debug)]
    struct Terminal(u16, Arc<Mutex<String>>);

    impl TermLike for Terminal {
        fn width(&self) -> u16 {
            self.0
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.1.lock().unwrap().push_str(text);
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            self.1.lock().unwrap().clear();
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is drawn for `bytes` on a terminal of this width.
    fn drawn(width: u16, name: &str, bytes: u64, total: Option<u64>) -> String {
        let written = Arc::default();
        let terminal = Terminal(width, Arc::clone(&written));
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::term_like(Box::new(terminal)));
        let (style, room) = fitting(width.into(), name, total.is_some());
        bar.set_style(style);
        bar.set_position(bytes);
        bar.set_message(shortened(name, room));
        written.lock().unwrap().clone()
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        // Sizes in their widest form.
        let widest = (1 << 20) - 1;
        let [long, wide, narrow, joined] = ["x", "映画", "e\u{301}", SHRUG].map(|part| part.repeat(100));
        let names = ["a", "film.mp4", "28 of 30 files", &long, &wide, &narrow, &joined];
        for (width, name) in (1..=200).flat_map(|width| names.map(|name| (width, name))) {
            for total in [Some(widest), Some(0), None] {
                for bytes in [0, 1, widest] {
                    let line = drawn(width, name, bytes, total);
                    assert!(columns(&line) <= width.into(), "{width}: {line:?}");
                }
            }
        }
    }

    #[test]
    fn with_less_room_a_line_shows_less() {
        let known = |width| drawn(width, "film", 512, Some(1024));
        assert!(known(80).contains("film ██") && known(80).contains("░ 512 B/1.00 KiB ") && known(80).contains("/s "));
        assert!(known(50).contains("░ 512 B/1.00 KiB ") && !known(50).contains("/s") && known(50).contains(" left"));
        assert!(known(25).contains("░ 50% ") && known(25).contains(" left"));
        assert_eq!(known(20).trim_end(), "film 50%");
        assert_eq!(known(6).trim_end(), "… 50%");
        assert_eq!(known(4), "");
        let unknown = |width| drawn(width, "film", 512, None);
        assert!(unknown(40).contains(" 512 B ") && unknown(40).contains("/s"));
        assert_eq!(unknown(20).trim_end(), "film 512 B");
    }

    #[test]
    fn the_end_of_a_long_name_is_kept() {
        assert_eq!(shortened("film.mp4", 8), "film.mp4");
        assert_eq!(shortened("film.mp4", 5), "….mp4");
        assert_eq!(["映画.mp4", "映画.mp4"].map(|name| shortened(name, 7)), ["…画.mp4", "…画.mp4"]);
        assert_eq!(shortened("映画", 2), "…");
        assert_eq!(shortened("film", 0), "");
        assert_eq!(shortened(SHRUG, 5), "\u{1f937}\u{2642}");
    }
}
