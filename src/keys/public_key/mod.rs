//! Public keys: slots that open with an identity, through the `age` crate.

mod identities;
mod identity;
mod identity_error;
mod identity_file;
mod new_identity;
mod recipient;
mod recipient_error;
mod recipient_list;
mod slot_body;

pub use identities::Identities;
pub use identity_error::{IdentityError, IdentityFailure, IdentityFileError};
pub use new_identity::NewIdentity;
pub use recipient::Recipient;
pub use recipient_error::{RecipientError, RecipientFailure};
pub use recipient_list::{ListedRecipientError, recipients_in};

#[cfg(test)]
mod tests;
