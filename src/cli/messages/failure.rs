//! What went wrong, for people, and the exit code, for scripts.

use std::{
    fmt,
    io::{self, ErrorKind},
    process::ExitCode,
};

use super::{
    damaged_part::DamagedPart,
    message::{Message, Subject},
};

/// A failure: one lower-case fact, what it is about, and what to do about it, if that is known.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Failure {
    exit: Exit,
    message: Message,
    hint: Option<String>,
    concerns_all: bool,
    command_end: Option<CommandEnd>,
}

/// How a command ended, for programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::cli) struct CommandEnd {
    pub exit_code: Option<i32>,
    /// For example `SIGKILL`.
    pub signal: Option<&'static str>,
}

/// The exit codes of the command; when there are several, the highest is the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cli) enum Exit {
    /// Reading or writing failed; a closed pipe counts.
    InputOutput = 1,
    /// A usage error: another command line would work.
    Usage = 2,
    /// Wrong passphrase or key.
    WrongSecret = 3,
    /// Not a reelseal stream, or damaged.
    BadStream = 4,
    /// The command at one end of the stream failed.
    CommandFailed = 5,
}

impl Failure {
    pub fn new(exit: Exit, fact: impl Into<String>) -> Self {
        let message = Message { subject: None, fact: fact.into(), part: None };
        Self { exit, message, hint: None, concerns_all: false, command_end: None }
    }

    pub fn usage(fact: impl Into<String>) -> Self {
        Self::new(Exit::Usage, fact)
    }

    /// The system refused to do something with `subject`.
    pub fn system(subject: impl Into<Subject>, doing: &str, error: &io::Error) -> Self {
        Self::new(Exit::InputOutput, format!("{doing}: {}", describe(error))).about(subject)
    }

    /// The system refused to write to `subject`.
    pub fn write(subject: impl Into<Subject>, error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe => Self::new(Exit::InputOutput, "the reader has closed the pipe").about(subject),
            _ => Self::system(subject, "cannot write", error),
        }
    }

    /// Says that it is about `subject`.
    #[must_use]
    pub fn about(mut self, subject: impl Into<Subject>) -> Self {
        self.message.subject = Some(subject.into());
        self
    }

    /// Says that it is in this part of the stream.
    #[must_use]
    pub fn in_part(mut self, part: DamagedPart) -> Self {
        self.message = self.message.in_part(part);
        self
    }

    /// The same, in other words.
    #[must_use]
    pub fn saying(mut self, fact: impl Into<String>) -> Self {
        self.message.fact = fact.into();
        self
    }

    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says that it would happen to every other file of the batch, too.
    #[must_use]
    pub fn for_all(mut self) -> Self {
        self.concerns_all = true;
        self
    }

    /// Says that it is about a command that ended in this way.
    #[must_use]
    pub fn with_command_end(mut self, end: CommandEnd) -> Self {
        self.command_end = Some(end);
        self
    }

    /// How the command ended, if that is the failure.
    pub fn command_end(&self) -> Option<CommandEnd> {
        self.command_end
    }

    /// Whether going on with other files is pointless.
    pub fn concerns_all(&self) -> bool {
        self.concerns_all
    }

    pub fn message(&self) -> &Message {
        &self.message
    }

    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    pub fn exit(&self) -> Exit {
        self.exit
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message.fmt(formatter)
    }
}

/// The system's own words, lower case and without the number that Rust adds.
pub(in crate::cli) fn describe(error: &io::Error) -> String {
    let error = system_error(error);
    let mut text = error.to_string();
    if error.raw_os_error().is_some() {
        text.truncate(text.rfind(" (os error").unwrap_or(text.len()));
        let first = text.chars().next().map(|first| first.to_ascii_lowercase().to_string()).unwrap_or_default();
        text.replace_range(..first.len(), &first);
    }
    text
}

/// The system's error inside one that a library has wrapped around it.
fn system_error(error: &io::Error) -> &io::Error {
    let mut source = error.get_ref().and_then(|inner| inner.source());
    while let Some(inner) = source {
        match inner.downcast_ref::<io::Error>() {
            Some(inner) => return system_error(inner),
            None => source = inner.source(),
        }
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_words_are_lower_case_and_without_a_number() {
        assert_eq!(describe(&io::Error::from_raw_os_error(2)), "no such file or directory");
        assert_eq!(describe(&io::Error::other("its own words (yes)")), "its own words (yes)");
    }
}
