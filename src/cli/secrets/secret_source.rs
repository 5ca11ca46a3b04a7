//! The secret: a key file, or a passphrase from a flag, the environment or the prompt.

use std::{
    env,
    ffi::OsString,
    fs::{File, Metadata},
    io::{self, Read},
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::ffi::OsStringExt,
    },
    path::{Path, PathBuf},
};

use rustix::io::Errno;
use zeroize::Zeroizing;

use crate::cli::{
    messages::{
        failure::{Exit, Failure},
        message::{Message, Subject},
        report, secret_failure,
    },
    plan::{NEW_PASSPHRASE_VARIABLE, PASSPHRASE_VARIABLE, SecretRequest},
    secrets::{
        exposed_secret::warn_if_exposed,
        new_passphrase,
        prompt::{self, Prompt},
        question::Question,
    },
};
use crate::files::label::Label;
use crate::keys::{KeyFile, Passphrase, PassphraseError, Secret, SlotKind, UnlockError};
use crate::signals::Startup;
use crate::system;
#[cfg(feature = "age")]
use crate::{
    cli::{messages::display_name::display_path, secrets::terminal_callbacks::TerminalCallbacks},
    keys::{Identities, IdentityFileError},
};

/// Where the secret comes from, and its kind; nothing has been read yet.
pub(in crate::cli) struct SecretSource {
    kind: SlotKind,
    place: Place,
}

enum Place {
    File(PathBuf),
    #[cfg(feature = "age")]
    Identities(Vec<PathBuf>, TerminalCallbacks),
    Descriptor(OwnedFd, i32),
    Environment(&'static str, Zeroizing<Vec<u8>>),
    Terminal,
}

impl SecretSource {
    /// Chooses the source: a flag, else the environment, else the terminal.
    pub fn choose(request: &SecretRequest, input_is_stdin: bool, startup: &Startup) -> Result<Self, Failure> {
        Self::given(request, input_is_stdin, startup)?.map_or_else(Self::terminal, Ok)
    }

    /// The terminal, if there is one to ask on.
    pub fn terminal() -> Result<Self, Failure> {
        if prompt::is_possible() { Ok(Self::passphrase(Place::Terminal)) } else { Err(no_source()) }
    }

    /// The source that a flag, else the environment, gives.
    pub fn given(request: &SecretRequest, input_is_stdin: bool, startup: &Startup) -> Result<Option<Self>, Failure> {
        if input_is_stdin && request.descriptor() == Some(0) {
            return Err(Self::is_input());
        }
        Self::requested(request, PASSPHRASE_VARIABLE, startup)
    }

    /// The failure that standard input would have to be both the input and the secret.
    pub fn is_input() -> Failure {
        Failure::usage("cannot be both the input and the secret")
            .about(&Label::StandardInput)
            .with_hint("name the input as a file, or use another descriptor: --passphrase-fd 3 3<FILE")
    }

    /// Chooses the source of a new secret: a flag, else the environment, else the terminal.
    pub fn choose_new(request: &SecretRequest, startup: &Startup) -> Result<Self, Failure> {
        let or_terminal = || prompt::is_possible().then(|| Self::passphrase(Place::Terminal));
        Self::requested(request, NEW_PASSPHRASE_VARIABLE, startup)?.or_else(or_terminal).ok_or_else(no_new_source)
    }

    fn requested(request: &SecretRequest, variable: &'static str, startup: &Startup) -> Result<Option<Self>, Failure> {
        match request {
            SecretRequest::KeyFile(path) => Ok(Some(Self::key_file(path))),
            SecretRequest::PassphraseFile(path) => Ok(Some(Self::passphrase(Place::File(path.clone())))),
            SecretRequest::PassphraseDescriptor(number) => Self::descriptor(*number, startup).map(Some),
            SecretRequest::Asked => Self::terminal().map(Some),
            #[cfg(feature = "age")]
            SecretRequest::Identities(paths) => Ok(Some(Self {
                kind: SlotKind::Recipient,
                place: Place::Identities(paths.clone(), TerminalCallbacks::default()),
            })),
            SecretRequest::Unnamed => Ok(Self::environment(variable)),
        }
    }

