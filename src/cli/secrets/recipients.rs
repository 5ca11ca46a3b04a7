//! The recipients that a user gave, read before anything else is done.

use std::{
    fs::{File, Metadata},
    io::Read,
    path::Path,
};

use crate::{
    cli::{
        messages::{failure::Failure, message::Subject, secret_failure},
        plan::RecipientRequest,
        secrets::terminal_callbacks::TerminalCallbacks,
    },
    keys::{Recipient, recipients_in},
};

/// Enough for thousands of recipients.
const MAX_FILE_LENGTH: u64 = 1 << 20;

/// Recipients, and the files that they were read from.
pub(super) struct GivenRecipients {
    pub list: Vec<Recipient>,
    pub files: Vec<Metadata>,
    callbacks: TerminalCallbacks,
}

impl GivenRecipients {
    /// Reads what is asked for. Warns of an RSA key.
    pub fn read(requests: &[RecipientRequest]) -> Result<Self, Failure> {
        let mut given = Self { list: Vec::new(), files: Vec::new(), callbacks: TerminalCallbacks::default() };
        for request in requests {
            match request {
                RecipientRequest::Text(text) => {
                    let recipient = Recipient::parse(text, given.callbacks.clone());
                    given.list.push(recipient.map_err(|error| secret_failure::recipient(text, &error))?);
                }
                RecipientRequest::File(path) => given.read_file(path)?,
            }
        }
        if given.list.iter().any(Recipient::is_rsa) {
            secret_failure::warn_of_rsa();
        }
        Ok(given)
    }

    /// The reason why a plugin could not ask for what it needs, if there was one.
    pub fn prompt_failure(&self) -> Option<Failure> {
        self.callbacks.take_failure()
    }

    fn read_file(&mut self, path: &Path) -> Result<(), Failure> {
        let failed = |error| Failure::system(path, "cannot read the recipients", &error);
        let file = File::open(path).map_err(failed)?;
        self.files.push(file.metadata().map_err(failed)?);
        let mut text = Vec::new();
        file.take(MAX_FILE_LENGTH + 1).read_to_end(&mut text).map_err(failed)?;
        if text.len() as u64 > MAX_FILE_LENGTH {
            return Err(Failure::usage("is too long for a file of recipients")
                .about(path)
                .with_hint("a file for --recipients-file has a recipient on each line"));
        }
        let recipients = recipients_in(&text, &self.callbacks);
        self.list.extend(recipients.map_err(|error| secret_failure::listed_recipient(Subject::from(path), &error))?);
        Ok(())
    }
}
