//! The recipients that a user gave, read before anything else is done.

use std::{
    fs::{File, Metadata},
    io::Read,
    path::Path,
};

use crate::{
    cli::{
        messages::{
            failure::Failure,
            message::{Message, Subject},
            report, secret_failure,
        },
        plan::RecipientRequest,
        secrets::terminal_callbacks::TerminalCallbacks,
    },
    keys::{Recipient, recipients_in},
};

/// As much as thousands of recipients take.
const MAX_FILE_LENGTH: u64 = 1 << 20;

/// Recipients, and the files that they were read from.
pub(super) struct GivenRecipients {
    pub list: Vec<Recipient>,
    pub files: Vec<Metadata>,
}

impl GivenRecipients {
    /// Reads what is asked for. Warns of an RSA key.
    pub fn read(requests: &[RecipientRequest]) -> Result<Self, Failure> {
        let mut given = Self { list: Vec::new(), files: Vec::new() };
        for request in requests {
            match request {
                RecipientRequest::Text(text) => {
                    let recipient = Recipient::parse(text, TerminalCallbacks);
                    given.list.push(recipient.map_err(|error| secret_failure::recipient(text, &error))?);
                }
                RecipientRequest::File(path) => given.read_file(path)?,
            }
        }
        if given.list.iter().any(Recipient::is_rsa) {
            let fact = "decryption with an RSA key may leak it to who can time it (RUSTSEC-2023-0071); ssh-ed25519 and \
                        age keys have no such weakness";
            report::warning(&Message::about("ssh-rsa", fact));
        }
        Ok(given)
    }

    fn read_file(&mut self, path: &Path) -> Result<(), Failure> {
        let failed = |error| Failure::system(path, "cannot read the recipients", &error);
        let file = File::open(path).map_err(failed)?;
        self.files.push(file.metadata().map_err(failed)?);
        let mut text = Vec::new();
        file.take(MAX_FILE_LENGTH + 1).read_to_end(&mut text).map_err(failed)?;
        if text.len() as u64 > MAX_FILE_LENGTH {
            return Err(Failure::usage("is longer than a file of recipients can be")
                .about(path)
                .with_hint("a file for --recipients-file has a recipient on each line"));
        }
        let recipients = recipients_in(&text, &TerminalCallbacks);
        self.list.extend(recipients.map_err(|error| secret_failure::listed_recipient(Subject::from(path), &error))?);
        Ok(())
    }
}
