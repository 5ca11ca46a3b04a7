//! A file of recipients: one per line, with comments, as for age.

use age::Callbacks;
use thiserror::Error;

use super::{Recipient, RecipientError};

/// Why a line of a file of recipients is refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListedRecipientError {
    /// It is not text.
    #[error("not UTF-8 text")]
    NotText,
    /// There is no recipient in it.
    #[error("holds no recipient")]
    Empty,
    /// A line is not a recipient.
    #[error("line {line}: {error}")]
    Line {
        /// The line's number, from 1.
        line: usize,
        /// What is wrong with it.
        error: RecipientError,
    },
}

/// The recipients in the file `text`. Empty lines, and those that begin with `#`, are left out.
///
/// # Errors
///
/// [`ListedRecipientError`].
pub fn recipients_in(text: &[u8], callbacks: &impl Callbacks) -> Result<Vec<Recipient>, ListedRecipientError> {
    let text = std::str::from_utf8(text).map_err(|_| ListedRecipientError::NotText)?;
    let lines = text.lines().map(str::trim).enumerate();
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let parsed = lines.map(|(at, line)| {
        let refused = |error| ListedRecipientError::Line { line: at + 1, error };
        Recipient::parse(line, callbacks.clone()).map_err(refused)
    });
    let recipients: Vec<_> = parsed.collect::<Result<_, _>>()?;
    if recipients.is_empty() { Err(ListedRecipientError::Empty) } else { Ok(recipients) }
}

#[cfg(test)]
mod tests {
    use age::{NoCallbacks, x25519::Identity};

    use super::*;

    #[test]
    fn recipients_are_one_per_line_and_a_line_that_is_not_a_recipient_is_named() {
        let key = || Identity::generate().to_public().to_string();
        let list = format!("# team\r\n{}\r\n\n  {}\n#{}\n", key(), key(), key());
        assert_eq!(recipients_in(list.as_bytes(), &NoCallbacks).unwrap().len(), 2);
        let refused = |text: &[u8]| recipients_in(text, &NoCallbacks).unwrap_err();
        assert_eq!(refused(b"\n# nobody\n"), ListedRecipientError::Empty);
        assert_eq!(refused(b"\xff"), ListedRecipientError::NotText);
        let broken = format!("\n{}\nage1\n", key());
        let error = ListedRecipientError::Line { line: 3, error: RecipientError::Form };
        assert_eq!(refused(broken.as_bytes()), error);
    }
}
