//! What identities and plugins ask for and say, on the terminal.

use age::{Callbacks, secrecy::SecretString};
use zeroize::Zeroizing;

use crate::cli::{
    messages::{display_name::display_path, report},
    secrets::prompt::Prompt,
};

/// Asks on the terminal, if there is one.
#[derive(Clone, Copy)]
pub(in crate::cli) struct TerminalCallbacks;

impl Callbacks for TerminalCallbacks {
    fn display_message(&self, message: &str) {
        report::note(&shown(message));
    }

    fn confirm(&self, message: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        let prompt = Prompt::open().ok()?;
        let others = no.map(|no| format!(", anything else for \"{}\"", shown(no))).unwrap_or_default();
        let question = format!("{} (y for \"{}\"{others})", shown(message), shown(yes));
        Some(prompt.ask(&question).ok()?.trim().eq_ignore_ascii_case("y"))
    }

    fn request_public_string(&self, description: &str) -> Option<String> {
        ask(description).map(|answer| answer.to_string())
    }

    fn request_passphrase(&self, description: &str) -> Option<SecretString> {
        ask(description).map(|answer| SecretString::from(answer.to_string()))
    }
}

fn ask(description: &str) -> Option<Zeroizing<String>> {
    Prompt::open().ok()?.ask(&shown(description)).ok()
}

/// What a plugin says, with nothing that a terminal would act on.
fn shown(text: &str) -> String {
    display_path(text.trim_end().as_ref())
}
