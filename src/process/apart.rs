//! A program that is started and then left alone: nobody ends it, and it may go on when this process ends.

use std::{
    fs::File,
    io,
    process::{Child, Stdio},
    thread,
};

use super::{channel::Channel, command::CommandLine, failure::CommandFailure, launcher};
use crate::signals::Watching;

impl CommandLine {
    /// Starts it in a process group of its own, with an empty input. Calls `failed`, from another thread, if the
    /// program does not run, or fails.
    ///
    /// # Errors
    ///
    /// [`CommandFailure`] if it cannot be started.
    pub fn start_apart(
        &self,
        watching: &Watching,
        failed: impl FnOnce() + Send + 'static,
    ) -> Result<(), CommandFailure> {
        self.check()?;
        let (channel, mut program) = self.launch_apart(watching).map_err(CommandFailure::not_started)?;
        let wait = move || {
            let is_refused = launcher::refusal(&channel).is_some();
            if is_refused || !program.wait().is_ok_and(|status| status.success()) {
                failed();
            }
        };
        thread::Builder::new().spawn(wait).map(drop).map_err(CommandFailure::not_started)
    }

    fn launch_apart(&self, watching: &Watching) -> io::Result<(Channel, Child)> {
        let words = [std::slice::from_ref(&self.program), &self.arguments].concat();
        let launched = launcher::spawn(&words, Stdio::null(), watching.inherited_mask(), self.hidden_variables)?;
        launcher::start_apart(&launched.0, File::open("/dev/null")?)?;
        Ok(launched)
    }
}
