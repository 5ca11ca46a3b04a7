//! The program that is run for each finished segment.

use std::{
    ffi::OsString,
    fmt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    process::{CommandFailure, CommandLine, Reach, RunningCommand},
    signals::Watching,
    stream::{Input, Readiness},
};

/// The argument that is replaced by the path of the segment.
const PLACEHOLDER: &str = "{}";

/// The program that is run for each segment, and its arguments.
#[derive(Clone, Debug)]
pub(crate) struct SegmentHook {
    pub line: CommandLine,
    pub stop: HookStop,
}

/// Stops the program from being run any more, from any thread.
#[derive(Clone, Default)]
pub(crate) struct HookStop(Arc<Mutex<Stopping>>);

#[derive(Default)]
struct Stopping {
    is_requested: bool,
    /// Asks the running program to end.
    end: Option<Box<dyn Fn() + Send>>,
    /// Kills the running program.
    kill: Option<Box<dyn Fn() + Send>>,
}

impl HookStop {
    /// Asks the running program to end; it is not run again.
    pub fn request(&self) {
        let mut stopping = self.lock();
        stopping.is_requested = true;
        stopping.end.iter().for_each(|end| end());
    }

    /// Kills the running program.
    pub fn hasten(&self) {
        self.lock().kill.iter().for_each(|kill| kill());
    }

    pub(super) fn is_requested(&self) -> bool {
        self.lock().is_requested
    }

    /// Notes that the program is `running`, or that it has ended, with `None`.
    fn runs(&self, running: Option<&RunningCommand>) {
        let mut stopping = self.lock();
        stopping.end = running.map(|running| Box::new(running.asks_to_end()) as _);
        stopping.kill = running.map(|running| Box::new(running.kills()) as _);
        if stopping.is_requested {
            stopping.end.iter().for_each(|end| end());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Stopping> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for HookStop {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("HookStop").field(&self.is_requested()).finish()
    }
}

impl SegmentHook {
    /// The arguments for the segment at `path`, which replaces each argument that is `{}`, or else comes last.
    fn arguments(&self, path: &Path) -> Vec<OsString> {
        let has_place = self.line.arguments.iter().any(|argument| argument == PLACEHOLDER);
        let replaced = |argument: &OsString| if argument == PLACEHOLDER { path.into() } else { argument.clone() };
        let last = if has_place { None } else { Some(path.into()) };
        self.line.arguments.iter().map(replaced).chain(last).collect()
    }

    /// Runs the program for the segment at `path`, and waits for it to end. It has no input, and its standard output is
    /// discarded.
    ///
    /// # Errors
    ///
    /// [`CommandFailure`].
    pub fn run(&self, path: &Path, watching: &Watching) -> Result<(), CommandFailure> {
        let line = CommandLine { arguments: self.arguments(path), ..self.line.clone() };
        let (running, mut output) = line.produce_unattended(watching, Reach::Group)?;
        self.stop.runs(Some(&running));
        let mut area = [0; 4096];
        // A process that the program leaves running may keep its output open; that is no failure of the program.
        while matches!(output.wait_or_be_woken(None, None), Ok(Readiness::Ready))
            && output.read(&mut area).is_ok_and(|read| read > 0)
        {}
        let ended = running.wait();
        self.stop.runs(None);
        match ended {
            Ok(()) | Err(CommandFailure::LeftOutputOpen) => {
                // The outcome is known already.
                let _ = running.finish();
                Ok(())
            }
            failed => failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_takes_its_place_or_comes_last() {
        let arguments = |arguments: &[&str]| {
            let arguments = arguments.iter().map(Into::into).collect();
            let (program, kill_after) = ("rsync".into(), std::time::Duration::ZERO);
            let line = CommandLine { program, arguments, timeout: None, kill_after, hidden_variables: &[] };
            SegmentHook { line, stop: HookStop::default() }.arguments(Path::new("/cam/a b.reel"))
        };
        assert_eq!(arguments(&[]), ["/cam/a b.reel"]);
        assert_eq!(arguments(&["-a"]), ["-a", "/cam/a b.reel"]);
        assert_eq!(arguments(&["-a", "{}", "host:cam/"]), ["-a", "/cam/a b.reel", "host:cam/"]);
        // Only a whole argument is replaced.
        assert_eq!(arguments(&["x{}"]), ["x{}", "/cam/a b.reel"]);
    }
}