    /// Copies an inherited descriptor: at startup, none of our own descriptors can be mistaken for it.
    fn descriptor(number: i32, _: &Startup) -> Result<Self, Failure> {
        let copied = system::copy_descriptor(number).map_err(|error| descriptor_failure(number, &error))?;
        Ok(Self::passphrase(Place::Descriptor(copied, number)))
    }

    fn passphrase(place: Place) -> Self {
        Self { kind: SlotKind::Passphrase, place }
    }

    fn key_file(path: &Path) -> Self {
        Self { kind: SlotKind::KeyFile, place: Place::File(path.to_owned()) }
    }

    /// Whether this number belongs to the copy of an inherited descriptor, and so was not inherited itself.
    pub fn is_copied_to(&self, number: i32) -> bool {
        matches!(&self.place, Place::Descriptor(copied, _) if copied.as_raw_fd() == number)
    }

    /// The failure that no descriptor of this number was inherited.
    pub fn not_open(number: i32) -> Failure {
        descriptor_failure(number, &Errno::BADF.into())
    }

    fn environment(variable: &'static str) -> Option<Self> {
        let value = Zeroizing::new(OsString::into_vec(env::var_os(variable)?));
        Some(Self::passphrase(Place::Environment(variable, value)))
    }

    /// Whether the user is prompted for it.
    pub fn is_terminal(&self) -> bool {
        matches!(self.place, Place::Terminal)
    }

    /// Whether it comes from the environment.
    pub fn is_environment(&self) -> bool {
        matches!(self.place, Place::Environment(..))
    }

    /// The kind of slot that it opens.
    pub fn kind(&self) -> SlotKind {
        self.kind
    }

    /// The files that hold the secret, so that no output overwrites them.
    pub fn metadata(&self) -> Vec<Metadata> {
        let file = match &self.place {
            Place::File(path) => path.metadata().ok(),
            #[cfg(feature = "age")]
            Place::Identities(paths, _) => return paths.iter().filter_map(|path| path.metadata().ok()).collect(),
            Place::Descriptor(copied, _) => copied.try_clone().and_then(|copied| File::from(copied).metadata()).ok(),
            Place::Environment(..) | Place::Terminal => None,
        };
        file.into_iter().collect()
    }

    /// Reads the secret, or asks `question` on the terminal.
    pub fn read(&self, question: &Question) -> Result<Secret, Failure> {
        match &self.place {
            Place::File(path) => self.read_file(path.as_path().into(), File::open(path)),
            Place::Descriptor(copied, number) => {
                self.read_file(descriptor_name(*number).into(), copied.try_clone().map(File::from))
            }
            #[cfg(feature = "age")]
            Place::Identities(paths, callbacks) => read_identities(paths, callbacks),
            Place::Environment(variable, value) => passphrase(*variable, Passphrase::from_variable(value)),
            Place::Terminal => ask(question),
        }
    }

    fn read_file(&self, source: Subject, opened: io::Result<File>) -> Result<Secret, Failure> {
        if self.kind == SlotKind::KeyFile { read_key_file(source, opened) } else { read_passphrase(source, opened) }
    }

