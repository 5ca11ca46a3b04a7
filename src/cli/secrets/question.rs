//! What the prompt asks for: which files, so that two commands in one pipe can be distinguished, and whether the
//! passphrase is a new one.

use std::path::Path;

use crate::{
    cli::messages::display_name::display_name,
    files::{input::is_standard, label::Label},
};

/// A question for the secret of a run, without the final colon.
pub(in crate::cli) struct Question {
    text: String,
    asks_for_new: bool,
}

impl Question {
    /// Asks for the passphrase that opens the files at `paths`; `None` and `-` mean standard input, here and below.
    pub fn to_open<'a>(paths: impl IntoIterator<Item = Option<&'a Path>>) -> Self {
        Self { text: format!("Passphrase for {}", named(paths)), asks_for_new: false }
    }

    /// Asks for a passphrase to encrypt the files at `paths` with.
    pub fn to_encrypt<'a>(paths: impl IntoIterator<Item = Option<&'a Path>>) -> Self {
        Self { text: format!("Passphrase to encrypt {}", named(paths)), asks_for_new: true }
    }

    /// Asks for a passphrase to encrypt with what the command `label` writes.
    pub fn to_encrypt_output_of(label: &Label) -> Self {
        Self { text: format!("Passphrase to encrypt what {} writes", display_name(label)), asks_for_new: true }
    }

    /// Asks for another passphrase for the files at `paths`.
    pub fn to_replace<'a>(paths: impl IntoIterator<Item = Option<&'a Path>>) -> Self {
        Self { text: format!("New passphrase for {}", named(paths)), asks_for_new: true }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a new passphrase is asked for: it is typed twice, or generated.
    pub fn asks_for_new(&self) -> bool {
        self.asks_for_new
    }
}

/// Names a single file, or gives the number of several.
fn named<'a>(paths: impl IntoIterator<Item = Option<&'a Path>>) -> String {
    let mut paths = paths.into_iter();
    let (first, others) = (paths.next().flatten(), paths.count());
    if others > 0 {
        return format!("{} files", others + 1);
    }
    display_name(&first.filter(|path| !is_standard(Some(path))).map_or(Label::StandardInput, Label::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_is_named_and_several_are_counted() {
        let (film, clip) = (Some(Path::new("film")), Some(Path::new("clip\u{1b}[2J")));
        assert_eq!(Question::to_open([film]).text(), "Passphrase for film");
        assert_eq!(Question::to_open([film, clip]).text(), "Passphrase for 2 files");
        assert_eq!(Question::to_open([Some(Path::new("-"))]).text(), "Passphrase for standard input");
        assert_eq!(Question::to_encrypt([None]).text(), "Passphrase to encrypt standard input");
        assert_eq!(Question::to_replace([clip]).text(), "New passphrase for clip\\u{1b}[2J");
    }

    #[test]
    fn a_passphrase_that_opens_is_not_a_new_one() {
        assert!(!Question::to_open([None]).asks_for_new());
        assert!(Question::to_encrypt([None]).asks_for_new() && Question::to_replace([None]).asks_for_new());
    }
}
