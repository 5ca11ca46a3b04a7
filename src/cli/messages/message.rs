//! One lower-case fact, and what it is about.

use std::{fmt, path::Path};

use super::display_name::{display_name, display_path};
use crate::files::label::Label;

/// A fact, about a subject where it has one.
#[derive(Debug)]
pub(in crate::cli) struct Message {
    pub subject: Option<Subject>,
    pub fact: String,
}

/// What a message is about, as it is shown: a file, a standard stream, an option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Subject(String);

impl Message {
    /// `fact`, about `subject`.
    pub fn about(subject: impl Into<Subject>, fact: impl Into<String>) -> Self {
        Self { subject: Some(subject.into()), fact: fact.into() }
    }

    /// The message where it is clear that it is about `subject`: the fact alone, unless it is about another.
    pub fn among_those_about(&self, subject: impl Into<Subject>) -> String {
        if self.subject == Some(subject.into()) { self.fact.clone() } else { self.to_string() }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.subject {
            Some(subject) => write!(formatter, "{subject}: {}", self.fact),
            None => formatter.write_str(&self.fact),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<&str> for Subject {
    fn from(shown: &str) -> Self {
        Self(shown.to_owned())
    }
}

impl From<String> for Subject {
    fn from(shown: String) -> Self {
        Self(shown)
    }
}

impl From<&Label> for Subject {
    fn from(label: &Label) -> Self {
        Self(display_name(label))
    }
}

impl From<&Path> for Subject {
    fn from(path: &Path) -> Self {
        Self(display_path(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_is_left_out_only_among_messages_about_it() {
        let message = Message::about("film", "is a folder");
        assert_eq!(message.to_string(), "film: is a folder");
        assert_eq!(message.among_those_about("film"), "is a folder");
        assert_eq!(message.among_those_about("fil"), "film: is a folder");
        let general = Message { subject: None, fact: "no passphrase".to_owned() };
        assert_eq!(general.to_string(), "no passphrase");
        assert_eq!(general.among_those_about("film"), "no passphrase");
    }
}