    /// The reason for `error`, if what an identity needs could not be asked for on the terminal.
    pub fn prompt_failure(&self, error: &UnlockError) -> Option<Failure> {
        match (&self.place, error) {
            #[cfg(feature = "age")]
            (Place::Identities(_, callbacks), UnlockError::Identity(_)) => callbacks.take_failure(),
            _ => None,
        }
    }
}

fn no_source() -> Failure {
    Failure::usage("no passphrase, and no terminal to ask for one").with_hint(format!(
        "give one with --passphrase-file FILE, with --passphrase-fd N, or in the environment variable {PASSPHRASE_VARIABLE}{}",
        if cfg!(feature = "age") {
            ", or use public keys: -r RECIPIENT or -R FILE to encrypt, -i FILE to open"
        } else {
            ""
        }
    ))
}

fn no_new_source() -> Failure {
    Failure::usage("no new passphrase, and no terminal to ask for one").with_hint(format!(
        "give one with --new-passphrase-file FILE, with --new-passphrase-fd N, or in the environment variable {NEW_PASSPHRASE_VARIABLE}, or a key file with --new-key-file FILE{}",
        if cfg!(feature = "age") { ", or recipients with -r RECIPIENT or -R FILE" } else { "" }
    ))
}

fn ask(question: &Question) -> Result<Secret, Failure> {
    let prompt = Prompt::open()?;
    if question.asks_for_new() {
        new_passphrase::ask(&prompt, question.text()).map(Secret::from)
    } else {
        passphrase(prompt::PROMPT, Passphrase::new(&prompt.ask(question.text())?))
    }
}

fn passphrase(source: impl Into<Subject>, result: Result<Passphrase, PassphraseError>) -> Result<Secret, Failure> {
    result.map(Secret::from).map_err(|error| secret_failure::passphrase(source, error))
}

fn read_passphrase(source: Subject, opened: io::Result<File>) -> Result<Secret, Failure> {
    let bytes = read_at_most(&source, opened, Passphrase::MAX_SOURCE_LENGTH)
        .map_err(|error| Failure::system(source.clone(), "cannot read the passphrase", &error))?;
    let found = Passphrase::from_source(&bytes);
    if found.as_ref().is_ok_and(|found| found.has_more_lines) {
        report::warning(&Message::about(source.clone(), "more than one line; the passphrase is the first"));
    }
    passphrase(source, found.map(|found| found.passphrase))
}

fn read_key_file(source: Subject, opened: io::Result<File>) -> Result<Secret, Failure> {
    let text = read_at_most(&source, opened, KeyFile::MAX_LENGTH)
        .map_err(|error| Failure::system(source.clone(), "cannot read the key file", &error))?;
    KeyFile::parse(&text).map(Secret::from).map_err(|error| {
        Failure::new(Exit::Usage, error.to_string())
            .about(source)
            .with_hint("make a key file with: reelseal keygen -o FILE")
    })
}

#[cfg(feature = "age")]
fn read_identities(paths: &[PathBuf], callbacks: &TerminalCallbacks) -> Result<Secret, Failure> {
    let mut identities = Identities::default();
    for path in paths {
        let source = Subject::from(path.as_path());
        let text = read_at_most(&source, File::open(path), Identities::MAX_FILE_LENGTH)
            .map_err(|error| Failure::system(source.clone(), "cannot read the identity", &error))?;
        if text.len() > Identities::MAX_FILE_LENGTH {
            return Err(secret_failure::identity_file(source, &IdentityFileError::Form));
        }
        let added = identities.add_file(&display_path(path), &text, callbacks);
        added.map_err(|error| secret_failure::identity_file(source, &error))?;
    }
    if identities.has_rsa() {
        secret_failure::warn_of_rsa();
    }
    Ok(identities.into())
}

/// Reads up to `most` bytes and one more, which shows that there are too many, into a single buffer that is wiped.
/// Warns if others can read them as well.
fn read_at_most(source: &Subject, opened: io::Result<File>, most: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut file = opened?;
    warn_if_exposed(source.clone(), &file);
    let mut bytes = Zeroizing::new(vec![0; most + 1]);
    let mut filled = 0;
    while let Some(room) = bytes.get_mut(filled..).filter(|room| !room.is_empty()) {
        match file.read(room) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

fn descriptor_failure(number: i32, error: &io::Error) -> Failure {
    Failure::system(descriptor_name(number), "cannot read the passphrase", error)
}

fn descriptor_name(number: i32) -> String {
    format!("descriptor {number}")
}
