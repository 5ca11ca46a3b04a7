//! The warning for a secret in a file that others can read.

use std::fs::File;

use crate::{
    cli::messages::{
        message::{Message, Subject},
        report,
    },
    files::exposure::is_exposed,
};

/// Warns if others can read `file`, which holds a secret.
pub(in crate::cli) fn warn_if_exposed(subject: impl Into<Subject>, file: &File) {
    if file.metadata().is_ok_and(|metadata| is_exposed(&metadata)) {
        report::warning(&Message::about(subject, "others can read this secret; chmod 600 makes it private"));
    }
}
