//! The body of a recipient's slot, sealed and opened.

use std::{
    io::{Read, Write},
    iter,
};

use age::{DecryptError, Decryptor, EncryptError, Encryptor};

use crate::{container::RecipientSlot, keys::Key};

/// A slot that holds `file_key` for `recipient`. Its length differs from slot to slot: the crate adds a stanza of
/// random length for nobody.
///
/// # Errors
///
/// Those of a plugin.
pub(super) fn seal(recipient: &dyn age::Recipient, file_key: &Key) -> Result<RecipientSlot, EncryptError> {
    let mut body = Vec::new();
    let mut writer = Encryptor::with_recipients(iter::once(recipient))?.wrap_output(&mut body)?;
    writer.write_all(file_key.bytes())?;
    writer.finish()?;
    Ok(RecipientSlot { body })
}

/// The file key in `slot`; `None` if it is not for `identity`, or not sound.
///
/// # Errors
///
/// The reason why the identity itself cannot be used.
pub(super) fn open(identity: &dyn age::Identity, slot: &RecipientSlot) -> Result<Option<Key>, DecryptError> {
    let Ok(decryptor) = Decryptor::new_buffered(slot.body.as_slice()) else { return Ok(None) };
    let mut reader = match decryptor.decrypt(iter::once(identity)) {
        Ok(reader) => reader,
        Err(
            DecryptError::NoMatchingKeys
            | DecryptError::DecryptionFailed
            | DecryptError::InvalidHeader
            | DecryptError::InvalidMac
            | DecryptError::UnknownFormat,
        ) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut key = Key::zeroed();
    let is_whole = reader.read_exact(key.bytes_mut()).is_ok() && reader.read(&mut [0]).is_ok_and(|more| more == 0);
    Ok(is_whole.then_some(key))
}
