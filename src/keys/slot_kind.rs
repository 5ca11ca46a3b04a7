//! The kinds of key slots, by name.

use std::fmt;

use crate::container::Slot;

/// What opens a key slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SlotKind {
    /// Kind 1.
    Passphrase,
    /// Kind 2.
    KeyFile,
    /// Kind 3.
    Recipient,
}

impl SlotKind {
    /// The kind of `slot`.
    pub fn of(slot: &Slot) -> Self {
        match slot {
            Slot::Passphrase(_) => Self::Passphrase,
            Slot::KeyFile(_) => Self::KeyFile,
            Slot::Recipient(_) => Self::Recipient,
        }
    }

    /// The secret that opens such a slot, in lower case: "passphrase", "key file", "identity".
    pub fn secret(self) -> &'static str {
        match self {
            Self::Passphrase => "passphrase",
            Self::KeyFile => "key file",
            Self::Recipient => "identity",
        }
    }

    /// The name of what such a slot is for, in output for programs: "passphrase", "key-file", "recipient".
    #[cfg(feature = "cli")]
    pub(crate) fn in_kebab_case(self) -> String {
        self.to_string().replace(' ', "-")
    }
}

impl fmt::Display for SlotKind {
    /// What such a slot is for, in lower case: "passphrase", "key file", "recipient".
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Passphrase => "passphrase",
            Self::KeyFile => "key file",
            Self::Recipient => "recipient",
        })
    }
}
