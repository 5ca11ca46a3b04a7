//! What the processes of a group use, as /proc has it.

use std::fs;

use rustix::{
    param::{clock_ticks_per_second, page_size},
    process::Pid,
};

/// What the processes of a group use together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct GroupUsage {
    /// Resident memory, in bytes. What processes share counts for each.
    pub memory: u64,
    /// Processor time, of their ended children too.
    pub cpu_seconds: f64,
}

/// One process, as its `stat` file has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Process {
    group: i32,
    ticks: u64,
    pages: u64,
}

impl GroupUsage {
    /// What the group of this process uses; nothing if it has ended, or /proc is not mounted.
    pub fn of(group: Pid) -> Self {
        let group = group.as_raw_nonzero().get();
        let Ok(entries) = fs::read_dir("/proc") else { return Self::default() };
        let is_process = |name: &[u8]| name.iter().all(u8::is_ascii_digit);
        entries
            .flatten()
            .filter(|entry| is_process(entry.file_name().as_encoded_bytes()))
            // One that has just ended uses nothing.
            .filter_map(|entry| Process::parse(&fs::read_to_string(entry.path().join("stat")).ok()?))
            .filter(|process| process.group == group)
            .fold(Self::default(), |sum, process| sum.and(&process))
    }

    /// What this process uses.
    pub fn of_this_process() -> Self {
        let process = fs::read_to_string("/proc/self/stat").ok().and_then(|text| Process::parse(&text));
        process.map_or_else(Self::default, |process| Self::default().and(&process))
    }

    fn and(self, process: &Process) -> Self {
        Self {
            memory: self.memory.saturating_add(process.pages.saturating_mul(page_size() as u64)),
            cpu_seconds: self.cpu_seconds + process.ticks as f64 / clock_ticks_per_second() as f64,
        }
    }
}

impl Process {
    /// What proc(5) says of a `stat` file. The name, in parentheses, may hold anything.
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<_> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        let group = fields.get(2)?.parse().ok()?;
        let ticks = (11..=14).map(number).sum::<Option<u64>>()?;
        Some(Self { group, ticks, pages: number(21)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name_is() {
        let rest = "S 1 77 77 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0 5 1000000 512 18446744073709551615 1 1";
        for name in ["ffmpeg", "a) R 9 9 9", "two words", ""] {
            let parsed = Process::parse(&format!("4711 ({name}) {rest}"));
            assert_eq!(parsed, Some(Process { group: 77, ticks: 100, pages: 512 }), "{name}");
        }
        for text in ["", "1 (a", "1 (a) S 1", "1 (a) S 1 x"] {
            assert_eq!(Process::parse(text), None);
        }
    }

    #[test]
    fn the_group_of_this_process_uses_at_least_what_this_process_does() {
        // The system counts by ticks.
        while GroupUsage::of_this_process().cpu_seconds == 0.0 {}
        let process = GroupUsage::of_this_process();
        let group = GroupUsage::of(rustix::process::getpgrp());
        assert!(group.memory > 1 << 20 && process.memory > 1 << 20, "{group:?}, {process:?}");
        assert!(group.cpu_seconds >= process.cpu_seconds, "{group:?}, {process:?}");
    }
}
