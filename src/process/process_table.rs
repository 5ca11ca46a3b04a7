//! The processes of this machine, as /proc lists them.

use std::fs;

/// One process, as its `stat` file describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub process: i32,
    pub parent: i32,
    pub group: i32,
    /// Processor time in clock ticks, including that of its ended children.
    pub ticks: u64,
    /// Resident memory, in pages.
    pub pages: u64,
}

/// All processes that can be seen; none, if /proc is not mounted.
pub(super) fn processes() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let is_process = |name: &[u8]| name.iter().all(u8::is_ascii_digit);
    entries
        .flatten()
        .filter(|entry| is_process(entry.file_name().as_encoded_bytes()))
        // A process that has just ended is left out.
        .filter_map(|entry| Process::parse(&fs::read_to_string(entry.path().join("stat")).ok()?))
        .collect()
}

/// This process itself.
pub(super) fn this_process() -> Option<Process> {
    Process::parse(&fs::read_to_string("/proc/self/stat").ok()?)
}

/// Of `processes`, the children of `parent`, their children, and so on.
pub(super) fn descendants(processes: &[Process], parent: i32) -> Vec<Process> {
    let mut found: Vec<Process> = Vec::new();
    let mut parents = vec![parent];
    while let Some(parent) = parents.pop() {
        // /proc is read while processes come and go: none is taken twice, whatever it says.
        let children = processes.iter().filter(|child| child.parent == parent);
        let new: Vec<_> = children.filter(|child| !found.contains(child)).copied().collect();
        parents.extend(new.iter().map(|child| child.process));
        found.extend(new);
    }
    found
}

impl Process {
    /// Parses a `stat` file, as proc(5) describes it. The name, in parentheses, may hold anything.
    fn parse(text: &str) -> Option<Self> {
        let (process, _) = text.split_once(' ')?;
        let fields: Vec<_> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        let id = |at: usize| fields.get(at)?.parse().ok();
        let ticks = (11..=14).map(number).sum::<Option<u64>>()?;
        Some(Self { process: process.parse().ok()?, parent: id(1)?, group: id(2)?, ticks, pages: number(21)? })
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
            assert_eq!(parsed, Some(Process { process: 4711, parent: 1, group: 77, ticks: 100, pages: 512 }), "{name}");
        }
        for text in ["", "1 (a", "1 (a) S 1", "1 (a) S 1 x"] {
            assert_eq!(Process::parse(text), None);
        }
    }

    #[test]
    fn descendants_are_found_in_whatever_order_and_group_and_others_are_not() {
        let process = |process, parent, group| Process { process, parent, group, ticks: 0, pages: 0 };
        // 40 was adopted by 10 after its parent had ended; 70 says that it is its own parent.
        let all =
            [process(60, 50, 60), process(10, 1, 10), process(20, 10, 20), process(50, 20, 20), process(40, 10, 40)];
        let more = [process(70, 70, 70), process(80, 1, 20)];
        let found = descendants(&[&all[..], &more].concat(), 10);
        let mut found: Vec<_> = found.iter().map(|found| found.process).collect();
        found.sort_unstable();
        assert_eq!(found, [20, 40, 50, 60]);
        assert_eq!(descendants(&more, 70).len(), 1);
    }
}
