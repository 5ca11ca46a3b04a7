//! What a process was started with, and what it hands on.

use std::fs;

use nix::{
    sys::signal::{SigSet, Signal},
    unistd::close,
};

/// How many descriptors are closed if there is no list of the open ones.
const ASSUMED_DESCRIPTORS: i32 = 1024;

/// Closes all descriptors but 0, 1 and 2. For a process that has just started: nothing in it owns another one yet, so
/// whatever is open was inherited, and is not for the command.
pub(super) fn close_inherited_descriptors() {
    let numbers: Vec<i32> = match fs::read_dir("/proc/self/fd") {
        // The descriptor of the list itself is closed by then.
        Ok(entries) => entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect(),
        Err(_) => (0..ASSUMED_DESCRIPTORS).collect(),
    };
    for number in numbers.into_iter().filter(|&number| number > 2) {
        // What is not open needs no closing.
        let _ = close(number);
    }
}

/// Does `work` with the signals of `mask` blocked in this thread; a process that it starts inherits them.
pub(super) fn with_mask<T>(mask: &SigSet, work: impl FnOnce() -> T) -> T {
    let own = SigSet::thread_get_mask();
    let changed = mask.thread_set_mask().is_ok();
    let result = work();
    if let (true, Ok(own)) = (changed, own) {
        let _ = own.thread_set_mask();
    }
    result
}

/// Blocks every signal but `except` in this thread.
pub(super) fn block_all_signals(except: Signal) {
    let mut all = SigSet::all();
    all.remove(except);
    let _ = all.thread_set_mask();
}
