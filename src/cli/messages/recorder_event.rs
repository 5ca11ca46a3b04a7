//! One thing that happens while a recorder runs, reported to people or to programs.

use std::{ffi::OsStr, path::Path};

use serde_json::Value;

use super::{
    event::{self, Fields},
    message::Message,
    report,
};
use crate::files::label::Label;

pub(super) enum Importance {
    Detail,
    Warning,
}

/// Reports `message` to people, or the object to programs, which are told even what is of little importance.
pub(super) fn tell(message: &Message, importance: Importance, object: impl FnOnce() -> Value) {
    if report::is_json() {
        return report::event(object);
    }
    match importance {
        Importance::Detail => report::detail(&message.to_string()),
        Importance::Warning => report::warning(message),
    }
}

pub(super) fn of_command(name: &str, program: &OsStr, more: &[(&str, Value)]) -> Value {
    with(event::of(name), &Label::Command(program.to_owned()), more)
}

pub(super) fn of_file(name: &str, path: &Path, more: &[(&str, Value)]) -> Value {
    with(event::of(name), &path.into(), more)
}

fn with(mut fields: Fields, label: &Label, more: &[(&str, Value)]) -> Value {
    event::name(&mut fields, "file", label);
    fields.extend(more.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    fields.into()
}
