//! Events for programs: JSON objects, in which files always have the same keys.

use std::os::unix::ffi::OsStrExt;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::message::{Message, Subject};
use crate::files::label::Label;

/// The fields of an event or of another object for programs.
pub(in crate::cli) type Fields = Map<String, Value>;

/// The `event` that reports `message`.
pub(super) fn saying(event: &str, message: &Message) -> Fields {
    let mut fields = of(event);
    fields.insert("message".to_owned(), json!(message.to_string()));
    match &message.subject {
        // Standard output is not a file with a problem, and null means standard input.
        None | Some(Subject::Named(_) | Subject::Label(Label::StandardOutput)) => {}
        Some(Subject::Label(Label::Command(program))) => {
            fields.insert("command".to_owned(), json!(program.to_string_lossy()));
        }
        Some(Subject::Label(label)) => name(&mut fields, "file", label),
    }
    if let Some(part) = &message.part
        && let Ok(Value::Object(part)) = serde_json::to_value(part)
    {
        fields.extend(part);
    }
    fields
}

/// The `event`, with no other fields yet.
pub(super) fn of(event: &str) -> Fields {
    Fields::from_iter([("event".to_owned(), json!(event))])
}

/// Names a file under `key`: null for a standard stream or a command, which then gets a key of its own; if the name is
/// not UTF-8, also its bytes in base64.
pub(in crate::cli) fn name(fields: &mut Fields, key: &str, label: &Label) {
    let path = label.path();
    fields.insert(key.to_owned(), json!(path.map(|path| path.to_string_lossy())));
    if let Label::Command(program) = label {
        fields.insert("command".to_owned(), json!(program.to_string_lossy()));
    }
    if let Some(path) = path.filter(|path| path.to_str().is_none()) {
        let bytes = STANDARD.encode(path.as_os_str().as_bytes());
        fields.insert(format!("{key}_bytes"), json!(bytes));
    }
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, path::Path};

    use super::*;

    #[test]
    fn a_name_is_given_as_it_is_and_one_that_is_not_utf_8_also_as_bytes() {
        let named = |label: Label| {
            let mut fields = Fields::new();
            name(&mut fields, "file", &label);
            Value::Object(fields)
        };
        assert_eq!(named(Path::new("a\n\\b").into()), json!({"file": "a\n\\b"}));
        let foreign = Path::new(OsStr::from_bytes(b"caf\xe9"));
        assert_eq!(named(foreign.into()), json!({"file": "caf\u{fffd}", "file_bytes": "Y2Fm6Q=="}));
        assert_eq!(named(Label::StandardInput), json!({"file": null}));
    }

    #[test]
    fn a_message_that_is_not_about_a_file_names_none() {
        let about = |subject: Subject| Value::Object(saying("error", &Message::about(subject, "no")));
        assert_eq!(about("the prompt".into()), json!({"event": "error", "message": "the prompt: no"}));
        let output = about((&Label::StandardOutput).into());
        assert_eq!(output, json!({"event": "error", "message": "standard output: no"}));
        let input = about((&Label::StandardInput).into());
        assert_eq!(input, json!({"event": "error", "file": null, "message": "standard input: no"}));
    }
}
