//! Questions and messages of identities and plugins, on the terminal.

use std::sync::{Arc, Mutex, PoisonError};

use age::{Callbacks, secrecy::SecretString};

use crate::cli::{
    messages::{display_name::display_path, failure::Failure, report},
    secrets::prompt::{self, Prompt},
};

/// Asks on the terminal, if there is one. Copies share the reason why asking failed.
#[derive(Clone, Default)]
pub(in crate::cli) struct TerminalCallbacks {
    failure: Arc<Mutex<Option<Failure>>>,
}

impl TerminalCallbacks {
    /// The reason why something could not be asked for, if there was one; returned once.
    pub fn take_failure(&self) -> Option<Failure> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The answer to the question that `ask` asks; `None` without a terminal. Plugins that run at the same time take
    /// turns.
    fn asked<T>(&self, ask: impl FnOnce() -> Result<T, Failure>) -> Option<T> {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if !prompt::is_possible() {
            return None;
        }
        match ask() {
            Ok(answer) => Some(answer),
            Err(error) => {
                failure.get_or_insert(error);
                None
            }
        }
    }
}

impl Callbacks for TerminalCallbacks {
    fn display_message(&self, message: &str) {
        report::note(&shown(message));
    }

    fn confirm(&self, message: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        let others = no.map(|no| format!(", anything else for \"{}\"", shown(no))).unwrap_or_default();
        let question = format!("{} (y for \"{}\"{others})", shown(message), shown(yes));
        let answer = self.asked(|| prompt::ask_with_echo(&question))?;
        Some(answer.trim().eq_ignore_ascii_case("y"))
    }

    fn request_public_string(&self, description: &str) -> Option<String> {
        self.asked(|| prompt::ask_with_echo(&shown(description)))
    }

    fn request_passphrase(&self, description: &str) -> Option<SecretString> {
        let answer = self.asked(|| Prompt::open()?.ask(&shown(description)))?;
        Some(SecretString::from(answer.to_string()))
    }
}

/// A plugin's message, without anything that a terminal would act on.
fn shown(text: &str) -> String {
    display_path(text.trim_end().as_ref())
}
