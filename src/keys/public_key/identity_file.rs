//! What a file of identities may be: a list, a private ssh key, or a list that is encrypted with a passphrase.

use age::{Callbacks, plugin, ssh, x25519};

use super::{IdentityFileError, identity::Identity, identity_error::MAX_IDENTITIES};

const ARMOUR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";
const AGE: &[u8] = b"age-encryption.org/";
const PEM: &[u8] = b"-----BEGIN ";
const PUBLIC: [&str; 2] = ["age1", "ssh-"];
const POST_QUANTUM: &str = "AGE-SECRET-KEY-PQ-1";

/// The identities in the file `text`, which is called `name`.
///
/// # Errors
///
/// [`IdentityFileError`].
pub(super) fn parse(name: &str, text: &[u8], callbacks: &impl Callbacks) -> Result<Vec<Identity>, IdentityFileError> {
    let start = text.trim_ascii_start();
    if start.starts_with(AGE) || start.starts_with(ARMOUR) {
        let (file_name, inner) = (name.to_owned(), callbacks.clone());
        let parse = Box::new(move |text: &[u8]| list(&file_name, text, &inner));
        return Ok(vec![Identity::locked_file(name, text, callbacks.clone(), parse)]);
    }
    if start.starts_with(PEM) {
        let key = ssh::Identity::from_buffer(start, Some(name.to_owned())).map_err(|_| IdentityFileError::SshForm)?;
        return Ok(vec![Identity::ssh(name, key, callbacks.clone())?]);
    }
    list(name, text, callbacks)
}

/// The identities in a list: one per line, with comments.
///
/// # Errors
///
/// [`IdentityFileError`].
fn list(name: &str, text: &[u8], callbacks: &impl Callbacks) -> Result<Vec<Identity>, IdentityFileError> {
    let text = std::str::from_utf8(text).map_err(|_| IdentityFileError::Form)?;
    let mut identities = Vec::new();
    let lines = text.lines().map(str::trim).enumerate();
    for (at, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        if identities.len() == MAX_IDENTITIES {
            return Err(IdentityFileError::TooMany);
        }
        if let Ok(identity) = line.parse::<x25519::Identity>() {
            identities.push(Identity::ready(name, identity));
        } else if let Ok(identity) = line.parse::<plugin::Identity>() {
            identities.push(Identity::plugin(name, identity, callbacks.clone()));
        } else if PUBLIC.iter().any(|start| line.starts_with(start)) {
            return Err(IdentityFileError::PublicKey);
        } else if line.starts_with(POST_QUANTUM) {
            return Err(IdentityFileError::PostQuantum(at + 1));
        } else if identities.is_empty() && !line.starts_with("AGE-") {
            return Err(IdentityFileError::Form);
        } else {
            return Err(IdentityFileError::Line(at + 1));
        }
    }
    if identities.is_empty() { Err(IdentityFileError::Empty) } else { Ok(identities) }
}
