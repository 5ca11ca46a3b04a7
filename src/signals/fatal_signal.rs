//! Dying of a signal: of the very one that arrived, so that a shell sees what happened.

use std::{process, sync::mpsc::channel, thread, time::Duration};

use signal_hook::low_level::emulate_default_handler;

use super::undo::put_right;

/// How long the process waits for its last message to be read.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A signal that the process has yet to die of.
pub(crate) struct FatalSignal(pub(super) i32);

impl FatalSignal {
    /// Cleans up, and dies.
    pub fn die(self) {
        let _held = put_right();
        self.kill();
    }

    /// Cleans up, prints `last_words`, and dies, whether or not they are read in time.
    pub fn die_after(self, last_words: impl FnOnce() + Send + 'static) {
        let _held = put_right();
        let (speaking, spoken) = channel::<()>();
        let speaker = thread::Builder::new().spawn(move || {
            last_words();
            drop(speaking);
        });
        if speaker.is_ok() {
            // Returns early once the other end is dropped.
            let _ = spoken.recv_timeout(LAST_WORDS);
        }
        self.kill();
    }

    fn kill(self) -> ! {
        let _ = emulate_default_handler(self.0);
        // Not reached if the signal's default ends the process.
        process::exit(128 + self.0);
    }
}
