//! Asking for a new passphrase on the terminal: typed twice, or generated and shown.

use crate::cli::{
    messages::{
        failure::{Exit, Failure},
        secret_failure,
    },
    secrets::prompt::{PROMPT, Prompt},
};
use crate::keys::{Passphrase, generated_passphrase::generate, passphrase_strength::weakness};

/// The number of attempts at typing the same passphrase twice.
const ATTEMPTS: usize = 3;

/// Asks for a new passphrase, and warns of a weak one. An empty answer generates one. If the two answers differ, both
/// questions are asked again.
pub(super) fn ask(prompt: &Prompt, question: &str) -> Result<Passphrase, Failure> {
    for attempt in 1..=ATTEMPTS {
        if let Some(passphrase) = ask_twice(prompt, question)? {
            return Ok(passphrase);
        }
        if attempt < ATTEMPTS {
            prompt.show(&["reelseal: the two passphrases are not the same; try again\n"])?;
        }
    }
    Err(Failure::usage("the two passphrases are not the same").about(PROMPT).with_hint("try again"))
}

/// The passphrase that both answers agree on; `None` if they differ.
fn ask_twice(prompt: &Prompt, question: &str) -> Result<Option<Passphrase>, Failure> {
    let first = prompt.ask(&format!("{question} (press Enter to generate one)"))?;
    if first.is_empty() {
        return make_up(prompt).map(Some);
    }
    let passphrase = typed(&first)?;
    let weakness = weakness(&first);
    let again = match &weakness {
        Some(weakness) => {
            prompt.show(&[
                "reelseal: warning: this passphrase is easy to guess: ",
                weakness,
                "\nreelseal: hint: press Enter to have a strong one generated\n",
            ])?;
            prompt.ask(&format!("{question}, again (press Enter to generate one)"))?
        }
        None => prompt.ask(&format!("{question}, again"))?,
    };
    if weakness.is_some() && again.is_empty() {
        return make_up(prompt).map(Some);
    }
    // An invalid passphrase counts as mistyped, too.
    Ok(Passphrase::new(&again).is_ok_and(|again| again == passphrase).then_some(passphrase))
}

/// Generates a passphrase and shows it. It need not be typed again: whoever writes it down has read it.
fn make_up(prompt: &Prompt) -> Result<Passphrase, Failure> {
    let words = generate().map_err(|error| Failure::new(Exit::InputOutput, error.to_string()))?;
    prompt.show(&[
        "A random passphrase:\n\n    ",
        &words,
        "\n\nWrite it down now: it is not shown again, and without it what it encrypts is lost.\n",
    ])?;
    typed(&words)
}

fn typed(answer: &str) -> Result<Passphrase, Failure> {
    Passphrase::new(answer).map_err(|error| secret_failure::passphrase(PROMPT, error))
}
