//! The memory and processor time of a command and of all that it has started.

use rustix::{
    param::{clock_ticks_per_second, page_size},
    process::{Pid, getpid},
};

use super::process_table::{Process, descendants, processes, this_process};

/// The memory and processor time of a command and of all that it has started.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct CommandUsage {
    /// Resident memory, in bytes. Memory that processes share counts for each of them.
    pub memory: u64,
    /// Processor time, including that of ended children.
    pub cpu_seconds: f64,
}

impl CommandUsage {
    /// The usage of the command that runs as the process `command`, of its group, and of all that it has started,
    /// including processes that have left the group and those whose parents have ended: these are its guardian's
    /// children then. If the command or its guardian has ended, only the group counts. Zero if nothing is left, or if
    /// /proc is not mounted.
    pub fn of(command: Pid) -> Self {
        Self::among(&processes(), command, getpid())
    }

    /// The same, from the list of `all` processes; `this` is the process that started the guardian.
    fn among(all: &[Process], command: Pid, this: Pid) -> Self {
        let [command, this] = [command, this].map(|process| process.as_raw_nonzero().get());
        let find = |process| all.iter().find(|found| found.process == process);
        // If the guardian has ended, the command has another parent, which may have unrelated children.
        let guardian = find(command).and_then(|found| find(found.parent)).filter(|guardian| guardian.parent == this);
        let below = guardian.map(|guardian| descendants(all, guardian.process)).unwrap_or_default();
        // A command that has ended may have left others in its group.
        let left = all.iter().filter(|left| left.group == command && !below.contains(left));
        below.iter().chain(left).fold(Self::default(), Self::and)
    }

    /// What this process uses.
    pub fn of_this_process() -> Self {
        this_process().map_or_else(Self::default, |process| Self::default().and(&process))
    }

    fn and(self, process: &Process) -> Self {
        Self {
            memory: self.memory.saturating_add(process.pages.saturating_mul(page_size() as u64)),
            cpu_seconds: self.cpu_seconds + process.ticks as f64 / clock_ticks_per_second() as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many pages the command 20 uses.
    fn pages(all: &[Process]) -> u64 {
        let [command, this] = [20, 5].map(|process| Pid::from_raw(process).unwrap());
        CommandUsage::among(all, command, this).memory / page_size() as u64
    }

    #[test]
    fn processes_that_left_the_group_of_a_command_count_and_unrelated_ones_do_not() {
        let process = |process, parent, group, pages| Process { process, parent, group, ticks: 0, pages };
        let (this, guardian, other) = (process(5, 1, 5, 1), process(10, 5, 10, 2), process(50, 5, 50, 4));
        let (command, member) = (process(20, 10, 20, 10), process(21, 20, 20, 100));
        let (left, orphan) = (process(30, 21, 30, 1000), process(40, 10, 40, 10_000));
        assert_eq!(pages(&[this, guardian, other, command, member, left, orphan]), 11_110);
        // The guardian has ended, and they are another's children now.
        let init = process(1, 0, 1, 8);
        let moved = Process { parent: 1, ..command };
        assert_eq!(pages(&[init, this, other, moved, member, left, orphan]), 110);
        // The command has ended.
        assert_eq!(pages(&[this, guardian, other, Process { parent: 10, ..member }]), 100);
        assert_eq!(pages(&[]), 0);
    }

    #[test]
    fn this_process_uses_memory_and_time() {
        // The system counts processor time in ticks.
        while CommandUsage::of_this_process().cpu_seconds == 0.0 {}
        assert!(CommandUsage::of_this_process().memory > 1 << 20);
    }
}
