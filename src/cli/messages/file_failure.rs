//! How the errors of inputs and outputs are reported: what to do about them.

use super::{
    display_name::display_name,
    failure::{Exit, Failure},
    message::Message,
    report,
};
use crate::files::{
    carried_over::Carried,
    input::{InputError, InputErrorKind},
    label::Label,
    output_error::{OutputError, OutputErrorKind},
    walk::{FileKind, WalkError},
};

impl From<InputError> for Failure {
    fn from(InputError { label, kind }: InputError) -> Self {
        let fact = kind.to_string();
        let refused = |fact: &str| Self::usage(fact).about(&label);
        match kind {
            InputErrorKind::Open(error) | InputErrorKind::Position(error) => Self::system(&label, &fact, &error),
            InputErrorKind::Folder => refused(&fact).with_hint(
                "encrypt, decrypt and verify take the files in it with --recursive; or pack it: tar c FOLDER | reelseal encrypt -o FOLDER.tar.reel",
            ),
            InputErrorKind::Terminal => refused(&fact).with_hint("name a file, or - to type the input"),
            InputErrorKind::Closed => closed(&label, &fact).with_hint("for an empty input, redirect it: </dev/null"),
            InputErrorKind::Secret => refused(&fact).with_hint("give the secret in a file of its own"),
            InputErrorKind::NotRegular => refused("not a regular file, so --remove cannot delete it")
                .with_hint("name the file itself, or leave --remove out"),
        }
    }
}

impl From<WalkError> for Failure {
    fn from(error: WalkError) -> Self {
        let fact = error.to_string();
        match error {
            WalkError::Open { path, error } => Self::system(path.as_path(), &fact, &error),
            WalkError::NothingFound { folder, kind } => {
                let passed_over = match kind {
                    FileKind::Plaintext => "files that are encrypted already",
                    FileKind::Streams | FileKind::StreamsByContentOrName => "files that are not encrypted",
                };
                Self::usage("contains no file for this command")
                    .about(folder.as_path())
                    .with_hint(format!("{passed_over} are passed over, and links are not followed"))
            }
        }
    }
}

impl From<OutputError> for Failure {
    fn from(OutputError { label, kind }: OutputError) -> Self {
        let fact = kind.to_string();
        let refused = |fact: &str| Self::usage(fact).about(&label);
        match kind {
            OutputErrorKind::Open(error) | OutputErrorKind::Write(error) | OutputErrorKind::FolderNotSynced(error) => {
                Self::system(&label, &fact, &error)
            }
            OutputErrorKind::Closed => {
                closed(&label, &fact).with_hint("to discard the output, redirect it: >/dev/null")
            }
            OutputErrorKind::Folder => refused(&fact).with_hint(
                "name a file with -o FILE; encrypt and decrypt put results into a folder with --output-dir DIR",
            ),
            OutputErrorKind::NotAFileName => refused(&fact).with_hint("name a file with -o FILE"),
            OutputErrorKind::Exists => {
                refused(&fact).with_hint("replace it with --force, or name another output with -o FILE")
            }
            OutputErrorKind::NotAFile => refused(&fact).with_hint("remove it, or name it with -o FILE"),
            OutputErrorKind::Protected => refused(&fact).with_hint("name another output with -o FILE"),
            OutputErrorKind::Taken => refused("another input of this run has the same output").with_hint(
                "encrypt or decrypt each by itself, or put the results into different folders with --output-dir DIR",
            ),
            OutputErrorKind::Replaced => Self::new(Exit::InputOutput, fact)
                .about(&label)
                .with_hint("something else has taken its place since; see what is there, and try again"),
            OutputErrorKind::NotReadable => {
                refused("cannot be read back, as --remove requires").with_hint("write to a file, or leave --remove out")
            }
        }
    }
}

/// The failure that a standard stream is closed.
fn closed(label: &Label, fact: &str) -> Failure {
    Failure::new(Exit::InputOutput, format!("{} {fact}", display_name(label)))
}

/// Warns if the output `label` could not be given its input's mode and time.
pub(in crate::cli) fn warn_unless_carried(label: &Label, carried: Carried) {
    if carried == Carried::NotSupported {
        report::warning(&Message::about(label, "its file system does not keep the input's mode or time"));
    }
}
