//! Progress in lines, for people without a terminal and for programs.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    byte_count::display_bytes,
    counts::{Counts, EndedFiles, FileCount, rate},
    event, report,
};

const INTERVAL: Duration = Duration::from_secs(1);

/// Prints a line for each current file once a second. `began` gives the files as they are begun, until its other end is
/// dropped.
pub(super) fn print(counts: &Counts, began: &Receiver<Arc<FileCount>>) {
    let mut in_hand: Vec<Arc<FileCount>> = Vec::new();
    let mut next_line = Instant::now() + INTERVAL;
    loop {
        let begun = began.recv_timeout(next_line.saturating_duration_since(Instant::now()));
        let due = Instant::now() >= next_line;
        if due {
            next_line += INTERVAL;
        }
        in_hand.retain(|file| {
            let is_under_way = file.is_under_way();
            if due && is_under_way {
                print_file(file, counts);
            }
            is_under_way
        });
        match begun {
            Ok(file) => in_hand.push(file),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Prints the progress of each current file and, if there are several, of all of them together.
pub(super) fn print_status(counts: &Counts) {
    counts.in_hand().iter().for_each(|file| print_file(file, counts));
    if counts.files > 1 {
        let (EndedFiles { done, failed, .. }, bytes) = (counts.ended(), counts.bytes());
        let rate = rate(bytes, counts.elapsed());
        let (shown, shown_rate) = (display_bytes(bytes), display_bytes(rate));
        report::progress(&format!("{done} of {} files, {shown}, {shown_rate}/s", counts.files), || {
            json!({
                "event": "progress",
                "files_done": done,
                "files_failed": failed,
                "files": counts.files,
                "bytes": bytes,
                "total": counts.total,
                "bytes_per_second": rate,
            })
        });
    }
}

fn print_file(file: &FileCount, counts: &Counts) {
    let bytes = file.bytes();
    let rate = rate(bytes, file.started.elapsed());
    let of = file.total.map(|total| format!(" of {}", display_bytes(total))).unwrap_or_default();
    let text = format!("{}: {}{of}, {}/s", file.name, display_bytes(bytes), display_bytes(rate));
    report::progress(&text, || {
        let mut fields = event::of("progress");
        event::name(&mut fields, "file", &file.input);
        let EndedFiles { done, failed, .. } = counts.ended();
        let numbers = [
            ("bytes", json!(bytes)),
            ("total", json!(file.total)),
            ("bytes_per_second", json!(rate)),
            ("files_done", json!(done)),
            ("files_failed", json!(failed)),
            ("files", json!(counts.files)),
        ];
        fields.extend(numbers.map(|(key, number)| (key.to_owned(), number)));
        fields.into()
    });
}
