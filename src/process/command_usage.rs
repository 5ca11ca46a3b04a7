//! What a command uses, with all that it has started.

use rustix::{
    param::{clock_ticks_per_second, page_size},
    process::Pid,
};

use super::process_table::{Process, descendants, processes, this_process};

/// What a command uses, with all that it has started.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct CommandUsage {
    /// Resident memory, in bytes. What processes share counts for each.
    pub memory: u64,
    /// Processor time, of their ended children too.
    pub cpu_seconds: f64,
}

impl CommandUsage {
    /// What the command uses that runs as the process `command`, with its group and all that it has started, also what has left
    /// the group, or whose parents have ended: that is its guardian's then. Nothing if it has ended, or /proc is not mounted.
    pub fn of(command: Pid) -> Self {
        let all = processes();
        let process = command.as_raw_nonzero().get();
        let guardian = all.iter().find(|found| found.process == process).and_then(|found| Pid::from_raw(found.parent));
        let below = guardian.map(|guardian| descendants(&all, guardian)).unwrap_or_default();
        // A command that has ended may have left others in its group.
        let left = all.iter().filter(|left| left.group == process && !below.contains(left));
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
    use std::{
        io::{BufRead, BufReader},
        os::unix::process::CommandExt,
        process::{Command, Stdio},
    };

    use super::*;

    #[test]
    fn what_has_left_the_group_of_a_command_counts() {
        // The shell has a child in another session, which is there once it has written something.
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec 3<&0; setsid sh -c 'echo begun; exec cat <&3' & cat"]).process_group(0);
        let mut shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(shell.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let command = Pid::from_child(&shell);
        let group = command.as_raw_nonzero().get();
        let in_group = processes().iter().filter(|found| found.group == group).map(|found| found.pages).sum::<u64>();
        // Other tests may have children, too.
        assert!(CommandUsage::of(command).memory > in_group * page_size() as u64);
        drop(shell.stdin.take());
        shell.wait().unwrap();
    }

    #[test]
    fn this_process_uses_memory_and_time() {
        // The system counts by ticks.
        while CommandUsage::of_this_process().cpu_seconds == 0.0 {}
        assert!(CommandUsage::of_this_process().memory > 1 << 20);
    }
}
