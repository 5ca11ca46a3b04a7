//! One lower-case fact, and what it is about.

use std::{fmt, path::Path};

use super::{damaged_part::DamagedPart, display_name::display_name};
use crate::files::label::Label;

/// A fact, about a subject if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Message {
    pub subject: Option<Subject>,
    pub fact: String,
    /// Where in a stream the damage is, if it is about damage; boxed, to keep failures small.
    pub part: Option<Box<DamagedPart>>,
}

/// What a message is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Subject {
    /// A file or a standard stream.
    Label(Label),
    /// An option, a prompt or the like, as it is shown.
    Named(String),
}

impl Message {
    /// `fact`, about `subject`.
    pub fn about(subject: impl Into<Subject>, fact: impl Into<String>) -> Self {
        Self { subject: Some(subject.into()), fact: fact.into(), part: None }
    }

    /// Says that it is about this part of the stream.
    #[must_use]
    pub fn in_part(self, part: DamagedPart) -> Self {
        Self { part: Some(Box::new(part)), ..self }
    }

    /// The message in a context that is about `subject`: the fact alone, unless the message is about another subject.
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
        match self {
            Self::Label(label) => formatter.write_str(&display_name(label)),
            Self::Named(shown) => formatter.write_str(shown),
        }
    }
}

impl From<&str> for Subject {
    fn from(shown: &str) -> Self {
        Self::Named(shown.to_owned())
    }
}

impl From<String> for Subject {
    fn from(shown: String) -> Self {
        Self::Named(shown)
    }
}

impl From<&Label> for Subject {
    fn from(label: &Label) -> Self {
        Self::Label(label.clone())
    }
}

impl From<&Path> for Subject {
    fn from(path: &Path) -> Self {
        Self::Label(path.into())
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
        let general = Message { subject: None, fact: "no passphrase".to_owned(), part: None };
        assert_eq!(general.to_string(), "no passphrase");
        assert_eq!(general.among_those_about("film"), "no passphrase");
    }
}
